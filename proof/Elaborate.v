(** * Programs of tasks, and the events they stand for

    A [program] says what the IR says: engines, tasks in the order of the program, instances of physical barriers, work
    items. [elaborate] gives the events: it is the definition of what a program means on the machine, and to be read
    beside docs/machine.md. Task i has the events 8i (head), 8i + 1 (start), 8i + 2 (end), of an ENQUEUE that may wait
    for room also 8i + 3 (the transfer is through); 8i + 4 is the push of an entry that begins with task i. Work item j
    is event 8j + 5, the handler of interrupt h event 8h + 6. *)
Require Import List Arith Bool PArith NArith FMapPositive.
From wlm Require Import Machine Tables.
Import ListNotations.

Inductive order := Serial | Prefetching | Outstanding (k : nat) | Pool (m : nat).
Record engine := Engine {
  g_id : id;
  g_order : order;
  g_depth : nat;          (* entries behind the one at head *)
  g_slots : nat;          (* descriptor slots; 0: descriptors stay in DDR *)
  g_waits : nat;          (* wait barriers per task; 0: no limit *)
  g_dma : bool
}.
Inductive job :=
| Run
| Fetch (target : id) (low high slot : nat)
| Enqueue (target : id) (low high : nat)
| Program (l : list (id * nat)).          (* instances, in the order in which they are pushed *)
Record task := Task {
  t_engine : id;
  t_job : job;
  t_slots : nat;
  t_waits : list (id * nat);
  t_updates : list (id * nat);
  t_data : list access
}.
Inductive irq := Off | Over | Lifted.
(** [b_loaded]: the instances that bootstrap loads, in its order. [Structure.v] asks for the first ones, in order. *)
Record barrier := Barrier { b_id : id; b_loaded : list nat; b_inst : list (nat * nat * irq) }.
Record item := Item { w_engine : id; w_low : nat; w_high : nat; w_at : list (id * nat); w_done : list id }.
Record machine := Machine_ {
  m_engines : list engine;
  m_barriers : nat;       (* physical barriers *)
  m_depth : nat;          (* instances behind the current one *)
  m_atomic : bool;
  m_byid : bool;
  m_block : bool;         (* a push into a full FIFO waits; else it is lost *)
  m_linked : bool;        (* an enqueue of a range is one entry *)
  m_at_end : bool;        (* a consumer counter goes down at the end *)
  m_limits : nat * nat * nat;   (* producers, consumers, both *)
  m_transfer : nat        (* instances of one barrier in one transfer *)
}.
Record program := Program_ {
  p_machine : machine;
  p_full : bool;          (* full mode: firmware takes no interrupt before the tail *)
  p_tasks : list task;    (* numbered from 1 *)
  p_barriers : list barrier;
  p_items : list item;
  p_tail : id * nat
}.

Definition head_ (i : id) : id := (i~0~0~0)%positive.
Definition start_ (i : id) : id := (i~0~0~1)%positive.
Definition end_ (i : id) : id := (i~0~1~0)%positive.
Definition through_ (i : id) : id := (i~0~1~1)%positive.
Definition push_ (i : id) : id := (i~1~0~0)%positive.
Definition item_ (j : id) : id := (j~1~0~1)%positive.

Fixpoint number {A} (n : id) (l : list A) : list (id * A) :=
  match l with [] => [] | x :: r => (n, x) :: number (Pos.succ n) r end.
Definition find_list {A} (k : id) (m : PM.t (list A)) : list A := match PM.find k m with Some l => l | None => [] end.
Definition cons_at {A} (k : id) (x : A) (m : PM.t (list A)) : PM.t (list A) := PM.add k (x :: find_list k m) m.
Fixpoint insert {A} (x : id * A) (l : list (id * A)) : list (id * A) :=
  match l with [] => [x] | y :: r => if Pos.leb (fst x) (fst y) then x :: l else y :: insert x r end.
Definition sort {A} (l : list (id * A)) : list (id * A) := fold_right insert [] l.
(** Instances by barrier, each barrier once. *)
Fixpoint group (l : list (id * nat)) : list (id * list nat) :=
  match l with
  | [] => []
  | (b, k) :: r => match group r with
                   | (c, ks) :: t => if Pos.eqb b c then (c, k :: ks) :: t else (b, [k]) :: (c, ks) :: t
                   | [] => [(b, [k])]
                   end
  end.
Definition slot_id (q : id) (n : nat) : id := (q + 512 * Pos.of_succ_nat n)%positive.
Definition has {A} (k : id) (m : PM.t A) : bool := PM.mem k m.

(** What the program says, indexed. *)
Record view := View {
  v_engines : PM.t engine;
  v_lists : PM.t (list id);          (* engine -> its tasks in order *)
  v_before : PM.t id;                (* task -> the one before on its engine *)
  v_kth : PM.t id;                   (* task -> the [k]-th before, of an engine with [k] in flight *)
  v_linked : PM.t unit;              (* tasks linked behind the one before by an ENQUEUE *)
  v_whole : PM.t unit;               (* the same, in a list linked and enqueued whole at bootstrap *)
  v_lands : PM.t id;                 (* first task of an entry -> the ENQUEUE with whose end its push lands *)
  v_fetch : PM.t (id * id);          (* task -> its fetch and slot *)
  v_barriers : PM.t barrier;
  v_hand : list (id * ((id * nat) + id));  (* interrupts, numbered in the order of service *)
  v_boot : PM.t nat
}.

Section ELABORATE.
Variable p : program.
Let m := p_machine p.
Let tasks := number 1 (p_tasks p).

Definition index_of {A} (l : list (id * A)) : PM.t A := fold_left (fun t x => PM.add (fst x) (snd x) t) l (PM.empty A).
Definition engine_lists : PM.t (list id) := fold_right (fun t => cons_at (t_engine (snd t)) (fst t)) (PM.empty _) tasks.
Definition late (w : item) : bool := match w_at w, w_done w with [], [] => false | _, _ => true end.
Definition range (lists : PM.t (list id)) (q : id) (low high : nat) : list id := firstn (high - low) (skipn low (find_list q lists)).
Fixpoint shifted (l back : list id) (t : PM.t id) : PM.t id :=
  match l, back with x :: l, y :: back => shifted l back (PM.add x y t) | _, _ => t end.

(** Of a range, last entry first: what lands with the end of the ENQUEUE. What is before an entry that may have to wait
    for room lands earlier; the first [d] entries of a FIFO fit anyway. *)
Fixpoint landing (e : id) (eno : PM.t nat) (d : nat) (l : list id) (t : PM.t id) : PM.t id :=
  match l with
  | [] => t
  | i :: r => let t := PM.add i e t in
      match PM.find i eno with Some n => if Nat.leb n d then landing e eno d r t else t | None => t end
  end.

Definition view_of : view :=
  let engines := index_of (map (fun e => (g_id e, e)) (m_engines m)) in
  let lists := engine_lists in
  let ls := PM.elements lists in
  let before := fold_left (fun t ql => shifted (tl (snd ql)) (snd ql) t) ls (PM.empty id) in
  let kth := fold_left (fun t ql => match PM.find (fst ql) engines with
    | Some e => match g_order e with Outstanding k => shifted (skipn k (snd ql)) (snd ql) t | _ => t end
    | None => t end) ls (PM.empty id) in
  let mark := fold_left (fun t i => PM.add i tt t) in
  let linked := if m_linked m
    then fold_left (fun t x => match t_job (snd x) with Enqueue q lo hi => mark (tl (range lists q lo hi)) t | _ => t end) tasks (PM.empty unit)
    else PM.empty unit in
  let whole := if p_full p
    then fold_left (fun t w => match PM.find (w_engine w) engines with
      | Some e => if g_dma e && negb (late w) then mark (tl (range lists (w_engine w) (w_low w) (w_high w))) t else t
      | None => t end) (p_items p) (PM.empty unit)
    else PM.empty unit in
  let opens i := negb (PM.mem i linked || PM.mem i whole) in
  let eno := fold_left (fun t ql => snd (fold_left (fun (nt : nat * PM.t nat) i =>
    let n := if opens i then S (fst nt) else fst nt in (n, PM.add i n (snd nt))) (snd ql) (0, t))) ls (PM.empty nat) in
  let lands := if m_block m then fold_left (fun t x => match t_job (snd x) with
    | Enqueue q lo hi => match PM.find q engines with
      | Some e => landing (fst x) eno (g_depth e) (rev (filter opens (range lists q lo hi))) t
      | None => t end
    | _ => t end) tasks (PM.empty id) else PM.empty id in
  let fetch := fold_left (fun t x => match t_job (snd x) with
    | Fetch q lo hi s => fst (fold_left (fun ts i => (PM.add i (fst x, slot_id q (snd ts)) (fst ts), S (snd ts))) (range lists q lo hi) (t, s))
    | _ => t end) tasks (PM.empty _) in
  let barriers := sort (map (fun b => (b_id b, b)) (p_barriers p)) in
  let dones := PM.elements (fold_left (fun t w => mark (w_done w) t) (p_items p) (PM.empty unit)) in
  let fetched := map (fun x => inr (fst x)) (filter (fun x => PM.mem (fst x) (index_of dones)) tasks) in
  let overs := flat_map (fun b => flat_map (fun ki => match snd (snd ki) with Over => [inl (fst b, Nat.pred (Pos.to_nat (fst ki)))] | _ => [] end)
                                   (number 1 (b_inst (snd b)))) barriers in
  let hand := number 1 (if p_full p then [] else fetched ++ overs) in
  let boot := fold_left (fun t w => if late w then t else PM.add (w_engine w) (w_high w) t) (p_items p) (PM.empty nat) in
  View engines lists before kth linked whole lands fetch (index_of barriers) hand boot.

Variable v : view.
Let lists := v_lists v.
Definition engine_of (t : task) : engine :=
  match PM.find (t_engine t) (v_engines v) with Some e => e | None => Engine 1 Serial 0 0 0 false end.
Definition event_of (k : id) (t : PM.t id) (event : id -> id) : list id := match PM.find k t with Some i => [event i] | None => [] end.

Definition head_event (i : id) (t : task) : evt :=
  let e := engine_of t in
  let order := match g_order e with Serial => end_ | Prefetching => start_ | Outstanding _ => start_ | Pool _ => head_ end in
  {| x_ctl := event_of i (v_before v) order ++ (if has i (v_linked v) then event_of i (v_before v) end_ else []) ++
              event_of i (v_lands v) end_;
     x_urg := true; x_slow := false; x_wts := []; x_con := []; x_pro := []; x_bps := []; x_qps := None; x_block := false;
     x_entry := negb (has i (v_linked v) || has i (v_whole v)); x_pop := Some (t_engine t); x_end := end_ i;
     x_reads := match g_slots e with 0 => None | _ => Some (match PM.find i (v_fetch v) with Some fs => snd fs | None => 1%positive end) end;
     x_kills := []; x_loads := []; x_acc := []; x_accEnd := 1%positive; x_serves := None |}.

Definition slots_of (t : task) (l : list (id * nat)) : list (id * (nat * nat)) := map (fun bk => (fst bk, (snd bk, t_slots t))) l.
(** The slots that a fetch fills, with the heads of their tasks. *)
Definition fetched (t : task) : list (id * id) :=
  match t_job t with
  | Fetch q lo hi s => map (fun x => (slot_id q (s + Nat.pred (Pos.to_nat (fst x))), head_ (snd x))) (number 1 (range lists q lo hi))
  | _ => []
  end.
Definition start_event (i : id) (t : task) : evt :=
  let order := match g_order (engine_of t) with
               | Prefetching => event_of i (v_before v) end_ | Outstanding _ => event_of i (v_kth v) end_ | _ => [] end in
  {| x_ctl := head_ i :: order; x_urg := false; x_slow := false; x_wts := sort (t_waits t);
     x_con := if m_at_end m then [] else slots_of t (sort (t_waits t));
     x_pro := []; x_bps := []; x_qps := None; x_block := false; x_entry := false; x_pop := None; x_end := 1%positive;
     x_reads := None; x_kills := map fst (fetched t); x_loads := []; x_acc := t_data t; x_accEnd := end_ i; x_serves := None |}.

(** The entries that an ENQUEUE pushes. *)
Definition entries (t : task) : list (list id) :=
  match t_job t with
  | Enqueue q lo hi => let l := range lists q lo hi in
      match l with [] => [] | _ => if m_linked m then [l] else map (fun i => [i]) l end
  | _ => []
  end.
Definition target (t : task) : id := match t_job t with Enqueue q _ _ => q | _ => 1%positive end.
Definition end_event (i : id) (t : task) : evt :=
  let lasts := if m_block m then match rev (entries t) with (x :: _) :: _ => [push_ x] | _ => [] end else [] in
  {| x_ctl := start_ i :: lasts; x_urg := match lasts with [] => false | _ => true end;
     x_slow := match lasts with [] => true | _ => false end; x_wts := [];
     x_con := if m_at_end m then slots_of t (sort (t_waits t)) else [];
     x_pro := slots_of t (sort (t_updates t));
     x_bps := match t_job t with Program l => group (sort l) | _ => [] end;
     x_qps := if m_block m then None else match concat (entries t) with [] => None | l => Some (target t, map head_ l) end;
     x_block := false; x_entry := false; x_pop := None; x_end := 1%positive;
     x_reads := None; x_kills := []; x_loads := fetched t; x_acc := []; x_accEnd := 1%positive; x_serves := None |}.

Definition plain (ctl : list id) (urgent : bool) (qps : option (id * list id)) (blocks : bool) (bps : list (id * list nat)) (serves : option id) : evt :=
  Evt ctl urgent (negb urgent) [] [] [] bps qps blocks false None 1%positive None [] [] [] 1%positive serves.
Fixpoint push_events (q before : id) (l : list (list id)) : list (id * evt) :=
  match l with
  | (i :: r) :: t => (push_ i, plain [before] true (Some (q, map head_ (i :: r))) true [] None) :: push_events q (push_ i) t
  | _ => []
  end.
Definition task_events (x : id * task) : list (id * evt) :=
  let (i, t) := x in
  (head_ i, head_event i t) :: (start_ i, start_event i t) :: (end_ i, end_event i t) ::
  (if m_block m then match entries t with
     | [] => []
     | l => (through_ i, plain [start_ i] false None false [] None) :: push_events (target t) (through_ i) l end
   else []).

(** A handler programs the next instance, unless bootstrap has loaded it. *)
Definition handler_event (h : id * ((id * nat) + id)) : id * evt :=
  let arms := match snd h with
    | inl (b, k) => match PM.find b (v_barriers v) with
        | Some r => if Nat.ltb (S k) (length (b_inst r)) && Nat.leb (length (b_loaded r)) (S k) then [(b, [S k])] else []
        | None => [] end
    | inr _ => [] end in
  (handler (fst h), plain [] false None false arms (Some (fst h))).
Definition late_items : list (id * item) := number 1 (filter late (p_items p)).
Definition overs : PM.t (list (nat * id)) :=
  fold_left (fun t h => match snd h with inl (b, k) => cons_at b (k, fst h) t | inr _ => t end) (v_hand v) (PM.empty _).
Definition dones : PM.t id :=
  fold_left (fun t h => match snd h with inr f => PM.add f (fst h) t | inl _ => t end) (v_hand v) (PM.empty _).
(** A work item that names an interrupt that is off waits for itself. *)
Definition item_events : list (id * evt) :=
  let os := overs in let ds := dones in
  fst (fold_left (fun (acc : list (id * evt) * PM.t id) (x : id * item) =>
    let '(out, last) := acc in let '(j, w) := x in
    let at_ := map (fun bk => match find (fun kh => Nat.eqb (fst kh) (snd bk)) (find_list (fst bk) os) with
                              | Some kh => handler (snd kh) | None => item_ j end) (w_at w) in
    let done := map (fun f => match PM.find f ds with Some h => handler h | None => item_ j end) (w_done w) in
    let before := event_of (w_engine w) last item_ in
    let l := range lists (w_engine w) (w_low w) (w_high w) in
    ((item_ j, plain (at_ ++ done ++ before) false (match l with [] => None | _ => Some (w_engine w, map head_ l) end) false [] None) :: out,
     PM.add (w_engine w) j last)) late_items ([], PM.empty id)).

Definition events : list (id * evt) := flat_map task_events tasks ++ map handler_event (v_hand v) ++ item_events.
Definition queue (e : engine) : id * qrec :=
  (g_id e, Qrec (map head_ (find_list (g_id e) lists)) (match PM.find (g_id e) (v_boot v) with Some n => n | None => 0 end) (g_depth e)
                (match g_order e with Pool k => Some k | _ => None end)).
Definition elaborate : sched := {|
  sM := index_of events;
  sB := index_of (map (fun b => (b_id b, Brec (length (b_loaded b)) (map fst (b_inst b)))) (p_barriers p));
  sQ := index_of (map queue (m_engines m));
  sDepth := m_depth m;
  sAtomic := m_atomic m;
  sById := m_byid m;
  sHand := map fst (v_hand v);
  sSrc := index_of (map (fun h => (fst h, match snd h with inl bk => inl bk | inr f => inr (end_ f) end)) (v_hand v));
  sEnds := map (fun x => end_ (fst x)) tasks;
  sTail := p_tail p
|}.
End ELABORATE.
