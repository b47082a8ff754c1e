(** * Rules without order

    What the rules ask for beyond the safety of a run: everything once (H6), limits of counters, slots, waits and
    transfers (H9), one tail that firmware hears of and nothing after it (H10, H11). The theorem does not need them;
    a program that breaks one is not *proved*. *)
Require Import List Arith Bool PArith FMapPositive.
From wlm Require Import Machine Tables Check Elaborate.
Import ListNotations.

Section STRUCTURE.
Variable p : program.
Variable v : view.
Let m := p_machine p.
Let tasks := number 1 (p_tasks p).
Let lists := v_lists v.

Definition in_list (q : id) (low high : nat) : bool := Nat.leb low high && Nat.leb high (length (find_list q lists)).
Definition engine_at (q : id) : engine := match PM.find q (v_engines v) with Some e => e | None => Engine 1 Serial 0 0 0 false end.
Definition task_ok (x : id * task) : bool :=
  let t := snd x in
  has (t_engine t) (v_engines v) &&
  Nat.ltb 0 (t_slots t) &&
  (Nat.eqb (g_waits (engine_of v t)) 0 || Nat.leb (length (t_waits t)) (g_waits (engine_of v t))) &&
  match t_job t with
  | Run => true
  | Fetch q lo hi s => in_list q lo hi && Nat.leb (s + (hi - lo)) (g_slots (engine_at q))
  | Enqueue q lo hi =>
    in_list q lo hi && negb (existsb (fun w => late w && Pos.eqb (w_engine w) q) (p_items p)) &&
    Nat.leb (match PM.find q (v_boot v) with Some n => n | None => 0 end) lo &&
    (negb (m_linked m) ||
     match map (fun i => PM.find i (v_fetch v)) (range lists q lo hi) with
     | Some fs :: r => forallb (fun o => match o with Some gs => Pos.eqb (fst fs) (fst gs) | None => false end) r
     | None :: r => forallb (fun o => match o with Some _ => false | None => true end) r
     | [] => true
     end)
  | Program l => forallb (fun bk => Nat.leb (length (snd bk)) (m_transfer m)) (group (sort l))
  end.
(** Each descriptor is fetched once. *)
Definition fetched_once : bool :=
  let times := fold_left (fun t x => match t_job (snd x) with
    | Fetch q lo hi _ => fold_left (fun t i => PM.add i (S (match PM.find i t with Some n => n | None => 0 end)) t) (range lists q lo hi) t
    | _ => t end) tasks (PM.empty nat) in
  forallb (fun x => match PM.find (fst x) times with
    | Some n => Nat.eqb n 1
    | None => Nat.eqb (g_slots (engine_of v (snd x))) 0 end) tasks.
(** Work items: in the lists, those of bootstrap first and without gaps, none later in full mode; no end but that of a
    fetch interrupts. *)
Definition items_ok : bool :=
  let by_id := index_of tasks in
  forallb (fun w => forallb (fun f => match PM.find f by_id with
    | Some t => match t_job t with Fetch _ _ _ _ => true | _ => false end | None => false end) (w_done w)) (p_items p) &&
  snd (fold_left (fun (acc : PM.t nat * bool) w =>
    let (reached, ok) := acc in let q := w_engine w in
    let n := match PM.find q reached with Some n => n | None => 0 end in
    (PM.add q (w_high w) reached,
     ok && has q (v_engines v) && in_list q (w_low w) (w_high w) && (if late w then negb (p_full p) && Nat.leb n (w_low w) else Nat.eqb n (w_low w))))
    (p_items p) (PM.empty nat, true)) &&
  (fix go (l : list item) (seen : PM.t unit) : bool := match l with
   | [] => true
   | w :: r => (late w || negb (has (w_engine w) seen)) && go r (if late w then PM.add (w_engine w) tt seen else seen)
   end) (p_items p) (PM.empty unit).
Definition barrier_limits (b : barrier) : bool :=
  let '(np, nc, ns) := m_limits m in
  Nat.leb (Pos.to_nat (b_id b)) (m_barriers m) && eqbn (b_loaded b) (seq 0 (length (b_loaded b))) &&
  forallb (fun i => let '(a, c, _) := i in Nat.leb a np && Nat.leb c nc && Nat.leb (a + c) ns) (b_inst b).
Definition tail_last : bool :=
  let (b, k) := p_tail p in
  match PM.find b (v_barriers v) with
  | None => false
  | Some r => Nat.eqb (length (b_inst r)) (S k) &&
      match nth_error (b_inst r) k with Some (_, c, Lifted) => Nat.eqb c 0 | _ => false end
  end &&
  forallb (fun r => forallb (fun ki =>
     match snd (snd ki), p_full p with
     | Off, _ | Over, false => true
     | _, _ => Pos.eqb (b_id r) b && Nat.eqb (Nat.pred (Pos.to_nat (fst ki))) k end)
     (number 1 (b_inst r))) (p_barriers p).

Definition structure_ok : bool :=
  forallb task_ok tasks && fetched_once && items_ok && forallb barrier_limits (p_barriers p) && tail_last.
End STRUCTURE.
