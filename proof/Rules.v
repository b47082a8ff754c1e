(** * The rules

    What a schedule has to satisfy: structure (each instance is pushed once, counts equal the slots of the users, ...)
    and rules H1 to H10 as orders in the event graph. [Soundness.v] shows that they suffice; [Check.v] decides them. *)
Require Import List Arith Bool PArith.
From wlm Require Import Machine.
Import ListNotations.

Section RULES.
Variable G : prog.
Notation hb := (hb G).

Definition weight (o : option (nat * nat)) (k : nat) : nat :=
  match o with Some (j, w) => if j =? k then w else 0 | None => 0 end.
(** Slots of the users of an instance that are not in [d]. *)
Definition total (u : id -> id -> option (nat * nat)) (d : list id) (b : id) (k : nat) : nat :=
  list_sum (map (fun x => if mem d x then 0 else weight (u x b) k) (all G)).

(** What has certainly happened when task start [y] reads zero on all its barriers: what comes before it without its
    barriers, and, where re-arming is atomic, the producers of every instance that is then known to be armed: either it
    is the current one, which reads zero, or it is over. *)
Inductive Known (y : id) : id -> Prop :=
| k_ctl c q : In q (ctl G y) -> c = q \/ hb c q -> Known y c
| k_read c b k j x w : atomic G = true -> wts G y b = Some k -> j <= k ->
    (forall z, arms G b j z -> Known y z) -> pro G x b = Some (j, w) -> c = x \/ hb c x -> Known y c.

(** [rank] is one order in which everything can happen; [segs] lists the events that push into a work FIFO, in order. *)
Record rules (rank : id -> nat) (segs : id -> list id) : Prop := {
  (* the graph: H7 *)
  g_nodup : NoDup (all G);
  g_all : forall x y, edge G x y -> In y (all G) -> In x (all G) /\ rank x < rank y;
  (* barriers: counts (H9), producers (H7), pushes (H6) *)
  b_pro : forall x b k w, pro G x b = Some (k, w) -> In x (all G) /\ k < ninst G b /\ 0 < w;
  b_con : forall x b k w, con G x b = Some (k, w) -> In x (all G) /\ k < ninst G b /\ 0 < w /\
            exists y, wts G y b = Some k /\ (y = x \/ hb y x);
  b_wts : forall y b k, wts G y b = Some k -> k < ninst G b /\ exists x w, con G x b = Some (k, w) /\ (x = y \/ hb y x);
  b_made : forall b k, k < ninst G b -> exists x w, pro G x b = Some (k, w);
  b_fin : exists l, forall b, 0 < ninst G b -> In b l;
  b_cP : forall b k, k < ninst G b -> cP G b k = total (pro G) [] b k;
  b_cC : forall b k, k < ninst G b -> cC G b k = total (con G) [] b k;
  b_loaded : forall b, loaded G b <= ninst G b /\ loaded G b <= S (depthB G);
  b_push : forall x b k, In k (bps G x b) -> In x (all G) /\ loaded G b <= k < ninst G b;
  b_pushed : forall b k, k < ninst G b -> loaded G b <= k -> exists x, In k (bps G x b);
  b_once : forall x y b k, In k (bps G x b) -> In k (bps G y b) -> x = y;
  b_run : forall x b, exists k, bps G x b = seq k (length (bps G x b));
  (* H1, H2, H3 *)
  h1 : forall y b k c, wts G y b = Some k -> arms G b k c -> Known y c;
  h2 : forall x b k w c, pro G x b = Some (k, w) -> arms G b k c -> hb c x;
  h3 : forall x b k c, In k (bps G x b) -> depthB G < k -> user G b (k - depthB G - 1) c -> hb c x;
  h3_order : forall x y b k, In k (bps G x b) -> In (S k) (bps G y b) -> x = y \/ hb x y;
  (* work FIFOs: H6 *)
  q_nodup : forall q, NoDup (lst G q);
  q_pop : forall q x, In x (all G) -> (pop G x = Some q <-> In x (lst G q));
  q_all : forall q x, In x (lst G q) -> In x (all G);
  q_order : forall q a x y z, lst G q = a ++ x :: y :: z -> exists c, In c (ctl G y) /\ (x = c \/ hb x c);
  q_segs : forall q, lst G q = firstn (boot G q) (lst G q) ++ flat_map (fun e => pushes G e q) (segs q);
  q_segs_nodup : forall q, NoDup (segs q);
  q_segs_in : forall q e, In e (segs q) <-> (In e (all G) /\ exists l, qps G e = Some (q, l));
  q_segs_order : forall q a x y z, segs q = a ++ x :: y :: z -> exists c, In c (ctl G y) /\ (x = c \/ hb x c);
  q_some : forall e q l, In e (all G) -> qps G e = Some (q, l) -> l <> [];
  q_room : forall e q l x, In e (all G) -> qps G e = Some (q, l) -> block G e = false -> frees G q x l -> hb x e;
  q_boot : forall q, cnt G (firstn (boot G q) (lst G q)) <= S (depthQ G q);
  q_end : forall q h, In h (lst G q) -> hb h (endof G h) /\ In (endof G h) (all G);
  q_servers : forall q m a h z, lim G q = Some m -> lst G q = a ++ h :: z ->
     length (filter (fun x => rank h <=? rank (endof G x)) a) < m;
  (* descriptors: H4, H5; data: H8 *)
  d_read : forall h x, reads G h = Some x -> exists f g, kills G f x = true /\ loads G g x = Some h /\ hb f g /\
     hb g h /\ hb h (endof G h) /\ (kills G g x = false) /\
     (forall e i, e <> f -> e <> g -> (kills G e x = true \/ loads G e x = Some i) -> hb (endof G h) e \/ hb e f);
  h8 : forall a b, In a (all G) -> In b (all G) -> (a < b)%positive -> conflict G a b -> hb (accEnd G a) b /\ hb a (accEnd G a);
  (* firmware *)
  f_order : forall a b l m, hand G = l ++ a :: m -> In b m -> (a < b)%positive;
  f_hnd : forall h, In h (hand G) -> serves G (hnd G h) = Some h /\ In (hnd G h) (all G) /\ ctl G (hnd G h) = [] /\
     urg G (hnd G h) = false /\
     pop G (hnd G h) = None /\ qps G (hnd G h) = None /\ (forall b, wts G (hnd G h) b = None);
  f_serves : forall e h, In e (all G) -> serves G e = Some h -> e = hnd G h /\ In h (hand G);
  f_src : forall h b k, In h (hand G) -> src G h = inl (b, k) -> k < ninst G b;
  (* urgent events need nothing but what comes before them *)
  u_plain : forall e, urg G e = true -> serves G e = None /\ forall b, wts G e b = None;
  (* H10 *)
  t_tail : snd (tail G) < ninst G (fst (tail G));
  h10 : forall e, In e (ends G) -> exists x w, pro G x (fst (tail G)) = Some (snd (tail G), w) /\ (e = x \/ hb e x)
}.
End RULES.
