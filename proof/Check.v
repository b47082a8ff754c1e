(** * The certificate checker

    [check S K = true] implies the rules ([Sound.v] proves it). All it does is look up tables and compare clocks. Each
    definition checks one kind of thing: an event, a barrier, a work FIFO, a descriptor slot, the data. *)
Require Import List Arith Bool PArith NArith FMapPositive.
From wlm Require Import Machine Rules Tables Clocks.
Import ListNotations.

Definition memp (x : id) (l : list id) : bool := existsb (Pos.eqb x) l.
Definition index {A} (l : list (id * A)) : PM.t A := fold_left (fun m x => PM.add (fst x) (snd x) m) l (PM.empty A).
Fixpoint asc (l : list id) : bool :=
  match l with x :: ((y :: _) as r) => Pos.ltb x y && asc r | _ => true end.
Definition is_nat (o : option nat) (k : nat) : bool := match o with Some j => Nat.eqb j k | None => false end.
Definition is_id (o : option id) (x : id) : bool := match o with Some y => Pos.eqb x y | None => false end.
Fixpoint eqbl (a b : list id) : bool :=
  match a, b with [], [] => true | x :: a, y :: b => Pos.eqb x y && eqbl a b | _, _ => false end.
Fixpoint eqbn (a b : list nat) : bool :=
  match a, b with [], [] => true | x :: a, y :: b => Nat.eqb x y && eqbn a b | _, _ => false end.
(** [ok] holds of all neighbours. *)
Fixpoint adjacent {A} (ok : A -> A -> bool) (l : list A) : bool :=
  match l with x :: ((y :: _) as r) => ok x y && adjacent ok r | _ => true end.

Section CHECK.
Variable S : sched.
Variable K : cert.
Notation ev := (get (sM S)).
Notation leb := (leb K).
Notation ltb := (ltb K).
Notation inst := (inst K).
Notation inM := (inM S).
Notation under := (under K).

Definition ninstb (b : id) : nat := length (br_inst (bget S b)).
Definition armsl (b : id) (k : nat) : list id :=
  opt (gq (inst b k)) ++ match k with 0 => [] | Datatypes.S j => gp (inst b j) ++ gc (inst b j) end.

(** ** Events *)
Definition pro_ok (e : id) (p : id * (nat * nat)) : bool :=
  let '(b, (k, w)) := p in Nat.ltb 0 w && Nat.ltb k (ninstb b) && memp e (gp (inst b k)).
Definition con_ok (e : id) (p : id * (nat * nat)) : bool :=
  let '(b, (k, w)) := p in Nat.ltb 0 w && Nat.ltb k (ninstb b) && memp e (gc (inst b k)) &&
  existsb (fun y => is_nat (assoc b (x_wts (ev y))) k) (e :: x_ctl (ev e)).
Definition wts_ok (e : id) (p : id * nat) : bool :=
  let (b, k) := p in Nat.ltb k (ninstb b) && existsb (fun x => leb e x) (gc (inst b k)).
Definition bps_ok (e : id) (p : id * list nat) : bool :=
  let (b, l) := p in eqbn l (seq (hd 0 l) (length l)) &&
  forallb (fun k => is_id (gq (inst b k)) e && Nat.leb (br_loaded (bget S b)) k && Nat.ltb k (ninstb b)) l.

(** H1. A step says: these producers must have ended, because this instance is armed and its barrier reads zero. *)
Fixpoint widen (e : id) (known : list id) (l : list (id * nat)) : option (list id) :=
  match l with
  | [] => Some known
  | (b, j) :: r =>
    if sAtomic S && match assoc b (x_wts (ev e)) with Some k => Nat.leb j k | None => false end
       && forallb (fun c => under c known) (armsl b j)
    then widen e (gp (inst b j) ++ known) r else None
  end.
Definition steps (e : id) : list (id * nat) := match PM.find e (cSteps K) with Some l => l | None => [] end.
(** What a start comes after, its barriers aside; of one with a single wait the head alone, which comes first. *)
Definition before_waits (v : evt) : list id := match x_wts v with [_] => firstn 1 (x_ctl v) | _ => x_ctl v end.
Definition h1_ok (e : id) : bool :=
  match x_wts (ev e) with
  | [] => true
  | w => match widen e (before_waits (ev e)) (steps e) with
         | Some known => forallb (fun bk => forallb (fun c => under c known) (armsl (fst bk) (snd bk))) w
         | None => false
         end
  end.

Definition eno (x : id) : nat := match PM.find x (cEno K) with Some n => n | None => 0 end.
Definition room_ok (headq : PM.t id) (e q : id) (l : list id) : bool :=
  let n := eno (last l 1%positive) in let d := q_depth (qget S q) in
  if Nat.leb n d then match PM.find e (cRoom K) with None => true | Some _ => false end
  else match PM.find e (cRoom K) with
       | None => false
       | Some r => is_id (PM.find r headq) q && x_entry (ev r) && Nat.eqb (eno r) (n - d) && (x_block (ev e) || ltb r e)
       end.
Definition qps_ok (headq segq : PM.t id) (e : id) : bool :=
  match x_qps (ev e) with
  | None => negb (x_block (ev e))
  | Some (q, l) =>
    match l with [] => false | _ => true end && is_id (PM.find e segq) q &&
    forallb (fun h => is_id (PM.find h (cOwner K)) e) l && room_ok headq e q l
  end.
Definition pop_ok (headq : PM.t id) (e : id) : bool :=
  match x_pop (ev e) with
  | None => true
  | Some q => is_id (PM.find e headq) q && inM (x_end (ev e)) && ltb e (x_end (ev e)) &&
    match PM.find e (cOwner K) with
    | None => true
    | Some x => match x_qps (ev x) with Some (r, l) => Pos.eqb q r && memp e l && inM x | None => false end
    end
  end.
Definition slots (x : id) : list (id * (id * id)) := match PM.find x (cSlots K) with Some l => l | None => [] end.
Definition reads_ok (e : id) : bool :=
  match x_reads (ev e) with
  | None => true
  | Some x => match PM.find e (cFetch K) with
              | None => false
              | Some (f, g) => existsb (fun t => Pos.eqb f (fst t) && Pos.eqb g (fst (snd t)) && Pos.eqb e (snd (snd t))) (slots x)
              end
  end.
Definition touch_ok (e x : id) : bool := existsb (fun t => Pos.eqb e (fst t) || Pos.eqb e (fst (snd t))) (slots x).
Definition serves_ok (e : id) : bool :=
  match x_serves (ev e) with None => true | Some h => Pos.eqb e (handler h) && memp h (sHand S) end.
Definition urg_ok (e : id) : bool :=
  negb (x_urg (ev e)) || (match x_serves (ev e) with None => true | _ => false end && match x_wts (ev e) with [] => true | _ => false end).

Definition event_ok (headq segq : PM.t id) (starts : PM.t unit) (e : id) : bool :=
  let v := ev e in
  asc (map fst (x_wts v)) && asc (map fst (x_con v)) && asc (map fst (x_pro v)) && asc (map fst (x_bps v)) &&
  forallb (pro_ok e) (x_pro v) && forallb (con_ok e) (x_con v) && forallb (wts_ok e) (x_wts v) &&
  forallb (bps_ok e) (x_bps v) && h1_ok e && qps_ok headq segq e && pop_ok headq e && reads_ok e &&
  forallb (touch_ok e) (x_kills v) && forallb (fun t => touch_ok e (fst t)) (x_loads v) &&
  serves_ok e && urg_ok e &&
  match x_acc v with [] => true | _ => PM.mem e starts end.

(** ** Barriers *)
Definition sum (u : evt -> list (id * (nat * nat))) (b : id) (l : list id) : nat :=
  list_sum (map (fun x => match assoc b (u (ev x)) with Some (_, w) => w | None => 0 end) l).
Definition users_ok (u : evt -> list (id * (nat * nat))) (b : id) (k count : nat) (l : list id) : bool :=
  asc l && forallb (fun x => inM x && match assoc b (u (ev x)) with Some (j, _) => Nat.eqb j k | None => false end) l &&
  Nat.eqb (sum u b l) count.
Definition inst_ok (b : id) (loaded k : nat) (c : nat * nat) : bool :=
  let i := inst b k in
  match gp i with [] => false | _ => true end &&
  users_ok x_pro b k (fst c) (gp i) && users_ok x_con b k (snd c) (gc i) &&
  forallb (fun p => forallb (fun c => ltb c p) (armsl b k)) (gp i) &&                                (* H2 *)
  match gq i with
  | None => Nat.ltb k loaded
  | Some x => Nat.leb loaded k && inM x &&
      match assoc b (x_bps (ev x)) with Some l => existsb (Nat.eqb k) l | None => false end &&
      (Nat.leb k (sDepth S) ||                                                                      (* H3 *)
       let j := inst b (k - sDepth S - 1) in forallb (fun c => ltb c x) (gp j) && forallb (fun c => ltb c x) (gc j)) &&
      match k with
      | 0 => true
      | Datatypes.S j => match gq (inst b j) with Some y => leb y x | None => true end
      end
  end.
Fixpoint insts_ok (b : id) (loaded k : nat) (l : list (nat * nat)) : bool :=
  match l with [] => true | c :: r => inst_ok b loaded k c && insts_ok b loaded (Datatypes.S k) r end.
Definition barrier_ok (b : id) (r : brec) : bool :=
  Nat.leb (br_loaded r) (length (br_inst r)) && Nat.leb (br_loaded r) (Datatypes.S (sDepth S)) &&
  insts_ok b (br_loaded r) 0 (br_inst r).

(** ** Work FIFOs *)
(** [x] comes before [y] by the order inside tasks and between neighbours alone. *)
Fixpoint path (n : nat) (x y : id) : bool :=
  match n with 0 => false | Datatypes.S m => existsb (fun c => Pos.eqb x c || path m x c) (x_ctl (ev y)) end.
Fixpoint eno_ok (n : nat) (l : list id) : bool :=
  match l with
  | [] => true
  | h :: r => let n' := if x_entry (ev h) then Datatypes.S n else n in
              is_nat (PM.find h (cEno K)) n' && eno_ok n' r
  end.
Definition segsl (q : id) : list id := match PM.find q (cSegs K) with Some l => l | None => [] end.
Definition pushedl (q : id) (e : id) : list id :=
  match x_qps (ev e) with Some (r, l) => if Pos.eqb q r then l else [] | None => [] end.
Definition rank (e : id) : N := rk (clk K e).
(** At most [m - 1] of the tasks before may end after the head, in the order of the ranks. *)
Fixpoint servers_ok (m : nat) (before l : list id) : bool :=
  match l with
  | [] => true
  | h :: r => Nat.ltb (length (filter (fun x => N.leb (rank h) (rank (x_end (ev x)))) before)) m && servers_ok m (before ++ [h]) r
  end.
Definition queue_ok (q : id) (r : qrec) : bool :=
  let l := q_lst r in
  asc l && forallb (fun h => inM h && is_id (x_pop (ev h)) q) l &&
  adjacent (fun x y => path 3 x y && N.ltb (rank x) (rank y)) l && eno_ok 0 l &&
  eqbl l (firstn (q_boot r) l ++ flat_map (pushedl q) (segsl q)) &&
  Nat.leb (length (filter (fun x => x_entry (ev x)) (firstn (q_boot r) l))) (Datatypes.S (q_depth r)) &&
  match q_lim r with None => true | Some m => servers_ok m [] l end.
Definition segs_ok (q : id) (l : list id) : bool :=
  PM.mem q (sQ S) && forallb (fun e => inM e && match x_qps (ev e) with Some (r, _) => Pos.eqb q r | None => false end) l &&
  adjacent (fun x y => N.ltb (rank x) (rank y) && under x (x_ctl (ev y))) l.

(** ** Descriptors: end of the former user before the next fetch *)
Definition slot_entry_ok (x : id) (t : id * (id * id)) : bool :=
  let '(f, (g, h)) := t in
  inM f && inM g && inM h && inM (x_end (ev h)) && is_id (x_reads (ev h)) x && memp x (x_kills (ev f)) && negb (memp x (x_kills (ev g))) &&
  is_id (assoc x (x_loads (ev g))) h && ltb f g && ltb g h && ltb h (x_end (ev h)).
Definition slot_ok (x : id) (l : list (id * (id * id))) : bool :=
  forallb (slot_entry_ok x) l && adjacent (fun t u => ltb (x_end (ev (snd (snd t)))) (fst u)) l.

(** ** Data: each access after the last write, each write after the reads since

    Per space a list of segments: upper bound and history of the bytes up to it, from the bound before. *)
Definition history := (option id * list id)%type.     (* the last writer, who has read since *)
Definition fresh : history := (None, []).
Definition segments := list (N * history).
Fixpoint cut (c : N) (l : segments) : segments :=
  match l with
  | [] => [(c, fresh)]
  | (h, s) :: r => if N.ltb c h then (c, s) :: l else if N.eqb c h then l else (h, s) :: cut c r
  end.
Definition after (b a : id) : bool := Pos.eqb a b || ltb (x_accEnd (ev a)) b.
Definition history_ok (b : id) (writes : bool) (s : history) : bool :=
  match fst s with Some a => after b a | None => true end && (negb writes || forallb (after b) (snd s)).
Definition record (b : id) (writes : bool) (s : history) : history := if writes then (Some b, []) else (fst s, b :: snd s).
(** Visit the segments of [low, high), which are bounds; a write makes one segment of them. *)
Fixpoint visit (b : id) (writes : bool) (low high : N) (l : segments) : option segments :=
  match l with
  | [] => Some []
  | (h, s) :: r =>
    if N.leb h low then option_map (cons (h, s)) (visit b writes low high r)
    else if N.leb h high then
      if history_ok b writes s then
        if writes && negb (N.eqb h high) then visit b writes low high r
        else option_map (cons (h, record b writes s)) (visit b writes low high r)
      else None
    else Some l
  end.
Definition mem_state := PM.t segments.
Definition look (m : mem_state) (sp : id) : segments := match PM.find sp m with Some l => l | None => [] end.
Definition access_ok (b : id) (m : option mem_state) (u : access) : option mem_state :=
  match m with
  | None => None
  | Some m =>
    if N.ltb (a_low u) (a_high u) then
      option_map (fun l => PM.add (a_space u) l m)
        (visit b (a_writes u) (a_low u) (a_high u) (cut (a_high u) (cut (a_low u) (look m (a_space u)))))
    else Some m
  end.
Definition task_data (m : option mem_state) (b : id) : option mem_state :=
  if inM b && inM (x_accEnd (ev b)) && ltb b (x_accEnd (ev b)) then fold_left (access_ok b) (x_acc (ev b)) m else None.
Definition data_ok : bool :=
  asc (cStarts K) && match fold_left task_data (cStarts K) (Some (PM.empty _)) with Some _ => true | None => false end.

(** ** Firmware, completion *)
Definition hand_ok (h : id) : bool :=
  let v := ev (handler h) in
  inM (handler h) && is_id (x_serves v) h && negb (x_urg v) &&
  match x_ctl v, x_pop v, x_qps v, x_wts v with [], None, None, [] => true | _, _, _, _ => false end &&
  match PM.find h (sSrc S) with Some (inl (b, k)) => Nat.ltb k (ninstb b) | Some (inr f) => inM f | None => false end.
Definition tail_ok : bool :=
  let (b, k) := sTail S in
  Nat.ltb k (ninstb b) && let ps := gp (inst b k) in forallb (fun e => inM e && under e ps) (sEnds S).

Definition headq_of : PM.t id :=
  index (flat_map (fun qr : id * qrec => map (fun h => (h, fst qr)) (q_lst (snd qr))) (PM.elements (sQ S))).
Definition segq_of : PM.t id :=
  index (flat_map (fun ql : id * list id => map (fun e => (e, fst ql)) (snd ql)) (PM.elements (cSegs K))).
Definition starts_of : PM.t unit := index (map (fun x => (x, tt)) (cStarts K)).

Definition check : bool :=
  check_clocks S K &&
  (let headq := headq_of in let segq := segq_of in let starts := starts_of in
   forallb (fun e => event_ok headq segq starts (fst e)) (PM.elements (sM S))) &&
  forallb (fun br => barrier_ok (fst br) (snd br)) (PM.elements (sB S)) &&
  forallb (fun qr => queue_ok (fst qr) (snd qr)) (PM.elements (sQ S)) &&
  forallb (fun ql => segs_ok (fst ql) (snd ql)) (PM.elements (cSegs K)) &&
  forallb (fun sl => slot_ok (fst sl) (snd sl)) (PM.elements (cSlots K)) &&
  data_ok && asc (sHand S) && forallb hand_ok (sHand S) && tail_ok.
End CHECK.
