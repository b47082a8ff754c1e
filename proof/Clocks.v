(** * Clocks: order in the event graph, decided by one comparison

    A certificate places each event on a chain (a path of the event graph) and gives it a clock: for each chain the last
    event that is known to come before. [check_clocks] validates that, event by event; [leb_hb] says what a clock
    that passed means. Nothing is assumed of the one who computed the clocks. *)
Require Import List Arith Lia Bool PArith NArith FMapPositive.
From wlm Require Import Machine Rules Tables.
Import ListNotations.

(** Derived orders: firmware serves [Serve a] before the interrupt of this event; urgent [Join j] comes before what takes time. *)
Inductive extra := Serve (a : id) | Join (j : id).

Record clock := Clock { rk : N; ch : nat; ix : N; vc : list N; ex : list extra }.
(** Users and push of an instance. *)
Record irec := Irec { gp : list id; gc : list id; gq : option id }.

Record cert := Cert {
  cK : PM.t clock;
  cT : PM.t (list irec);
  cOwner : PM.t id;                       (* task -> the event that pushes it *)
  cEno : PM.t nat;                        (* task -> number of its FIFO entry *)
  cRoom : PM.t id;                        (* push -> the task that has to leave the FIFO before *)
  cSegs : PM.t (list id);                 (* work FIFO -> pushes, in order *)
  cSlots : PM.t (list (id * (id * id)));  (* descriptor slot -> start of fetch, end of fetch, head; in order *)
  cFetch : PM.t (id * id);                (* head -> start and end of its fetch *)
  cStarts : list id;                      (* starts in the order of the program *)
  cSteps : PM.t (list (id * nat))         (* start with several waits -> instances whose producers must have ended *)
}.

Definition nilrec := Irec [] [] None.
Definition noclock := Clock 0 0 0 [] [].

Section CLOCKS.
Variable S : sched.
Variable K : cert.
Notation G := (prog_of S).
Notation hb := (Machine.hb G).

Definition clk (x : id) : clock := match PM.find x (cK K) with Some c => c | None => noclock end.
Definition inst (b : id) (k : nat) : irec := nth k (match PM.find b (cT K) with Some l => l | None => [] end) nilrec.
Definition inM (x : id) : bool := PM.mem x (sM S).

Definition at_ (k : nat) (x : id) : N := nth k (vc (clk x)) 0%N.
Definition leb (x y : id) : bool := let u := clk x in N.leb (ix u) (at_ (ch u) y) && N.ltb 0 (ix u).
(** [x] comes before [y], or before something in [l], or is it. *)
Definition ltb (x y : id) : bool := leb x y && negb (Pos.eqb x y).
Definition under (x : id) (l : list id) : bool := existsb (fun y => Pos.eqb x y || leb x y) l.

Definition causesl (h : id) : list id :=
  match (match PM.find h (sSrc S) with Some s => s | None => inr 1%positive end) with inl (b, k) => gp (inst b k) ++ gc (inst b k) | inr f => [f] end.
Definition opt (o : option id) : list id := match o with Some x => [x] | None => [] end.
(** Predecessors by the machine; the room of a blocking push is the nearest of those that have to leave. *)
Definition basic (e : id) : list id :=
  let v := get (sM S) e in
  x_ctl v ++ flat_map (fun bk => gp (inst (fst bk) (snd bk))) (x_wts v)
  ++ (match x_pop v with Some _ => opt (PM.find e (cOwner K)) | None => [] end)
  ++ (if x_block v then opt (PM.find e (cRoom K)) else [])
  ++ (match x_serves v with Some h => causesl h | None => [] end).
Definition extra_event (d : extra) : id := match d with Serve a => handler a | Join j => j end.
Definition preds (e : id) : list id := basic e ++ map extra_event (ex (clk e)).

(** Earlier tasks of a pool that must have ended so that a server is free for [j]. *)
Fixpoint before_ (j : id) (l : list id) : list id :=
  match l with [] => [] | x :: r => if Pos.eqb x j then [] else x :: before_ j r end.
Definition server_ends (j : id) : list id :=
  match x_pop (get (sM S) j) with
  | None => []
  | Some q => match q_lim (qget S q) with
              | None => []
              | Some m => let a := before_ j (q_lst (qget S q)) in
                          map (fun x => x_end (get (sM S) x)) (firstn (Datatypes.S (length a) - m) a)
              end
  end.

Definition extra_ok (e : id) (known : list id) (d : extra) : bool :=
  match d with
  | Serve a =>
    match x_serves (get (sM S) e) with
    | None => false
    | Some b => Pos.eqb e (handler b) && existsb (Pos.eqb a) (sHand S) && existsb (Pos.eqb b) (sHand S) &&
        (negb (sById S) || Pos.ltb a b) &&
        forallb (fun x => existsb (fun y => if Pos.eqb x y then Pos.ltb a b else leb x y) (causesl b)) (causesl a)
    end
  | Join j =>
    let v := get (sM S) j in
    inM j && x_urg v && negb (x_urg (get (sM S) e)) && x_slow (get (sM S) e) &&
    forallb (fun x => under x known) (basic j) && forallb (fun x => inM x && under x known) (server_ends j)
  end.
(** One join may need the one before. *)
Fixpoint extras_ok (e : id) (known : list id) (l : list extra) : bool :=
  match l with
  | [] => true
  | d :: r => extra_ok e known d && extras_ok e (match d with Join j => j :: known | Serve _ => known end) r
  end.

(** Each entry is zero, the event itself, or known to a predecessor. *)
Fixpoint vc_ok (c : clock) (ps : list id) (k : nat) (l : list N) : bool :=
  match l with
  | [] => true
  | a :: r => (N.eqb a 0 || (Nat.eqb k (ch c) && N.eqb a (ix c)) || existsb (fun p => N.leb a (at_ k p)) ps)
              && vc_ok c ps (Datatypes.S k) r
  end.
Definition clock_ok (e : id) : bool :=
  let c := clk e in let ps := preds e in
  forallb (fun p => N.ltb (rk (clk p)) (rk c) && inM p) ps &&
  extras_ok e (basic e) (ex c) &&
  vc_ok c ps 0 (vc c) &&
  (N.leb (ix c) 1 || existsb (fun p => N.leb (N.pred (ix c)) (at_ (ch c) p)) ps).
Definition key (c : clock) : positive := (Pos.of_succ_nat (ch c) + 65536 * N.succ_pos (ix c))%positive.
Definition keys : PM.t id := fold_left (fun m e => PM.add (key (clk e)) e m) (all G) (PM.empty id).
Definition key_ok (m : PM.t id) (e : id) : bool :=
  let c := clk e in
  N.eqb (ix c) 0 || match PM.find (key c) m with Some x => Pos.eqb x e | None => false end.
Definition check_clocks : bool := let m := keys in forallb (fun e => clock_ok e && key_ok m e) (all G).

(** ** Soundness *)
Definition rank (e : id) : nat := N.to_nat (rk (clk e)).

Lemma all_in e : In e (all G) <-> exists v, PM.find e (sM S) = Some v.
Proof.
  simpl. rewrite in_map_iff. split.
  - intros ((k, v) & Q & H). simpl in Q. subst. exists v. apply PM.elements_complete; auto.
  - intros (v & H). exists (e, v). split; auto. apply PM.elements_correct; auto.
Qed.
Lemma inM_all e : inM e = true <-> In e (all G).
Proof.
  rewrite all_in. unfold inM. rewrite PM.mem_find. destruct (PM.find e (sM S)); split; eauto; try discriminate.
  intros (v & H); discriminate.
Qed.
Lemma all_nodup : NoDup (all G).
Proof.
  simpl. assert (H := PM.elements_3w (sM S)). induction (PM.elements (sM S)) as [|(k, v) l IH]; simpl; constructor; inversion H; subst; auto.
  intro X. apply in_map_iff in X. destruct X as ((k', v') & Q & X). simpl in Q. subst. apply H2.
  apply SetoidList.InA_alt. exists (k, v'). split; auto. reflexivity.
Qed.

Lemma before_spec j a z : ~ In j a -> before_ j (a ++ j :: z) = a.
Proof.
  induction a as [|x a IH]; intro N; simpl. rewrite Pos.eqb_refl; auto.
  destruct (Pos.eqb_spec x j) as [->|]. exfalso; apply N; simpl; auto. rewrite IH; auto. intro I; apply N; simpl; auto.
Qed.

Hypothesis Basic : forall e x, In e (all G) -> In x (basic e) -> hb x e.
Hypothesis Full : forall e x, In e (all G) -> edge G x e -> exists z, In z (basic e) /\ (x = z \/ hb x z).
Hypothesis Causes : forall h x, In h (sHand S) -> (causes G h x <-> In x (causesl h)).
Hypothesis CausesM : forall h x, In h (sHand S) -> In x (causesl h) -> In x (all G).
Hypothesis Nodup : forall q, NoDup (lst G q).
Hypothesis OK : check_clocks = true.

Lemma ok e : In e (all G) -> clock_ok e = true /\ key_ok keys e = true.
Proof. intro I. unfold check_clocks in OK. rewrite forallb_forall in OK. apply andb_prop. apply OK; auto. Qed.

Lemma pred_lt e p : In e (all G) -> In p (preds e) -> rank p < rank e /\ In p (all G).
Proof.
  intros I P. destruct (ok e I) as (C & _). unfold clock_ok in C. rewrite !andb_true_iff in C.
  destruct C as (((C & _) & _) & _). rewrite forallb_forall in C. specialize (C p P). apply andb_prop in C.
  destruct C as (L & M). split; [|apply inM_all; auto]. apply N.ltb_lt in L. unfold rank. lia.
Qed.
Lemma basic_lt e p : In e (all G) -> In p (basic e) -> rank p < rank e /\ In p (all G).
Proof. intros I P. apply pred_lt; auto. unfold preds. apply in_or_app; auto. Qed.

Lemma uniq x y : In x (all G) -> In y (all G) -> (0 < ix (clk x))%N -> ch (clk x) = ch (clk y) -> ix (clk x) = ix (clk y) -> x = y.
Proof.
  intros Ix Iy L A B. destruct (ok x Ix) as (_ & X), (ok y Iy) as (_ & Y). unfold key_ok in *. rewrite <- B in Y.
  destruct (N.eqb_spec (ix (clk x)) 0); [lia|]. simpl in X, Y. unfold key in *. rewrite A, B in X. rewrite <- B in X.
  rewrite <- B in Y. destruct (PM.find _ keys); [|discriminate]. apply Pos.eqb_eq in X, Y. congruence.
Qed.

Lemma vc_spec c ps l : forall k n, vc_ok c ps k l = true -> (0 < nth n l 0%N)%N ->
  (k + n = ch c /\ nth n l 0%N = ix c) \/ exists p, In p ps /\ (nth n l 0%N <= at_ (k + n) p)%N.
Proof.
  induction l as [|a l IH]; intros k n H L; [destruct n; simpl in L; lia|]. simpl in H. apply andb_prop in H. destruct H as (H & T).
  destruct n; simpl in *.
  - rewrite Nat.add_0_r. rewrite !orb_true_iff in H. destruct H as [[H|H]|H].
    + apply N.eqb_eq in H. lia.
    + apply andb_prop in H. destruct H as (A & B). apply Nat.eqb_eq in A. apply N.eqb_eq in B. auto.
    + right. apply existsb_exists in H. destruct H as (p & I & Q). apply N.leb_le in Q. eauto.
  - replace (k + Datatypes.S n) with (Datatypes.S k + n) by lia. apply IH; auto.
Qed.

Theorem leb_all : forall n y, In y (all G) -> rank y < n ->
  (forall p, In p (preds y) -> hb p y) /\ (forall x, In x (all G) -> leb x y = true -> x = y \/ hb x y).
Proof.
  induction n as [|n IH]; intros y Iy L; [lia|].
  assert (Sub : forall p x, In p (preds y) -> In x (all G) -> leb x p = true -> x = p \/ hb x p).
  { intros p x P Ix H. destruct (pred_lt y p Iy P) as (Lp & Ip). destruct (IH p Ip) as (_ & Q); auto. lia. }
  destruct (ok y Iy) as (C & _). unfold clock_ok in C. rewrite !andb_true_iff in C. destruct C as (((_ & Ex) & Vc) & Cp).
  assert (SubB : forall known x, (forall z, In z known -> hb z y /\ In z (preds y)) -> In x (all G) -> under x known = true -> hb x y).
  { intros known x A Ix U. unfold under in U. apply existsb_exists in U. destruct U as (p & P & Q).
    destruct (A p P) as (Hp & Pp). apply orb_prop in Q. destruct Q as [Q|Q].
    - apply Pos.eqb_eq in Q. subst; auto.
    - destruct (Sub p x) as [->|Z]; auto. eapply hb_trans; eauto. }
  assert (One : forall known d, (forall z, In z known -> hb z y /\ In z (preds y)) -> extra_ok y known d = true -> hb (extra_event d) y).
  { intros known d A Ed. destruct d as [a|j]; unfold extra_ok, extra_event in *.
    - destruct (x_serves (get (sM S) y)) as [b|] eqn:Sy; [|discriminate]. rewrite !andb_true_iff in Ed.
      destruct Ed as ((((Eb & Ha) & Hb) & By) & Ca). apply Pos.eqb_eq in Eb.
      apply existsb_exists in Ha, Hb. destruct Ha as (a' & Ha & Q1), Hb as (b' & Hb & Q2). apply Pos.eqb_eq in Q1, Q2. subst a' b'.
      rewrite forallb_forall in Ca.
      set (g := fun x y0 : id => if Pos.eqb x y0 then Pos.ltb a b else leb x y0) in *.
      set (f := fun x => match find (g x) (causesl b) with Some z => z | None => x end).
      assert (F : forall x, causes G a x -> In (f x) (causesl b) /\ g x (f x) = true).
      { intros x X. apply Causes in X; auto. specialize (Ca x X). unfold f. destruct (find (g x) (causesl b)) as [z|] eqn:Fi.
        - apply find_some in Fi. auto.
        - apply existsb_exists in Ca. destruct Ca as (z & Z & W). apply find_none with (x := z) in Fi; auto. unfold g in Fi. congruence. }
      rewrite Eb. change handler with (hnd G). apply (hb_serve G a b f); auto.
      + intros x X. apply Causes; auto. apply F; auto.
      + intros x X Q. destruct (F x X) as (_ & W). unfold g in W. rewrite <- Q, Pos.eqb_refl in W. apply Pos.ltb_lt; auto.
      + intros x X NQ. destruct (F x X) as (I & W). unfold g in W. destruct (Pos.eqb_spec x (f x)); [congruence|].
        assert (B : In (f x) (basic y)).
        { unfold basic. rewrite Sy. apply in_or_app; right. apply in_or_app; right. apply in_or_app; right. apply in_or_app; right. auto. }
        destruct (Sub (f x) x) as [|]; auto; [unfold preds; apply in_or_app; auto|apply (CausesM a); auto; apply Causes; auto|congruence].
      + simpl. intro Q. rewrite Q in By. simpl in By. apply Pos.ltb_lt; auto.
    - rewrite !andb_true_iff, !forallb_forall in Ed. destruct Ed as (((((Mj & Uj) & Uy) & Sy) & Bj) & Sj).
      apply negb_true_iff in Uy. apply inM_all in Mj. apply hb_join; auto.
      + intros x E. destruct (Full j x Mj E) as (z & Z & Q). assert (Iz := proj2 (basic_lt j z Mj Z)).
        assert (hb z y) by (apply (SubB known); auto). destruct Q as [->|Q]; auto. eapply hb_trans; eauto.
      + intros q m a z x Pj Lm E I. simpl in Pj, Lm, E. assert (ND := Nodup q). simpl in ND. rewrite E in ND.
        assert (Nj : ~ In j a). { intro X. apply NoDup_remove_2 in ND. apply ND, in_or_app; auto. }
        assert (X : In (x_end (get (sM S) x)) (server_ends j)).
        { unfold server_ends. rewrite Pj, Lm, E, before_spec by auto. apply in_map_iff. exists x. auto. }
        specialize (Sj _ X). apply andb_prop in Sj. destruct Sj as (M & Sj). apply (SubB known); auto. apply inM_all; auto. }
  assert (Many : forall l known, (forall z, In z known -> hb z y /\ In z (preds y)) -> (forall d, In d l -> In d (ex (clk y))) ->
    extras_ok y known l = true -> forall d, In d l -> hb (extra_event d) y).
  { induction l as [|d l IHl]; intros known A Sb H e I; [destruct I|]. cbn [extras_ok] in H. apply andb_prop in H. destruct H as (H1 & H2).
    assert (Hd : hb (extra_event d) y) by (eapply One; eauto). destruct I as [<-|I]; auto.
    eapply IHl; [|intros; apply Sb; simpl; auto|exact H2|exact I].
    destruct d as [a|j]; auto. intros z [<-|Z]; auto. split; auto. unfold preds. apply in_or_app. right.
    apply in_map_iff. exists (Join j). split; auto. apply Sb; simpl; auto. }
  assert (Pr : forall p, In p (preds y) -> hb p y).
  { intros p P. unfold preds in P. apply in_app_or in P. destruct P as [P|P]; [apply Basic; auto|].
    apply in_map_iff in P. destruct P as (d & <- & D). eapply (Many (ex (clk y)) (basic y)); eauto.
    intros z Z. split; [apply Basic; auto|]. unfold preds. apply in_or_app; auto. }
  split; auto. intros x Ix H. unfold leb in H. apply andb_prop in H. destruct H as (H & Z). apply N.leb_le in H. apply N.ltb_lt in Z.
  unfold at_ in H. destruct (vc_spec _ _ _ 0 (ch (clk x)) Vc) as [(A & B)|(p & P & Q)]; [lia| |].
  - simpl in A. rewrite B in H. destruct (N.eq_dec (ix (clk x)) (ix (clk y))) as [E|E]; [left; apply uniq; auto|].
    apply orb_prop in Cp. destruct Cp as [Cp|Cp]; [apply N.leb_le in Cp; lia|]. apply existsb_exists in Cp.
    destruct Cp as (p & P & Q). apply N.leb_le in Q. right. assert (hb p y) by auto.
    destruct (Sub p x) as [->|]; auto.
    + unfold leb. rewrite A. apply andb_true_intro. split; [apply N.leb_le; lia|apply N.ltb_lt; auto].
    + eapply hb_trans; eauto.
  - simpl in Q. right. assert (hb p y) by auto. destruct (Sub p x) as [->|]; auto.
    + unfold leb. apply andb_true_intro. split; [apply N.leb_le; lia|apply N.ltb_lt; auto].
    + eapply hb_trans; eauto.
Qed.

Theorem leb_hb x y : In x (all G) -> In y (all G) -> leb x y = true -> x = y \/ hb x y.
Proof. intros Ix Iy H. destruct (leb_all (Datatypes.S (rank y)) y Iy) as (_ & Q); auto. Qed.
Theorem ltb_hb x y : In x (all G) -> In y (all G) -> ltb x y = true -> hb x y.
Proof.
  intros Ix Iy H. unfold ltb in H. apply andb_prop in H. destruct H as (H & N). destruct (leb_hb x y Ix Iy H) as [->|]; auto.
  rewrite Pos.eqb_refl in N. discriminate.
Qed.
Theorem under_hb x y l : In x (all G) -> (forall z, In z l -> In z (all G) /\ (z = y \/ hb z y)) -> under x l = true -> x = y \/ hb x y.
Proof.
  intros Ix A U. unfold under in U. apply existsb_exists in U. destruct U as (z & Z & Q). destruct (A z Z) as (Iz & Y).
  apply orb_prop in Q. destruct Q as [Q|Q]. apply Pos.eqb_eq in Q. subst; auto.
  destruct (leb_hb x z Ix Iz Q) as [->|]; auto. right. destruct Y as [->|Y]; auto. eapply hb_trans; eauto.
Qed.
End CLOCKS.
