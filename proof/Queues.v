(** * Work FIFOs: tasks arrive in the order of the list, and there is room *)
Require Import List Arith Bool PArith Lia.
From wlm Require Import Machine Rules Barriers.
Import ListNotations.

Section LISTS.
Context {A : Type}.
Lemma nodup_cut (a b a' b' : list A) h : NoDup (a ++ h :: b) -> a ++ h :: b = a' ++ h :: b' -> a = a' /\ b = b'.
Proof.
  revert a'. induction a as [|x a IH]; intros [|y a'] N E; simpl in *.
  - injection E; auto.
  - injection E as <- E. inversion N; subst. exfalso. apply H1. apply in_or_app. simpl; auto.
  - injection E as -> E. inversion N; subst. exfalso. apply H1. apply in_or_app. simpl; auto.
  - injection E as -> E. inversion N; subst. destruct (IH a' H2 E); subst; auto.
Qed.
Lemma nodup_app (a b : list A) : NoDup (a ++ b) -> forall x, In x a -> ~ In x b.
Proof.
  induction a; intros N x I; [destruct I|]. inversion N; subst. destruct I as [->|I]; intro Y.
  apply H1, in_or_app; auto. eapply IHa; eauto.
Qed.
Lemma nodup_left (a b : list A) : NoDup (a ++ b) -> NoDup a.
Proof. induction a; intros N; constructor; inversion N; subst; auto. intro Y. apply H1, in_or_app; auto. Qed.
Lemma nodup_right (a b : list A) : NoDup (a ++ b) -> NoDup b.
Proof. induction a; intros N; auto. inversion N; auto. Qed.
Lemma app_split (a b c d : list A) : a ++ b = c ++ d -> length a <= length c -> exists m, c = a ++ m /\ b = m ++ d.
Proof.
  revert c. induction a as [|x a IH]; intros c E L; simpl in *. exists c; auto.
  destruct c as [|y c]; simpl in *; [lia|]. injection E as -> E. destruct (IH c E) as (m & -> & ->); [lia|]. exists m; auto.
Qed.
(** What holds of each neighbour holds of all before. *)
Lemma chain_before (D : A -> Prop) l : (forall a x y z, l = a ++ x :: y :: z -> D y -> D x) ->
  forall a y z, l = a ++ y :: z -> D y -> forall x, In x a -> D x.
Proof.
  intros H a. induction a as [|p a IH] using rev_ind; intros y z E Y x I; [destruct I|].
  rewrite <- app_assoc in E. simpl in E. assert (D p) by (eapply H; eauto).
  apply in_app_or in I. destruct I as [I|[<-|[]]]; auto. eapply IH; eauto.
Qed.
End LISTS.

Section QUEUES.
Variable G : prog.
Variable rank : id -> nat.
Variable segs : id -> list id.
Hypothesis R : rules G rank segs.
Notation hb := (hb G).
Notation cnt := (cnt G).

Lemma cnt_app a b : cnt (a ++ b) = cnt a + cnt b.
Proof. unfold Machine.cnt. rewrite filter_app, app_length. auto. Qed.

Record q_inv (d : list id) (q : id) (l : list id) (p : nat) : Prop := {
  j_split : exists s1 s2, segs q = s1 ++ s2 /\ (forall e, In e s1 -> In e d) /\ (forall e, In e s2 -> ~ In e d) /\
    firstn p (lst G q) ++ l = firstn (boot G q) (lst G q) ++ flat_map (fun e => pushes G e q) s1;
  j_taken : forall x, In x (firstn p (lst G q)) <-> (In x (lst G q) /\ In x d)
}.

Section STATE.
Variable s : st.
Hypothesis Down : down G (done s).
Hypothesis Inv : forall q, q_inv (done s) q (que s q) (po s q).
Notation F q := (firstn (po s q) (lst G q)).

Lemma taken_not q x : In x (lst G q) -> ~ In x (F q) -> ~ In x (done s).
Proof. intros L N D. apply N. apply (j_taken _ _ _ _ (Inv q)). auto. Qed.

Lemma lst_split q : exists r, lst G q = F q ++ que s q ++ r.
Proof.
  destruct (j_split _ _ _ _ (Inv q)) as (s1 & s2 & E & _ & _ & Q). exists (flat_map (fun e => pushes G e q) s2).
  rewrite app_assoc, Q, <- app_assoc, <- flat_map_app, <- E. apply (q_segs _ _ _ R).
Qed.

(** The event that pushes into [q] next. *)
Lemma push_next e q l : In e (all G) -> ~ In e (done s) -> (forall x, In x (ctl G e) -> In x (done s)) ->
  qps G e = Some (q, l) -> exists s1 s2, segs q = s1 ++ e :: s2 /\ (forall x, In x s1 -> In x (done s)) /\
    (forall x, In x (e :: s2) -> ~ In x (done s)) /\
    F q ++ que s q = firstn (boot G q) (lst G q) ++ flat_map (fun e => pushes G e q) s1 /\
    lst G q = F q ++ que s q ++ l ++ flat_map (fun e => pushes G e q) s2.
Proof.
  intros Al N Ct Q. destruct (j_split _ _ _ _ (Inv q)) as (s1 & s2 & E & D1 & D2 & Sp).
  assert (I : In e (segs q)) by (apply (q_segs_in _ _ _ R); eauto).
  assert (I2 : In e s2). { rewrite E in I. apply in_app_or in I. destruct I; auto. exfalso. auto. }
  destruct s2 as [|y s2]; [destruct I2|]. assert (y = e).
  { destruct I2 as [|I2]; auto. exfalso. destruct (in_split _ _ I2) as (a & z & ->).
    destruct (list_eq_dec Pos.eq_dec a []) as [->|NE].
    - destruct (q_segs_order _ _ _ R q s1 y e z) as (c & Ic & Y); auto. apply (D2 y); simpl; auto.
      destruct Y as [->|Y]; auto. eapply Down; eauto.
    - destruct (exists_last NE) as (a' & x & ->).
      assert (E' : segs q = (s1 ++ y :: a') ++ x :: e :: z). { rewrite E, <- !app_assoc. simpl. auto. }
      destruct (q_segs_order _ _ _ R q _ x e z E') as (c & Ic & Y).
      apply (D2 x); [|destruct Y as [->|Y]; auto; eapply Down; eauto].
      right. apply in_or_app. left. apply in_or_app. right. simpl; auto. }
  subst y. exists s1, s2. repeat split; auto.
  assert (QS := q_segs _ _ _ R q). rewrite E, flat_map_app in QS. simpl in QS.
  unfold pushes at 2 in QS. rewrite Q, Pos.eqb_refl in QS. rewrite app_assoc, Sp, <- app_assoc. exact QS.
Qed.

Lemma not_popped q x f r : f = F q -> lst G q = f ++ r -> In x r -> ~ In x (done s).
Proof.
  intros -> E I D. assert (N := q_nodup _ _ _ R q). assert (L : In x (lst G q)). { rewrite E. apply in_or_app; auto. }
  assert (X : In x (F q)) by (apply (j_taken _ _ _ _ (Inv q)); auto).
  remember (F q) as f. rewrite E in N. eapply nodup_app; eauto.
Qed.

(** ** What the guards of the FIFO tell *)
Lemma edge_pop x e q l : raw G s e -> pop G e = Some q -> In x (all G) -> qps G x = Some (q, l) -> In e l -> In x (done s).
Proof.
  intros Rw Po Al Q I. assert (H := r_pop _ _ _ Rw _ Po).
  destruct (j_split _ _ _ _ (Inv q)) as (s1 & s2 & E & D1 & D2 & Sp).
  assert (X : In x (segs q)) by (apply (q_segs_in _ _ _ R); eauto). rewrite E in X. apply in_app_or in X.
  destruct X as [X|X]; auto. exfalso. assert (N := q_nodup _ _ _ R q).
  assert (QS := q_segs _ _ _ R q). rewrite E, flat_map_app, app_assoc, <- Sp in QS. rewrite QS in N.
  apply (nodup_app _ _ N e).
  - apply in_or_app. right. destruct (que s q); simpl in *; [discriminate|]. injection H as ->. auto.
  - apply in_flat_map. exists x. split; auto. unfold pushes. rewrite Q, Pos.eqb_refl. auto.
Qed.

Lemma edge_room x e q l : raw G s e -> block G e = true -> qps G e = Some (q, l) -> frees G q x l -> In x (done s).
Proof.
  intros Rw B Q (a & m & p & z & E1 & E2 & L). destruct Rw as [Al N Ct _ _ _ Rm _ _]. specialize (Rm _ _ Q B).
  destruct (push_next e q l) as (s1 & s2 & _ & _ & _ & _ & E); auto. remember (F q) as f eqn:Ef.
  assert (ND := q_nodup _ _ _ R q). assert (NE := q_some _ _ _ R e q l Al Q).
  destruct l as [|h t]; [congruence|]. assert (X : p = f ++ que s q).
  { rewrite E, app_assoc in E2. rewrite E, app_assoc in ND. symmetry. simpl in E2, ND.
    destruct (nodup_cut _ _ _ _ _ ND E2) as (X & _). exact X. }
  subst p. assert (Z : a ++ x :: m = f ++ que s q ++ h :: t).
  { apply (app_inv_tail z). rewrite E1 in E2. rewrite <- !app_assoc in *. exact E2. }
  destruct (le_lt_dec (length f) (length a)) as [La|La].
  - exfalso. symmetry in Z. destruct (app_split _ _ _ _ Z La) as (k & -> & Y). rewrite Y, cnt_app in Rm. lia.
  - destruct (app_split _ _ _ _ Z) as (k & Y & W); [lia|]. destruct k as [|y k].
    { rewrite app_nil_r in Y. subst. lia. }
    simpl in W. injection W as -> _. apply (j_taken _ _ _ _ (Inv q)). rewrite <- Ef, Y. apply in_or_app; simpl; auto.
Qed.

(** ** What happens when an event happens *)
Section FIRE.
Variable e : id.
Hypothesis Al : In e (all G).
Hypothesis New : ~ In e (done s).
Hypothesis Ct : forall x, In x (ctl G e) -> In x (done s).
Hypothesis Po : forall q, pop G e = Some q -> hd_error (que s q) = Some e.

Lemma push_order q l : qps G e = Some (q, l) ->
  que s q ++ l = firstn (length (que s q ++ l)) (skipn (po s q) (lst G q)).
Proof.
  intro Q. destruct (push_next e q l) as (s1 & s2 & _ & _ & _ & _ & E); auto.
  assert (T := firstn_skipn (po s q) (lst G q)). rewrite E in T at 3. apply app_inv_head in T. rewrite T.
  rewrite app_assoc, firstn_app, firstn_all, Nat.sub_diag. simpl. rewrite app_nil_r. auto.
Qed.

Lemma push_room q l : qps G e = Some (q, l) -> (forall x, frees G q x l -> In x (done s)) ->
  cnt (que s q ++ l) <= depthQ G q.
Proof.
  intros Q Fr. destruct (push_next e q l) as (s1 & s2 & _ & _ & _ & _ & E); auto.
  destruct (le_lt_dec (cnt (que s q ++ l)) (depthQ G q)) as [|L]; auto. exfalso.
  remember (F q) as f eqn:Ef. remember (flat_map (fun e => pushes G e q) s2) as z.
  destruct (que s q ++ l) as [|x m] eqn:X; [simpl in L; unfold Machine.cnt in L; simpl in L; lia|].
  assert (E' : lst G q = f ++ (x :: m) ++ z). { rewrite E, <- X, !app_assoc. auto. }
  assert (D : In x (done s)).
  { apply Fr. exists f, m, (f ++ que s q), z. repeat split; auto. rewrite E, !app_assoc. auto. }
  revert D. eapply not_popped; eauto. simpl; auto.
Qed.

Lemma q_fire q : q_inv (e :: done s) q (que (fire G s e) q) (po (fire G s e) q).
Proof.
  assert (I := Inv q). simpl.
  assert (Push : exists s1 s2, segs q = s1 ++ s2 /\ (forall x, In x s1 -> In x (e :: done s)) /\
      (forall x, In x s2 -> ~ In x (e :: done s)) /\
      F q ++ que s q ++ pushes G e q = firstn (boot G q) (lst G q) ++ flat_map (fun e => pushes G e q) s1).
  { destruct (qps G e) as [(r, l)|] eqn:Q; [destruct (Pos.eq_dec r q) as [->|NE]|].
    - destruct (push_next e q l) as (s1 & s2 & E & D1 & D2 & Sp & _); auto. exists (s1 ++ [e]), s2.
      assert (NS := q_segs_nodup _ _ _ R q). rewrite E in NS. repeat split.
      + rewrite E, <- app_assoc. auto.
      + intros x X. apply in_app_or in X. destruct X as [X|[<-|[]]]; simpl; auto.
      + intros x X [<-|Y]. apply NoDup_remove_2 in NS. apply NS, in_or_app; auto. eapply D2; simpl; eauto.
      + rewrite flat_map_app, app_assoc, Sp. simpl. rewrite app_nil_r, app_assoc. auto.
    - destruct (j_split _ _ _ _ I) as (s1 & s2 & E & D1 & D2 & Sp). exists s1, s2. repeat split; auto.
      + simpl; auto.
      + intros x X [<-|Y]; [|eapply D2; eauto]. assert (Y : In e (segs q)) by (rewrite E; apply in_or_app; auto).
        apply (q_segs_in _ _ _ R) in Y. destruct Y as (_ & l' & Y). congruence.
      + unfold pushes at 1. rewrite Q. destruct (Pos.eqb_spec q r); [congruence|]. rewrite app_nil_r. auto.
    - destruct (j_split _ _ _ _ I) as (s1 & s2 & E & D1 & D2 & Sp). exists s1, s2. repeat split; auto.
      + simpl; auto.
      + intros x X [<-|Y]; [|eapply D2; eauto]. assert (Y : In e (segs q)) by (rewrite E; apply in_or_app; auto).
        apply (q_segs_in _ _ _ R) in Y. destruct Y as (_ & l' & Y). congruence.
      + unfold pushes at 1. rewrite Q, app_nil_r. auto. }
  destruct Push as (s1 & s2 & E & D1 & D2 & Sp). destruct (pops G e q) eqn:Pq.
  - unfold pops in Pq. destruct (pop G e) as [r|] eqn:Pe; [|discriminate]. apply Pos.eqb_eq in Pq. subst r.
    assert (H := Po q eq_refl). destruct (que s q) as [|y t] eqn:Qu; [discriminate|]. simpl in H. injection H as ->.
    destruct (lst_split q) as (r & L). rewrite Qu in L.
    assert (Fl : firstn (S (po s q)) (lst G q) = F q ++ [e]).
    { assert (len : length (F q) = po s q).
      { apply firstn_length_le. destruct (le_lt_dec (po s q) (length (lst G q))) as [|X]; auto. exfalso.
        rewrite (firstn_all2 (lst G q)) in L by lia. assert (Z := f_equal (@length _) L). rewrite !app_length in Z. simpl in Z. lia. }
      remember (F q) as f. rewrite L. rewrite <- len. rewrite firstn_app.
      replace (S (length f) - length f) with 1 by lia. rewrite firstn_all2 by lia. auto. }
    constructor.
    + exists s1, s2. repeat split; auto. rewrite <- Sp, Fl, <- !app_assoc. auto.
    + intro x. rewrite Fl, in_app_iff. rewrite (j_taken _ _ _ _ I). simpl. split.
      * intros [(A & B)|[<-|[]]]; auto. split; auto. rewrite L. apply in_or_app. simpl; auto.
      * intros (A & [<-|B]); auto.
  - constructor.
    + exists s1, s2. repeat split; auto.
    + intro x. rewrite (j_taken _ _ _ _ I). simpl. split; [tauto|]. intros (A & [<-|B]); auto. exfalso.
      assert (Y : pop G e = Some q) by (apply (q_pop _ _ _ R); auto). unfold pops in Pq. rewrite Y, Pos.eqb_refl in Pq. discriminate.
Qed.
End FIRE.

(** ** When a head can be taken *)
Lemma head_ready e q : In e (all G) -> ~ In e (done s) -> (forall x, In x (ctl G e) -> In x (done s)) -> pop G e = Some q ->
  (forall x l, In x (all G) -> qps G x = Some (q, l) -> In e l -> In x (done s)) ->
  hd_error (que s q) = Some e /\ exists z, lst G q = F q ++ e :: z.
Proof.
  intros Al N Ct Pe Pu. assert (L : In e (lst G q)) by (apply (q_pop _ _ _ R); auto).
  destruct (in_split _ _ L) as (a & z & E). assert (ND := q_nodup _ _ _ R q).
  assert (Da : forall x, In x a -> In x (done s)).
  { destruct (list_eq_dec Pos.eq_dec a []) as [->|NE]; [simpl; tauto|]. destruct (exists_last NE) as (a' & y & ->).
    rewrite <- app_assoc in E. simpl in E. destruct (q_order _ _ _ R _ _ _ _ _ E) as (c & Ic & Y).
    assert (Dy : In y (done s)) by (destruct Y as [->|Y]; auto; eapply Down; eauto).
    intros x X. apply in_app_or in X. destruct X as [X|[<-|[]]]; auto.
    eapply (chain_before (fun x => In x (done s))); [|exact E|exact Dy|exact X].
    intros a0 x0 y0 z0 E0 D0. destruct (q_order _ _ _ R _ _ _ _ _ E0) as (c0 & Ic0 & Y0).
    assert (In c0 (done s)). { apply (Down c0 y0); auto. apply hb_edge, e_ctl; auto. }
    destruct Y0 as [->|Y0]; auto. eapply Down; eauto. }
  destruct (lst_split q) as (r & Ls). remember (F q) as f eqn:Ef.
  assert (Ea : f = a).
  { rewrite Ls in E. destruct (le_lt_dec (length f) (length a)) as [La|La].
    - destruct (app_split _ _ _ _ E La) as (m & -> & Y). destruct m as [|x m]; [rewrite app_nil_r; auto|]. exfalso.
      assert (Dx : In x (done s)) by (apply Da, in_or_app; simpl; auto). revert Dx.
      eapply not_popped; eauto. rewrite Y. simpl; auto.
    - symmetry in E. destruct (app_split _ _ _ _ E) as (m & Y & W); [lia|]. destruct m as [|x m].
      { rewrite app_nil_r in Y. subst; lia. }
      simpl in W. injection W as -> _. exfalso. apply N. apply (j_taken _ _ _ _ (Inv q)). rewrite <- Ef, Y.
      apply in_or_app; simpl; auto. }
  subst a. split; [|eauto]. assert (Qr : que s q ++ r = e :: z). { rewrite Ls in E. apply app_inv_head in E. auto. }
  destruct (que s q) as [|y t] eqn:Qu; [|simpl in *; congruence]. exfalso.
  assert (Fe : ~ In e f). { intro X. rewrite E in ND. eapply nodup_app; eauto. simpl; auto. }
  destruct (j_split _ _ _ _ (Inv q)) as (s1 & s2 & Es & D1 & D2 & Sp). rewrite Qu, app_nil_r, <- Ef in Sp.
  apply Fe. rewrite Sp. assert (QS := q_segs _ _ _ R q). rewrite QS in L. apply in_app_or in L. apply in_or_app.
  destruct L as [L|L]; auto. right. apply in_flat_map in L. destruct L as (x & X & Y). apply in_flat_map. exists x. split; auto.
  assert (Xs := X). apply (q_segs_in _ _ _ R) in X. destruct X as (Ax & l & Ql).
  unfold pushes in Y. rewrite Ql, Pos.eqb_refl in Y. assert (Dx := Pu x l Ax Ql Y).
  rewrite Es in Xs. apply in_app_or in Xs. destruct Xs as [|Xs]; auto. exfalso. eapply D2; eauto.
Qed.
End STATE.
End QUEUES.
