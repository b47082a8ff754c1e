(** * From a hint to a certificate

    A file that claims a proof gives an order in which everything can happen, with the chain of each event, the derived
    orders, and the steps of H1 where a task has several waits. The tables and clocks of the certificate are computed
    here. Nothing is proved about this file: [check] looks at the result. *)
Require Import List Arith Bool PArith NArith FMapPositive.
From wlm Require Import Machine Tables Clocks Check Elaborate.
Import ListNotations.

Record hint := Hint {
  h_chains : nat;
  h_order : list (id * nat);            (* events with their chains; chain [h_chains]: none *)
  h_extra : list (id * list extra);
  h_steps : list (id * list (id * nat))
}.

Section CERTIFY.
Variable p : program.
Variable v : view.
Variable S : sched.
Variable h : hint.
Notation ev := (get (sM S)).
Let tasks := number 1 (p_tasks p).

Definition table := PM.t (PM.t irec).
Definition at_inst (b : id) (k : nat) (f : irec -> irec) (t : table) : table :=
  let row := match PM.find b t with Some r => r | None => PM.empty irec end in
  let key := Pos.of_succ_nat k in
  PM.add b (PM.add key (f (match PM.find key row with Some i => i | None => nilrec end)) row) t.
Definition add_users (t : table) (e : id) : table :=
  let x := ev e in
  let t := fold_left (fun t (u : id * (nat * nat)) => at_inst (fst u) (fst (snd u)) (fun i => Irec (e :: gp i) (gc i) (gq i)) t) (x_pro x) t in
  let t := fold_left (fun t (u : id * (nat * nat)) => at_inst (fst u) (fst (snd u)) (fun i => Irec (gp i) (e :: gc i) (gq i)) t) (x_con x) t in
  fold_left (fun t (u : id * list nat) => fold_left (fun t k => at_inst (fst u) k (fun i => Irec (gp i) (gc i) (Some e)) t) (snd u) t) (x_bps x) t.
Definition instances : PM.t (list irec) :=
  let es := rev (flat_map (fun x => [start_ (fst x); end_ (fst x)]) tasks) in
  let t := fold_left add_users (map (fun x => handler (fst x)) (v_hand v)) (fold_left add_users es (PM.empty _)) in
  index_of (map (fun b => (b_id b,
    let row := match PM.find (b_id b) t with Some r => r | None => PM.empty irec end in
    map (fun x => match PM.find (fst x) row with Some i => i | None => nilrec end) (number 1 (b_inst b)))) (p_barriers p)).

Definition owners : PM.t id :=
  fold_left (fun t e => match x_qps (ev (fst e)) with Some (_, l) => fold_left (fun t i => PM.add i (fst e) t) l t | None => t end) (h_order h) (PM.empty id).
Definition pushers : PM.t (list id) :=
  fold_right (fun e t => match x_qps (ev (fst e)) with Some (q, _) => cons_at q (fst e) t | None => t end) (PM.empty _) (h_order h).
Definition entry_numbers : PM.t nat :=
  fold_left (fun t qr => fst (fold_left (fun (tn : PM.t nat * nat) i =>
    let n := if x_entry (ev i) then Datatypes.S (snd tn) else snd tn in (PM.add i n (fst tn), n)) (q_lst (snd qr)) (t, 0)))
    (PM.elements (sQ S)) (PM.empty nat).
(** Engine -> number of an entry -> its first task. *)
Definition entry_heads (eno : PM.t nat) : PM.t (PM.t id) :=
  PM.map (fun r => fold_left (fun t i => if x_entry (ev i) then match PM.find i eno with Some n => PM.add (Pos.of_succ_nat n) i t | None => t end else t)
                             (q_lst r) (PM.empty id)) (sQ S).
Definition rooms (eno : PM.t nat) (heads : PM.t (PM.t id)) : PM.t id :=
  fold_left (fun t e => match x_qps (ev (fst e)) with
    | Some (q, l) =>
      let n := match PM.find (last l 1%positive) eno with Some n => n | None => 0 end in
      let d := q_depth (qget S q) in
      if Nat.leb n d then t else match PM.find q heads with
        | Some r => match PM.find (Pos.of_succ_nat (n - d)) r with Some i => PM.add (fst e) i t | None => t end
        | None => t end
    | None => t end) (h_order h) (PM.empty id).

Definition fetches : list (id * (id * (id * id))) :=
  flat_map (fun x => map (fun sh => (fst sh, (start_ (fst x), (end_ (fst x), snd sh)))) (fetched v (snd x))) tasks.
Definition slot_history : PM.t (list (id * (id * id))) := fold_right (fun x => cons_at (fst x) (snd x)) (PM.empty _) fetches.
Definition fetch_of : PM.t (id * id) :=
  index_of (map (fun x => (snd (snd (snd x)), (fst (snd x), fst (snd (snd x))))) fetches).

Fixpoint vmax (a b : list N) : list N := match a, b with x :: a, y :: b => N.max x y :: vmax a b | _, _ => a end.
Fixpoint vset (k : nat) (n : N) (l : list N) : list N :=
  match l, k with [], _ => [] | _ :: l, 0 => n :: l | x :: l, Datatypes.S k => x :: vset k n l end.
Definition clocks (K : cert) (extras : PM.t (list extra)) : PM.t clock :=
  let zero := repeat 0%N (h_chains h) in
  let '(out, _, _) := fold_left (fun (acc : PM.t clock * PM.t N * N) (e : id * nat) =>
    let '(out, count, r) := acc in
    let ex := find_list (fst e) extras in
    let ps := basic S K (fst e) ++ map extra_event ex in
    let vc := fold_left (fun c q => match PM.find q out with Some d => vmax c (vc d) | None => c end) ps zero in
    let k := snd e in
    if Nat.ltb k (h_chains h) then
      let key := Pos.of_succ_nat k in
      let n := N.succ (match PM.find key count with Some n => n | None => 0%N end) in
      (PM.add (fst e) (Clock r k n (vset k n vc) ex) out, PM.add key n count, N.succ r)
    else (PM.add (fst e) (Clock r 0 0 vc ex) out, count, N.succ r))
    (h_order h) (PM.empty _, PM.empty _, 0%N) in out.

Definition certify : cert :=
  let eno := entry_numbers in
  let K0 := Cert (PM.empty _) instances owners eno (rooms eno (entry_heads eno)) pushers slot_history fetch_of
                 (flat_map (fun x => match t_data (snd x) with [] => [] | _ => [start_ (fst x)] end) tasks)
                 (index_of (h_steps h)) in
  Cert (clocks K0 (index_of (h_extra h))) (cT K0) (cOwner K0) (cEno K0) (cRoom K0) (cSegs K0) (cSlots K0) (cFetch K0) (cStarts K0) (cSteps K0).
End CERTIFY.
