(** * The machine

    A schedule is a finite set of events: head, start and end of every task, the transfer and the pushes of an ENQUEUE
    that may have to wait for room, the handlers of firmware and the work items it pushes. [prog] says for each event
    what it needs and what it does; [Elaborate.v] makes a [prog] of a program of tasks. The state of the machine is what
    the hardware has: counters, FIFOs, descriptor slots, the interrupts that are pending. One step executes one event
    that is enabled; durations and delays do not occur, so every interleaving stands for all timings that lead to it.

    A physical barrier knows counters only. The number of the instance that is current ([cur]) is a shadow: nothing the
    machine does depends on it, hazards are defined by it. *)
Require Import List Arith Bool PArith NArith.
Import ListNotations.

Notation id := positive.

(** Bytes [low] to [high) of an address space. *)
Record access := Access { a_space : id; a_low : N; a_high : N; a_writes : bool }.
Definition touches_byte (u : access) (x : N) : Prop := (a_low u <= x < a_high u)%N.

Record prog := {
  (* events *)
  all : list id;                        (* all of them *)
  ctl : id -> list id;                  (* order inside a task and between neighbours of an engine *)
  urg : id -> bool;                     (* happens as soon as it can: heads, pushes that wait for room *)
  slow : id -> bool;                    (* takes time: ends, transfers, what firmware does; a start may take none *)
  (* barriers: event, barrier -> instance, slots *)
  wts : id -> id -> option nat;         (* must read zero *)
  con : id -> id -> option (nat * nat); (* takes slots off the consumer counter *)
  pro : id -> id -> option (nat * nat); (* takes slots off the producer counter *)
  bps : id -> id -> list nat;           (* pushes these instances into the FIFO of the barrier *)
  ninst : id -> nat;                    (* instances of a barrier *)
  cP : id -> nat -> nat;                (* producers and consumers as configured *)
  cC : id -> nat -> nat;
  loaded : id -> nat;                   (* loaded at bootstrap, the current one included *)
  depthB : nat;                         (* instances behind the current one *)
  atomic : bool;                        (* re-arming: atomic, or else acknowledged *)
  (* engines and their work FIFOs; a task is known by its head *)
  lst : id -> list id;                  (* the tasks of an engine in order *)
  boot : id -> nat;                     (* so many are pushed at bootstrap *)
  qps : id -> option (id * list id);    (* the event pushes these tasks *)
  block : id -> bool;                   (* the push waits for room *)
  entry : id -> bool;                   (* the task begins an entry of the FIFO; else it is linked to the one before *)
  depthQ : id -> nat;                   (* entries behind the one at head *)
  pop : id -> option id;                (* a head: taken from the FIFO of this engine *)
  endof : id -> id;                     (* head -> end of the same task *)
  lim : id -> option nat;               (* servers of a pool *)
  (* descriptors: a fetch makes its slots unreadable when it starts and fills them when it ends *)
  reads : id -> option id;              (* head -> slot of its descriptor *)
  kills : id -> id -> bool;             (* event, slot *)
  loads : id -> id -> option id;        (* event, slot -> the task whose descriptor arrives *)
  (* data: start -> what it may touch until its end *)
  acc : id -> list access;
  accEnd : id -> id;
  (* firmware: interrupts in the order in which simultaneous ones are served *)
  hand : list id;
  src : id -> (id * nat) + id;          (* over of an instance, or the end of a fetch *)
  hnd : id -> id;                       (* the event that serves it *)
  serves : id -> option id;
  byid : bool;                          (* serves the lowest pending one, not the oldest *)
  (* completion *)
  ends : list id;                       (* the ends of all tasks *)
  tail : id * nat
}.

Definition mem (l : list id) (x : id) : bool := existsb (Pos.eqb x) l.

Section MACHINE.
Variable G : prog.

(** ** The event graph: orders that the machine guarantees *)

Definition user (b : id) (k : nat) (x : id) : Prop :=
  (exists w, pro G x b = Some (k, w)) \/ (exists w, con G x b = Some (k, w)).

(** An instance is armed when the one before is over and its own push has landed. *)
Definition arms (b : id) (k : nat) (x : id) : Prop :=
  In k (bps G x b) \/ exists j, k = S j /\ user b j x.

Definition causes (h x : id) : Prop :=
  match src G h with inl (b, k) => user b k x | inr f => x = f end.

Definition cnt (l : list id) : nat := length (filter (entry G) l).

(** Before tasks [l] can be in the FIFO of [q], the engine must have taken [x]: else more than [depthQ] are in it. *)
Definition frees (q x : id) (l : list id) : Prop :=
  exists a m p z, lst G q = a ++ (x :: m) ++ z /\ lst G q = p ++ l ++ z /\ depthQ G q < cnt (x :: m).

Inductive edge (x y : id) : Prop :=
| e_ctl : In x (ctl G y) -> edge x y
| e_wait b k w : wts G y b = Some k -> pro G x b = Some (k, w) -> edge x y
| e_pop q l : pop G y = Some q -> qps G x = Some (q, l) -> In y l -> edge x y
| e_room q l : block G y = true -> qps G y = Some (q, l) -> frees q x l -> edge x y
| e_raise h : serves G y = Some h -> causes h x -> edge x y.

(** [hb x y]: in every run in which y happens, x happens before it. Two orders are derived. Of two interrupts firmware
    serves first the one that certainly came first (or, if one and the same event can raise both, the lower number).
    An urgent event comes before whatever takes time and comes after all it waits for. *)
Inductive hb : id -> id -> Prop :=
| hb_edge x y : edge x y -> hb x y
| hb_trans x y z : hb x y -> hb y z -> hb x z
| hb_serve a b (f : id -> id) : In a (hand G) -> In b (hand G) ->
    (forall x, causes a x -> causes b (f x)) ->
    (forall x, causes a x -> x = f x -> (a < b)%positive) ->
    (forall x, causes a x -> x <> f x -> hb x (f x)) ->
    (byid G = true -> (a < b)%positive) ->
    hb (hnd G a) (hnd G b)
| hb_join j y : In j (all G) -> urg G j = true -> urg G y = false -> slow G y = true ->
    (forall x, edge x j -> hb x y) ->
    (forall q m a z x, pop G j = Some q -> lim G q = Some m -> lst G q = a ++ j :: z ->
       In x (firstn (S (length a) - m) a) -> hb (endof G x) y) ->
    hb j y.

(** ** States *)

Record bst := Bst { cur : nat; P : nat; C : nat; fifo : list nat }. (* cur = 1 + the current instance; 0: none yet *)

Record st := St {
  done : list id;            (* the run so far, latest first *)
  bar : id -> bst;
  que : id -> list id;       (* work FIFOs *)
  po : id -> nat;            (* tasks that the engine has taken *)
  des : id -> option id;     (* descriptor slots *)
  pq : list id               (* pending interrupts, oldest first *)
}.

(** A barrier that is over takes its next instance, if there is one; else it stays and reads as lifted. *)
Definition over (x : bst) : bool := (P x =? 0) && (C x =? 0).
Definition take (b : id) (x : bst) : bst :=
  if over x then match fifo x with k :: r => Bst (S k) (cP G b k) (cC G b k) r | [] => x end else x.

Definition init : st := {|
  done := [];
  bar := fun b => take b (Bst 0 0 0 (seq 0 (loaded G b)));
  que := fun q => firstn (boot G q) (lst G q);
  po := fun _ => 0;
  des := fun _ => None;
  pq := []
|}.

(** ** Steps *)

(** Tasks of an engine at head that have not ended. *)
Definition flight (d : list id) (q : id) : list id :=
  filter (fun h => mem d h && negb (mem d (endof G h))) (lst G q).

Definition turn (h : id) (l : list id) : Prop :=
  if byid G then In h l /\ forall i, In i l -> (h <= i)%positive else hd_error l = Some h.

(** Acknowledged re-arming: while a barrier that is over has not taken its next instance, nothing happens that comes
    after all that arms it; what is not ordered with it does happen, and sees the old counters. *)
Definition pending (s : st) (b : id) (k : nat) : Prop :=
  over (bar s b) = true /\ hd_error (fifo (bar s b)) = Some k.
Definition acked (s : st) (e : id) : Prop :=
  atomic G = true \/ forall b k, pending s b k -> ~ (forall c, arms b k c -> hb c e).

Record raw (s : st) (e : id) : Prop := {
  r_all : In e (all G);
  r_new : ~ In e (done s);
  r_ctl : forall x, In x (ctl G e) -> In x (done s);
  r_wts : forall b k, wts G e b = Some k -> P (bar s b) = 0;
  r_pop : forall q, pop G e = Some q -> hd_error (que s q) = Some e;
  r_lim : forall q m, pop G e = Some q -> lim G q = Some m -> length (flight (done s) q) < m;
  r_room : forall q l, qps G e = Some (q, l) -> block G e = true -> cnt (que s q ++ l) <= depthQ G q;
  r_turn : forall h, serves G e = Some h -> turn h (pq s);
  r_ack : acked s e
}.

(** Urgent events go first: nothing that takes time happens while one of them can. A start may happen before, in the
    very instant in which the task is at head. *)
Definition enabled (s : st) (e : id) : Prop :=
  raw s e /\ (urg G e = false -> slow G e = true -> forall j, urg G j = true -> ~ raw s j).

Definition dec (o : option (nat * nat)) (n : nat) : nat := match o with Some (_, w) => n - w | None => n end.
Definition touched (s : st) (e b : id) : bst :=
  let x := bar s b in Bst (cur x) (dec (pro G e b) (P x)) (dec (con G e b) (C x)) (fifo x ++ bps G e b).
Definition touches (e b : id) : bool := match pro G e b, con G e b with None, None => false | _, _ => true end.
Definition raised (s : st) (e h : id) : bool :=
  match src G h with
  | inl (b, k) => touches e b && (cur (bar s b) =? S k) && over (touched s e b)
  | inr f => Pos.eqb e f
  end.
Definition pushes (e q : id) : list id :=
  match qps G e with Some (r, l) => if Pos.eqb q r then l else [] | None => [] end.
Definition pops (e q : id) : bool := match pop G e with Some r => Pos.eqb q r | None => false end.
Definition served (e h : id) : bool := match serves G e with Some i => Pos.eqb h i | None => false end.

Definition fire (s : st) (e : id) : st := {|
  done := e :: done s;
  bar := fun b => if atomic G then take b (touched s e b) else touched s e b;
  que := fun q => (if pops e q then tl (que s q) else que s q) ++ pushes e q;
  po := fun q => if pops e q then S (po s q) else po s q;
  des := fun x => if kills G e x then None else match loads G e x with Some h => Some h | None => des s x end;
  pq := filter (fun h => negb (served e h)) (pq s) ++ filter (raised s e) (hand G)
|}.

Definition rearm (s : st) (b : id) : st := {|
  done := done s;
  bar := fun c => if Pos.eqb c b then take b (bar s b) else bar s c;
  que := que s; po := po s; des := des s; pq := pq s
|}.

Inductive step (s : st) : st -> Prop :=
| s_fire e : enabled s e -> step s (fire s e)
| s_rearm b k : atomic G = false -> pending s b k -> step s (rearm s b).

Inductive reach : st -> Prop :=
| r_init : reach init
| r_step s t : reach s -> step s t -> reach t.

(** ** Hazards: an event that can happen and must not *)

(** Two accesses of one byte, one of them a write. The order of the program is that of the numbers of events. *)
Definition conflict (a b : id) : Prop :=
  exists u v x, In u (acc G a) /\ In v (acc G b) /\ a_space u = a_space v /\ touches_byte u x /\ touches_byte v x /\
    a_writes u || a_writes v = true.

Inductive hazard (s : st) (e : id) : Prop :=
| h_stale_wait b k : wts G e b = Some k -> cur (bar s b) <> S k -> hazard s e                            (* H1 *)
| h_stale_use b k : user b k e -> cur (bar s b) <> S k -> hazard s e                                     (* H2 *)
| h_producers b k w : pro G e b = Some (k, w) -> P (bar s b) < w -> hazard s e                           (* H2 *)
| h_consumers b k w : con G e b = Some (k, w) -> C (bar s b) < w -> hazard s e                           (* H1 *)
| h_push_order b : bps G e b <> seq (cur (bar s b) + length (fifo (bar s b))) (length (bps G e b)) -> hazard s e
| h_push_room b : bps G e b <> [] -> depthB G < length (fifo (take b (touched s e b))) -> hazard s e      (* H3 *)
| h_no_descriptor x : reads G e = Some x -> des s x <> Some e -> hazard s e                              (* H4 *)
| h_overwrite x h : kills G e x = true -> reads G h = Some x -> In h (done s) -> ~ In (endof G h) (done s) ->
    hazard s e                                                                                           (* H5 *)
| h_work_order q l : qps G e = Some (q, l) ->
    que s q ++ l <> firstn (length (que s q ++ l)) (skipn (po s q) (lst G q)) -> hazard s e              (* H6 *)
| h_work_room q l : qps G e = Some (q, l) -> block G e = false -> depthQ G q < cnt (que s q ++ l) -> hazard s e
| h_race_before a : conflict a e -> (a < e)%positive -> In a (all G) -> ~ In (accEnd G a) (done s) -> hazard s e
| h_race_after a : conflict a e -> (e < a)%positive -> In a (done s) -> hazard s e.                      (* H8 *)

End MACHINE.
