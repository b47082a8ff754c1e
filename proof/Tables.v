(** * Schedules as tables

    The machine of [Machine.v] for schedules that are finite tables: one record per event, per barrier and per work
    FIFO. What a table does not list does nothing. *)
Require Import List Arith Bool PArith NArith FMapPositive.
From wlm Require Import Machine.
Import ListNotations.
Module PM := PositiveMap.

Record evt := Evt {
  x_ctl : list id;
  x_urg : bool;
  x_slow : bool;
  x_wts : list (id * nat);
  x_con : list (id * (nat * nat));
  x_pro : list (id * (nat * nat));
  x_bps : list (id * list nat);
  x_qps : option (id * list id);
  x_block : bool;
  x_entry : bool;
  x_pop : option id;
  x_end : id;
  x_reads : option id;
  x_kills : list id;
  x_loads : list (id * id);
  x_acc : list access;
  x_accEnd : id;
  x_serves : option id
}.
Record brec := Brec { br_loaded : nat; br_inst : list (nat * nat) }.
Record qrec := Qrec { q_lst : list id; q_boot : nat; q_depth : nat; q_lim : option nat }.
Record sched := Sched {
  sM : PM.t evt;
  sB : PM.t brec;
  sQ : PM.t qrec;
  sDepth : nat;
  sAtomic : bool;
  sById : bool;
  sHand : list id;
  sSrc : PM.t ((id * nat) + id);
  sEnds : list id;
  sTail : id * nat
}.

Definition assoc {A} (b : id) (l : list (id * A)) : option A :=
  match find (fun x => Pos.eqb b (fst x)) l with Some x => Some (snd x) | None => None end.
Definition none : evt :=
  Evt [] false false [] [] [] [] None false false None 1%positive None [] [] [] 1%positive None.
Definition get (m : PM.t evt) (e : id) : evt := match PM.find e m with Some v => v | None => none end.
(** The handler of interrupt [h] is event 8h + 6 (see [Elaborate.v]). *)
Definition handler (h : id) : id := (h~1~1~0)%positive.
Arguments handler : simpl never.

Section PROG.
Variable S : sched.
Notation ev := (get (sM S)).
Definition bget (b : id) : brec := match PM.find b (sB S) with Some r => r | None => Brec 0 [] end.
Definition qget (q : id) : qrec := match PM.find q (sQ S) with Some r => r | None => Qrec [] 0 0 None end.
Definition prog_of : prog := {|
  all := map fst (PM.elements (sM S));
  ctl := fun e => x_ctl (ev e);
  urg := fun e => x_urg (ev e);
  slow := fun e => x_slow (ev e);
  wts := fun e b => assoc b (x_wts (ev e));
  con := fun e b => assoc b (x_con (ev e));
  pro := fun e b => assoc b (x_pro (ev e));
  bps := fun e b => match assoc b (x_bps (ev e)) with Some l => l | None => [] end;
  ninst := fun b => length (br_inst (bget b));
  cP := fun b k => fst (nth k (br_inst (bget b)) (0, 0));
  cC := fun b k => snd (nth k (br_inst (bget b)) (0, 0));
  loaded := fun b => br_loaded (bget b);
  depthB := sDepth S;
  atomic := sAtomic S;
  lst := fun q => q_lst (qget q);
  boot := fun q => q_boot (qget q);
  qps := fun e => x_qps (ev e);
  block := fun e => x_block (ev e);
  entry := fun e => x_entry (ev e);
  depthQ := fun q => q_depth (qget q);
  pop := fun e => x_pop (ev e);
  endof := fun e => x_end (ev e);
  lim := fun q => q_lim (qget q);
  reads := fun e => x_reads (ev e);
  kills := fun e x => existsb (Pos.eqb x) (x_kills (ev e));
  loads := fun e x => assoc x (x_loads (ev e));
  acc := fun e => x_acc (ev e);
  accEnd := fun e => x_accEnd (ev e);
  hand := sHand S;
  src := fun h => match PM.find h (sSrc S) with Some s => s | None => inr 1%positive end;
  hnd := handler;
  serves := fun e => x_serves (ev e);
  byid := sById S;
  ends := sEnds S;
  tail := sTail S
|}.
End PROG.
