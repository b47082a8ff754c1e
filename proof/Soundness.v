(** * Soundness: no run contains a hazard

    The invariant holds in every reachable state; an event that can happen has all its predecessors in the event graph
    behind it ([enabled_down]); so none of the hazards of [Machine.v] is possible ([safe]). *)
Require Import List Arith Bool PArith Lia.
From wlm Require Import Machine Rules Barriers Queues Firmware.
Import ListNotations.

Section SOUNDNESS.
Variable G : prog.
Variable rank : id -> nat.
Variable segs : id -> list id.
Hypothesis R : rules G rank segs.
Notation hb := (hb G).

Record inv (s : st) : Prop := {
  v_nodup : NoDup (done s);
  v_sub : forall x, In x (done s) -> In x (all G);
  v_down : down G (done s);
  v_bar : forall b, bar_inv G (done s) b (bar s b);
  v_set : atomic G = true -> forall b, settled (bar s b);
  v_que : forall q, q_inv G segs (done s) q (que s q) (po s q);
  v_des : forall h x f g, reads G h = Some x -> loads G g x = Some h -> kills G g x = false -> hb f g -> hb g h ->
     hb h (endof G h) ->
     (forall e i, e <> f -> e <> g -> (kills G e x = true \/ loads G e x = Some i) -> hb (endof G h) e \/ hb e f) ->
     In g (done s) -> ~ In (endof G h) (done s) -> des s x = Some h;
  v_pq : pq_inv G (done s) (pq s)
}.

(** ** Predecessors come first *)
Section STATE.
Variable s : st.
Hypothesis V : inv s.

Lemma edge_down e x : raw G s e -> edge G x e -> In x (done s).
Proof.
  intros Rw E. assert (Al := r_all _ _ _ Rw). assert (Ax := proj1 (g_all _ _ _ R _ _ E Al)). destruct E.
  - eapply r_ctl; eauto.
  - destruct V as [_ _ Dn Bi Se _ _ _]. assert (Cu := wait_exact _ _ _ R s Dn Bi Se _ _ _ Rw H).
    destruct (i_some _ _ _ _ (Bi b) k Cu) as (PZ & _). rewrite (r_wts _ _ _ Rw _ _ H) in PZ. symmetry in PZ.
    eapply users_done_p; eauto.
  - eapply edge_pop; eauto; apply V.
  - eapply edge_room; eauto; apply V.
  - eapply edge_raise; eauto; apply V.
Qed.

Lemma firstn_in {A} n (l : list A) x : In x (firstn n l) -> In x l.
Proof. revert n. induction l; intros [|n]; simpl; try tauto. intros [->|I]; auto. right. eapply IHl; eauto. Qed.

(** The tasks before [h] on its engine are at head; all but [m - 1] of them have ended: a server is free. *)
Lemma server_free q m a h z : lim G q = Some m -> lst G q = a ++ h :: z -> ~ In h (done s) ->
  length (filter (fun x => negb (mem (done s) (endof G x))) a) < m -> length (flight G (done s) q) < m.
Proof.
  intros L E N Lt. unfold flight. rewrite E, filter_app, app_length.
  assert (Z : filter (fun x => mem (done s) x && negb (mem (done s) (endof G x))) (h :: z) = []).
  { destruct (filter _ (h :: z)) as [|y t] eqn:F; auto. exfalso.
    assert (I : In y (y :: t)) by (simpl; auto). rewrite <- F in I. apply filter_In in I. destruct I as (I & J).
    apply andb_prop in J. destruct J as (J & _). apply mem_in in J.
    assert (I' := I). apply in_split in I'. destruct I' as (u & v & W).
    assert (Down := v_down _ V). destruct u as [|h' u]; simpl in W; injection W as -> W; [auto|].
    assert (Dh : In h' (done s)); [|auto].
    eapply (chain_before (fun x => In x (done s)) (lst G q)) with (a := a ++ h' :: u) (y := y) (z := v).
    - intros a0 x0 y0 z0 E0 D0. destruct (q_order _ _ _ R _ _ _ _ _ E0) as (c & Ic & Y).
      assert (In c (done s)). { apply (Down c y0); auto. apply hb_edge, e_ctl; auto. }
      destruct Y as [->|Y]; auto. eapply Down; eauto.
    - rewrite E, W, <- app_assoc. auto.
    - auto.
    - apply in_or_app. simpl; auto. }
  rewrite Z. simpl. rewrite Nat.add_0_r. eapply Nat.le_lt_trans; [|exact Lt].
  clear. induction a as [|x a IH]; simpl; auto. destruct (mem (done s) x), (mem (done s) (endof G x)); simpl; lia.
Qed.

Lemma filter_drop {A} (f : A -> bool) a n : (forall x, In x (firstn n a) -> f x = false) ->
  length (filter f a) <= length a - n.
Proof.
  revert n. induction a as [|x a IH]; intros [|n] H; simpl; auto.
  - specialize (IH 0). simpl in IH. assert (length (filter f a) <= length a - 0) by (apply IH; tauto). destruct (f x); simpl; lia.
  - rewrite (H x) by (simpl; auto). apply IH. intros y Y. apply H. simpl; auto.
Qed.

Theorem enabled_down e : enabled G s e -> forall x, hb x e -> In x (done s).
Proof.
  intros (Rw & Ur) x H. assert (Dn := v_down _ V). revert Rw Ur.
  induction H as [x y E|x y z H1 IH1 H2 IH2|a b f Ia Ib Fc Fe Fh IHh By|j y Al Uj Uy Sy He IHe Hs IHs]; intros Rw Ur.
  - eapply edge_down; eauto.
  - eapply Dn; [exact H1|]. apply IH2; auto.
  - eapply serve_order; eauto; apply V.
  - destruct (in_dec Pos.eq_dec j (done s)) as [|N]; auto. exfalso. apply (Ur Uy Sy j Uj).
    assert (Ed : forall x, edge G x j -> In x (done s)) by auto.
    assert (Ct : forall x, In x (ctl G j) -> In x (done s)) by (intros; apply Ed, e_ctl; auto).
    destruct (u_plain _ _ _ R j Uj) as (NS & NW).
    assert (HR : forall q, pop G j = Some q -> hd_error (que s q) = Some j /\ exists z, lst G q = firstn (po s q) (lst G q) ++ j :: z).
    { intros q Pj. eapply (head_ready _ _ _ R s Dn (v_que _ V)); eauto. intros x l _ Qx I. apply Ed. eapply e_pop; eauto. }
    constructor; auto.
    + intros b k W. rewrite NW in W. discriminate.
    + intros q Pj. apply HR; auto.
    + intros q m Pj L. destruct (HR q Pj) as (_ & z & E). set (a := firstn (po s q) (lst G q)) in *.
      eapply server_free; eauto.
      eapply Nat.le_lt_trans; [apply (filter_drop _ a (S (length a) - m))|].
      * intros x X. rewrite (proj2 (mem_in (done s) (endof G x))); auto. eapply IHs; eauto.
      * assert (0 < m); [|lia]. assert (S := q_servers _ _ _ R q m a j z L E). lia.
    + intros q l Qj B. eapply push_room; eauto. apply V. intros x Fx. apply Ed. eapply e_room; eauto.
    + intros h Sj. congruence.
    + destruct (r_ack _ _ _ Rw) as [At|Ack]; [left; auto|right]. intros b k Pe K. apply (Ack b k Pe).
      intros c Ac. apply hb_trans with (y := j); auto. apply hb_join; auto.
Qed.
End STATE.

(** ** The invariant holds *)
Lemma inv_init : inv (init G).
Proof.
  assert (B0 : forall b, bar_inv G [] b (Bst 0 0 0 (seq 0 (loaded G b)))).
  { intro b. constructor; simpl; try lia; try discriminate.
    - rewrite seq_length. auto.
    - intro k. rewrite seq_length. unfold pushed. split; [auto|]. intros [|(x & [] & _)]; auto.
 }
  constructor; simpl; try (intros; tauto).
  - constructor.
  - intros x y _ [].
  - intro b. eapply take_inv; eauto.
  - intros _ b. eapply take_settled; eauto.
  - intro q. constructor; simpl; [|tauto]. exists [], (segs q). simpl. rewrite app_nil_r. repeat split; simpl; auto.
  - constructor; simpl; auto. intro h. split; [tauto|]. intros (Ih & Ch & _).
    destruct (src G h) as [(b, k)|f] eqn:Q.
    + destruct (b_made _ _ _ R b k) as (p & w & U). eapply f_src; eauto. apply (Ch p). unfold causes. rewrite Q. left; eauto.
    + apply (Ch f). unfold causes. rewrite Q. auto.
Qed.

Lemma inv_fire s e : inv s -> enabled G s e -> inv (fire G s e).
Proof.
  intros V En. assert (De := enabled_down s V e En). destruct En as (Rw & _). assert (V' := V).
  destruct V as [Nd Sb Dn Bi Se Qi Di Pi].
  assert (TI := touched_inv _ _ _ R s Dn Bi Se e Rw De). constructor.
  - simpl. constructor; auto. apply Rw.
  - simpl. intros x [<-|X]; auto. apply Rw.
  - simpl. intros x y H [<-|Y]; right; auto. eapply Dn; eauto.
  - intro b. simpl. destruct (atomic G); [eapply take_inv|]; eauto.
  - intros At b. simpl. rewrite At. eapply take_settled; eauto.
  - intro q. eapply q_fire; eauto; apply Rw.
  - intros h x f g Rd Ld Kg Hf Hg He Ot I N. simpl in I, N. simpl.
    assert (Ne : ~ In e (done s)) by apply Rw.
    destruct (Pos.eq_dec e g) as [->|NG]; [rewrite Kg, Ld; auto|]. destruct I as [|I]; [congruence|].
    destruct (Pos.eq_dec e f) as [->|NF]. { exfalso. apply Ne. eapply Dn; eauto. }
    assert (Out : (kills G e x = true \/ exists i, loads G e x = Some i) -> False).
    { intro K. assert (Y : hb (endof G h) e \/ hb e f).
      { destruct K as [K|(i & K)]; [apply (Ot e 1%positive)|apply (Ot e i)]; auto. }
      destruct Y as [Y|Y]. apply N. right. auto. apply Ne. eapply Dn; [exact Y|]. eapply Dn; eauto. }
    destruct (kills G e x) eqn:K; [exfalso; auto|]. destruct (loads G e x) eqn:L; [exfalso; eauto|].
    eapply Di; eauto.
  - eapply pq_fire; eauto.
Qed.

Lemma inv_rearm s b k : inv s -> atomic G = false -> pending s b k -> inv (rearm G s b).
Proof.
  intros V At Pe. destruct V. constructor; simpl; auto; try congruence.
  intro c. destruct (Pos.eqb c b) eqn:Q; auto. apply Pos.eqb_eq in Q. subst. eapply take_inv; eauto.
Qed.

Theorem reach_inv s : reach G s -> inv s.
Proof.
  induction 1 as [|s t Rs IH St]. apply inv_init. destruct St. apply inv_fire; auto. eapply inv_rearm; eauto.
Qed.

(** ** No hazard *)
Theorem safe : forall s e, reach G s -> enabled G s e -> ~ hazard G s e.
Proof.
  intros s e Rs En H. assert (V := reach_inv s Rs). assert (De := enabled_down s V e En).
  assert (Rw := proj1 En). assert (Ne : ~ In e (done s)) by apply Rw.
  destruct V as [Nd Sb Dn Bi Se Qi Di Pi]. destruct H.
  - apply H0. eapply wait_exact; eauto.
  - apply H0. eapply use_exact; eauto.
  - edestruct (pro_exact _ _ _ R s Dn Bi Se e Rw De) as (_ & Q); eauto. lia.
  - edestruct (con_exact _ _ _ R s Dn Bi Se e Rw De) as (_ & Q); eauto. lia.
  - apply H. eapply push_exact; eauto.
  - assert (Z := Barriers.push_room _ _ _ R s Dn Bi Se e Rw De b H). lia.
  - destruct (d_read _ _ _ R _ _ H) as (f & g & Kf & Lg & Hf & Hg & He & Kg & Ot). apply H0.
    eapply Di; eauto.
  - destruct (d_read _ _ _ R _ _ H0) as (f & g & Kf & Lg & Hf & Hg & He & Kg & Ot).
    destruct (Pos.eq_dec e f) as [->|NF]. { apply Ne. eapply Dn; [exact Hf|]. eapply Dn; eauto. }
    destruct (Pos.eq_dec e g) as [->|NG]; [congruence|].
    destruct (Ot e 1%positive) as [Y|Y]; auto. apply Ne. eapply Dn; [exact Y|]. eapply Dn; [exact Hf|]. eapply Dn; eauto.
  - apply H0. eapply push_order; eauto; apply Rw.
  - assert (Z : cnt G (que s q ++ l) <= depthQ G q); [|lia]. eapply Queues.push_room; eauto; try apply Rw.
    intros x Fx. apply De. eapply q_room; eauto. apply Rw.
  - apply H2. apply De. eapply (h8 _ _ _ R a e); eauto. apply Rw.
  - assert (Cf : conflict G e a). { destruct H as (u & v & x & A & B & Sp & X & Y & W). exists v, u, x. rewrite orb_comm. intuition. }
    destruct (h8 _ _ _ R e a) as (X & Y); auto. apply Rw. apply Ne. eapply Dn; [exact Y|]. eapply Dn; eauto.
Qed.
End SOUNDNESS.
