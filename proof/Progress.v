(** * Progress: no deadlock, a clean end, and one behaviour

    While an event is left, some event can happen ([live]); as events happen once, every run ends. When the tail barrier
    lifts all tasks have ended ([complete]), and when all has happened every counter is zero and every FIFO empty
    ([clean]): the program can run again. Runs differ in the order of unordered events only: the state is a function of
    what has happened ([same_state]), whatever the order. *)
Require Import List Arith Bool PArith Lia.
From wlm Require Import Machine Rules Barriers Queues Firmware Soundness.
Import ListNotations.

Section PROGRESS.
Variable G : prog.
Variable rank : id -> nat.
Variable segs : id -> list id.
Hypothesis R : rules G rank segs.
Notation hb := (hb G).

Lemma find_dec {A} (Q : A -> Prop) (l : list A) : (forall x, In x l -> {Q x} + {~ Q x}) ->
  {x | In x l /\ Q x} + {forall x, In x l -> ~ Q x}.
Proof.
  induction l as [|a l IH]; intro D; [right; intros x []|]. destruct (D a (or_introl eq_refl)) as [Y|N].
  - left. exists a. simpl; auto.
  - destruct IH as [(x & I & Y)|W]. intros; apply D; simpl; auto. left. exists x. simpl; auto.
    right. intros x [<-|I]; auto.
Qed.

(** ** An event that waits for nothing but itself *)
Lemma first_undone d : (exists e, In e (all G) /\ ~ In e d) ->
  exists e, In e (all G) /\ ~ In e d /\ forall x, In x (all G) -> rank x < rank e -> In x d.
Proof.
  intros (e0 & A0 & N0). assert (K : forall n e, rank e = n -> In e (all G) -> ~ In e d ->
    exists f, In f (all G) /\ ~ In f d /\ forall x, In x (all G) -> rank x < rank f -> In x d).
  { induction n as [n IH] using lt_wf_ind. intros e Q A N.
    destruct (find_dec (fun x => ~ In x d /\ rank x < rank e) (all G)) as [(x & I & Nx & L)|W].
    - intros x _. destruct (in_dec Pos.eq_dec x d). right; tauto. destruct (lt_dec (rank x) (rank e)); [left|right]; tauto.
    - apply (IH (rank x)) with (e := x); auto. lia.
    - exists e. repeat split; auto. intros x I L. destruct (in_dec Pos.eq_dec x d); auto. exfalso. eapply W; eauto. }
  eapply K; eauto.
Qed.

Section STATE.
Variable s : st.
Hypothesis Rs : reach G s.
Let V := reach_inv G rank segs R s Rs.

Definition quiet : Prop := forall b k, ~ pending s b k.

Lemma quiet_dec : quiet \/ exists b k, pending s b k.
Proof.
  destruct (b_fin _ _ _ R) as (l & L).
  destruct (find_dec (fun b => exists k, pending s b k) l) as [(b & _ & K)|W]; [|right; eauto|].
  - intros c _. unfold pending. destruct (over (bar s c)); [|right; intros (k & X & _); discriminate].
    destruct (fifo (bar s c)) as [|k r]. right. intros (k & _ & X); discriminate. left. exists k. auto.
  - left. intros b k Pe. apply (W b); [|eauto]. apply L. destruct Pe as (_ & H).
    assert (K : k < ninst G b); [|lia]. eapply pushed_inst; eauto. apply (i_pushed _ _ _ _ (v_bar _ _ _ V b)).
    assert (F := i_fifo _ _ _ _ (v_bar _ _ _ V b)). destruct (fifo (bar s b)) as [|c r]; [discriminate|].
    simpl in H. injection H as ->. simpl in F. injection F as -> _. simpl. lia.
Qed.

Lemma acked_quiet e : quiet -> acked G s e.
Proof. intro Q. right. intros b k Pe. exfalso. eapply Q; eauto. Qed.

Lemma urgent_dec j : quiet -> In j (all G) -> {urg G j = true /\ raw G s j} + {~ (urg G j = true /\ raw G s j)}.
Proof.
  intros Q Al. destruct (urg G j) eqn:U; [|right; intros (X & _); discriminate].
  destruct (in_dec Pos.eq_dec j (done s)) as [|N]. { right. intros (_ & W). apply (r_new _ _ _ W); auto. }
  destruct (u_plain _ _ _ R j U) as (NS & NW).
  destruct (find_dec (fun x => ~ In x (done s)) (ctl G j)) as [(x & I & X)|Ct].
  { intros x _. destruct (in_dec Pos.eq_dec x (done s)); [right|left]; tauto. }
  { right. intros (_ & W). apply X. eapply r_ctl; eauto. }
  assert (Ct' : forall x, In x (ctl G j) -> In x (done s)).
  { intros x I. destruct (in_dec Pos.eq_dec x (done s)); auto. exfalso. eapply Ct; eauto. }
  assert (HP : {forall q, pop G j = Some q -> hd_error (que s q) = Some j} + {~ forall q, pop G j = Some q -> hd_error (que s q) = Some j}).
  { destruct (pop G j) as [q|]; [|left; congruence]. destruct (hd_error (que s q)) as [y|] eqn:H.
    - destruct (Pos.eq_dec y j) as [->|X]. left; congruence. right. intro W. specialize (W q eq_refl). congruence.
    - right. intro W. specialize (W q eq_refl). congruence. }
  assert (HL : {forall q m, pop G j = Some q -> lim G q = Some m -> length (flight G (done s) q) < m} +
               {~ forall q m, pop G j = Some q -> lim G q = Some m -> length (flight G (done s) q) < m}).
  { destruct (pop G j) as [q|]; [|left; congruence]. destruct (lim G q) as [m|] eqn:L; [|left; congruence].
    destruct (lt_dec (length (flight G (done s) q)) m). left; congruence. right. intro W. specialize (W q m eq_refl L). lia. }
  assert (HR : {forall q l, qps G j = Some (q, l) -> block G j = true -> cnt G (que s q ++ l) <= depthQ G q} +
               {~ forall q l, qps G j = Some (q, l) -> block G j = true -> cnt G (que s q ++ l) <= depthQ G q}).
  { destruct (qps G j) as [(q, l)|]; [|left; congruence]. destruct (block G j); [|left; congruence].
    destruct (le_dec (cnt G (que s q ++ l)) (depthQ G q)). left; congruence.
    right. intro W. specialize (W q l eq_refl eq_refl). lia. }
  destruct HP as [HP|X]; [|right; intros (_ & W); apply X, W].
  destruct HL as [HL|X]; [|right; intros (_ & W); apply X, W].
  destruct HR as [HR|X]; [|right; intros (_ & W); apply X, W].
  left. split; auto. constructor; auto.
  - intros b k W. rewrite NW in W. discriminate.
  - intros h Sj. congruence.
  - apply acked_quiet; auto.
Qed.

Lemma some_turn h l : In h l -> exists i, In i l /\ turn G i l.
Proof.
  intro I. unfold turn. destruct (byid G).
  - revert h I. induction l as [|a l IH]; intros h I; [destruct I|]. destruct l as [|c l].
    + exists a. simpl. split; auto. split; auto. intros i [<-|[]]. lia.
    + destruct (IH c (or_introl eq_refl)) as (i & Ii & _ & M). destruct (Pos.leb_spec a i).
      * exists a. simpl; split; auto. split; auto. intros j [<-|J]; [lia|]. specialize (M j J). lia.
      * exists i. split; [right; auto|]. split; [right; auto|]. intros j [<-|J]; [lia|]. auto.
  - destruct l as [|a l]; [destruct I|]. exists a. simpl; auto.
Qed.

Theorem live : (exists e, In e (all G) /\ ~ In e (done s)) ->
  (exists e, enabled G s e) \/ (atomic G = false /\ exists b k, pending s b k).
Proof.
  intro U. destruct quiet_dec as [Qt|Pe].
  2: { destruct (atomic G) eqn:At; [|right; auto]. exfalso. destruct Pe as (b & k & O & H).
       rewrite (v_set _ _ _ V At b) in O; [discriminate|]. intro X. rewrite X in H. discriminate. }
  left. destruct (first_undone (done s) U) as (e & Al & N & M).
  assert (Dn := v_down _ _ _ V).
  assert (Ed : forall x, edge G x e -> In x (done s)).
  { intros x E. destruct (g_all _ _ _ R _ _ E Al). auto. }
  assert (Ct : forall x, In x (ctl G e) -> In x (done s)) by (intros; apply Ed, e_ctl; auto).
  assert (Raw : exists f, raw G s f).
  { destruct (serves G e) as [h|] eqn:Se.
    - destruct (f_serves _ _ _ R e h Al Se) as (-> & Ih).
      assert (Ph : In h (pq s)). { apply (p_in _ _ _ (v_pq _ _ _ V)). repeat split; auto. intros x X. apply Ed. eapply e_raise; eauto. }
      destruct (some_turn _ _ Ph) as (i & Ii & Ti). exists (hnd G i).
      apply (p_in _ _ _ (v_pq _ _ _ V)) in Ii. destruct Ii as (Hi & _ & Ni).
      destruct (f_hnd _ _ _ R i Hi) as (S1 & S2 & S3 & S4 & S5 & S6 & S7). constructor; auto.
      + rewrite S3. simpl; tauto.
      + intros b k W. rewrite S7 in W. discriminate.
      + congruence.
      + congruence.
      + congruence.
      + congruence.
      + apply acked_quiet; auto.
    - assert (HR : forall q, pop G e = Some q -> hd_error (que s q) = Some e /\ exists z, lst G q = firstn (po s q) (lst G q) ++ e :: z).
      { intros q Pj. eapply (head_ready _ _ _ R s Dn (v_que _ _ _ V)); eauto. intros x l _ Qx I. apply Ed. eapply e_pop; eauto. }
      exists e. constructor; auto.
      + intros b k W. destruct (b_wts _ _ _ R _ _ _ W) as (K & c & wc & UC & HC).
        assert (HPr : forall x w, pro G x b = Some (k, w) -> In x (done s)). { intros x w Ux. apply Ed. eapply e_wait; eauto. }
        assert (Nc : ~ In c (done s)). { intro Y. apply N. destruct HC as [->|HC]; auto. eapply Dn; eauto. }
        assert (Cu : cur (bar s b) = S k).
        { destruct (b_made _ _ _ R b k K) as (p & w & Up). assert (Dp := HPr p w Up).
          assert (k < cur (bar s b)). { eapply i_fut; [apply (v_bar _ _ _ V)|left; eauto|auto]. }
          assert (cur (bar s b) <= S k); [|lia]. eapply gen_high; eauto. apply (v_bar _ _ _ V). right; eauto. }
        destruct (i_some _ _ _ _ (v_bar _ _ _ V b) k Cu) as (-> & _). rewrite total_zero. apply sum_none. intros x w _ Ux. eauto.
      + intros q Pj. apply HR; auto.
      + intros q m Pj L. destruct (HR q Pj) as (_ & z & E). eapply server_free; eauto.
        assert (QS := q_servers _ _ _ R q m _ _ _ L E). eapply Nat.le_lt_trans; [|exact QS].
        assert (Sub : forall x, In x (firstn (po s q) (lst G q)) -> In x (lst G q)) by (intros; eapply firstn_in; eauto).
        revert Sub. generalize (firstn (po s q) (lst G q)). intros l Sub.
        induction l as [|x l IH]; simpl; auto. assert (IHl : forall y, In y l -> In y (lst G q)) by (intros; apply Sub; simpl; auto).
        specialize (IH IHl). destruct (mem (done s) (endof G x)) eqn:Me; simpl.
        * destruct (rank e <=? rank (endof G x)); simpl; lia.
        * destruct (Nat.leb_spec (rank e) (rank (endof G x))); simpl; [lia|]. exfalso.
          apply mem_notin in Me. apply Me. apply M; auto. apply (q_end _ _ _ R q x). apply Sub; simpl; auto.
      + intros q l Qj B. eapply Queues.push_room; eauto. apply (v_que _ _ _ V). intros x Fx. apply Ed. eapply e_room; eauto.
      + congruence.
      + apply acked_quiet; auto. }
  destruct Raw as (f & Rf).
  destruct (find_dec (fun j => urg G j = true /\ raw G s j) (all G)) as [(j & _ & Uj & Rj)|W].
  - intros j Ij. apply urgent_dec; auto.
  - exists j. split; auto. congruence.
  - exists f. split; auto. intros _ _ j Uj Rj. apply (W j); auto. apply Rj.
Qed.

(** ** The end *)
Theorem bounded : length (done s) <= length (all G).
Proof. apply NoDup_incl_length. apply V. intros x X. eapply v_sub; eauto. Qed.

Theorem complete : cur (bar s (fst (tail G))) = S (snd (tail G)) -> P (bar s (fst (tail G))) = 0 ->
  forall e, In e (ends G) -> In e (done s).
Proof.
  intros Cu Z e I. destruct (h10 _ _ _ R e I) as (x & w & U & H).
  assert (X : In x (done s)).
  { destruct (i_some _ _ _ _ (v_bar _ _ _ V _) _ Cu) as (PZ & _). rewrite Z in PZ. symmetry in PZ. eapply users_done_p; eauto. }
  destruct H as [->|H]; auto. eapply v_down; eauto.
Qed.

Theorem clean : (forall e, In e (all G) -> In e (done s)) ->
  (forall b, bar s b = Bst (ninst G b) 0 0 []) /\ (forall q, que s q = []) /\ pq s = [].
Proof.
  intro D. split; [|split].
  - intro b. destruct (v_bar _ _ _ V b) as [F PU Z0 Z1 _ FU].
    assert (L1 : ninst G b <= cur (bar s b)).
    { destruct (le_lt_dec (ninst G b) (cur (bar s b))) as [|L]; auto. exfalso.
      destruct (b_made _ _ _ R b (cur (bar s b)) L) as (p & w & U). destruct (b_pro _ _ _ R _ _ _ _ U) as (Ap & _).
      assert (cur (bar s b) < cur (bar s b)); [|lia]. apply FU with (y := p); auto. left; eauto. }
    assert (L2 : cur (bar s b) + length (fifo (bar s b)) <= ninst G b).
    { destruct (cur (bar s b) + length (fifo (bar s b))) as [|n] eqn:E; [lia|].
      assert (n < ninst G b); [|lia]. eapply pushed_inst; eauto. apply PU. lia. }
    destruct (bar s b) as [c p k f]. simpl in *. assert (length f = 0) by lia. destruct f; [|discriminate].
    assert (c = ninst G b) by lia. subst c. f_equal.
    + destruct (ninst G b) as [|n] eqn:E. apply Z0; auto. destruct (Z1 n) as (-> & _); auto. apply sum_none. auto.
    + destruct (ninst G b) as [|n] eqn:E. apply Z0; auto. destruct (Z1 n) as (_ & ->); auto. apply sum_none. auto.
  - intro q. assert (Q := v_que _ _ _ V q). destruct (lst_split _ _ _ R s (v_que _ _ _ V) q) as (r & E).
    remember (firstn (po s q) (lst G q)) as f eqn:Ef. destruct (que s q) as [|x t]; auto. exfalso.
    assert (L : In x (lst G q)). { rewrite E. apply in_or_app. simpl; auto. }
    assert (X : In x f). { subst f. apply (j_taken _ _ _ _ _ _ Q). split; auto. apply D. eapply q_all; eauto. }
    assert (ND := q_nodup _ _ _ R q). rewrite E in ND. eapply nodup_app; eauto. simpl; auto.
  - destruct (pq s) as [|h t] eqn:E; auto. exfalso. assert (I : In h (pq s)) by (rewrite E; simpl; auto).
    apply (p_in _ _ _ (v_pq _ _ _ V)) in I. destruct I as (Ih & _ & N). apply N, D. apply (f_hnd _ _ _ R h Ih).
Qed.
End STATE.

(** ** One behaviour *)

(** In every run an event happens after the same events and finds the same instances. *)
Theorem order s e : reach G s -> enabled G s e -> forall x, hb x e -> In x (done s).
Proof. intros Rs En. eapply enabled_down; eauto. eapply reach_inv; eauto. Qed.
Theorem instances s e b k : reach G s -> enabled G s e -> user G b k e \/ wts G e b = Some k -> cur (bar s b) = S k.
Proof.
  intros Rs En U. assert (V := reach_inv _ _ _ R s Rs). assert (De := order s e Rs En). destruct U as [U|U].
  - eapply use_exact; eauto; try apply V. apply En.
  - eapply wait_exact; eauto; try apply V. apply En.
Qed.

Lemma same_prefix (f r f' r' : list id) : NoDup (f ++ r) -> f ++ r = f' ++ r' -> (forall x, In x f <-> In x f') -> f = f'.
Proof.
  intros ND E Me. destruct (le_lt_dec (length f) (length f')) as [L|L].
  - destruct (app_split _ _ _ _ E L) as (m & -> & W). destruct m as [|z m]; [rewrite app_nil_r; auto|]. exfalso.
    apply (nodup_app _ _ ND z). apply Me, in_or_app; simpl; auto. rewrite W. simpl; auto.
  - symmetry in E. destruct (app_split _ _ _ _ E) as (m & -> & W); [lia|]. destruct m as [|z m]; [rewrite app_nil_r; auto|].
    exfalso. assert (In z f') by (apply Me, in_or_app; simpl; auto).
    rewrite <- app_assoc in ND. apply (nodup_app _ _ ND z); simpl; auto.
Qed.

Theorem same_state s t : atomic G = true -> reach G s -> reach G t -> (forall x, In x (done s) <-> In x (done t)) ->
  (forall b, bar s b = bar t b) /\ (forall q, que s q = que t q).
Proof.
  intros At Rs Rt Eq. assert (Vs := reach_inv _ _ _ R s Rs). assert (Vt := reach_inv _ _ _ R t Rt). split.
  - assert (Le : forall u v, inv G segs u -> inv G segs v -> (forall x, In x (done v) -> In x (done u)) ->
      (forall x, In x (done u) -> In x (done v)) -> forall b, cur (bar v b) <= cur (bar u b)).
    { intros u v Vu Vv Sub Sup b. destruct (le_lt_dec (cur (bar v b)) (cur (bar u b))) as [|L]; auto. exfalso.
      assert (Bu := v_bar _ _ _ Vu b). assert (Bv := v_bar _ _ _ Vv b).
      assert (NF : fifo (bar u b) <> []).
      { intro X. assert (Pk : pushed G (done v) b (cur (bar u b))) by (apply (i_pushed _ _ _ _ Bv); lia).
        assert (Pu : pushed G (done u) b (cur (bar u b))). { destruct Pk as [|(x & Dx & Ix)]; [left; auto|right; eauto]. }
        apply (i_pushed _ _ _ _ Bu) in Pu. rewrite X in Pu. simpl in Pu. lia. }
      assert (O := v_set _ _ _ Vu At b NF). unfold over in O. destruct (cur (bar u b)) as [|m] eqn:Cu.
      - destruct (i_none _ _ _ _ Bu Cu) as (-> & ->) in O. discriminate.
      - destruct (i_some _ _ _ _ Bu m Cu) as (X & Y). rewrite X, Y in O.
        rewrite !total_zero, !sum_none in O; [discriminate| |]; intros x w _ U; apply Sub;
          eapply (i_past _ _ _ _ Bv m); try lia; [right|left]; eauto. }
    intro b. assert (C : cur (bar s b) = cur (bar t b)).
    { apply Nat.le_antisymm; [apply (Le t s)|apply (Le s t)]; auto; intros; apply Eq; auto. }
    assert (Bs := v_bar _ _ _ Vs b). assert (Bt := v_bar _ _ _ Vt b).
    assert (Tot : forall u k, total G u (done s) b k = total G u (done t) b k).
    { intros u k. unfold total. f_equal. apply map_ext. intro x.
      assert (M : mem (done s) x = mem (done t) x); [|rewrite M; auto].
      destruct (mem (done t) x) eqn:M. apply mem_in, Eq, mem_in; auto. apply mem_notin. apply mem_notin in M. rewrite Eq; auto. }
    assert (Ln : cur (bar s b) + length (fifo (bar s b)) = cur (bar t b) + length (fifo (bar t b))).
    { assert (K : forall k, k < cur (bar s b) + length (fifo (bar s b)) <-> k < cur (bar t b) + length (fifo (bar t b))).
      { intro k. rewrite (i_pushed _ _ _ _ Bs), (i_pushed _ _ _ _ Bt). unfold pushed.
        split; intros [|(x & X & Y)]; auto; right; exists x; split; auto; apply Eq; auto. }
      apply Nat.le_antisymm; apply Nat.nlt_ge; intro X; apply K in X; lia. }
    assert (F : fifo (bar s b) = fifo (bar t b)).
    { rewrite (i_fifo _ _ _ _ Bs), (i_fifo _ _ _ _ Bt), C. f_equal. lia. }
    destruct (bar s b) as [c p k f] eqn:Xs, (bar t b) as [c' p' k' f'] eqn:Xt. simpl in *. subst c' f'.
    destruct c as [|c].
    + destruct (i_none _ _ _ _ Bs eq_refl) as (A & B), (i_none _ _ _ _ Bt eq_refl) as (A' & B'). simpl in *. congruence.
    + destruct (i_some _ _ _ _ Bs c eq_refl) as (A & B), (i_some _ _ _ _ Bt c eq_refl) as (A' & B'). simpl in *. congruence.
  - intro q. assert (Qs := v_que _ _ _ Vs q). assert (Qt := v_que _ _ _ Vt q).
    destruct (j_split _ _ _ _ _ _ Qs) as (a & c & E1 & D1 & N1 & S1), (j_split _ _ _ _ _ _ Qt) as (a' & c' & E2 & D2 & N2 & S2).
    assert (A : a = a').
    { assert (NS := q_segs_nodup _ _ _ R q). apply (same_prefix a c a' c'); [congruence|congruence|].
      intro x. split; intro X.
      - assert (I : In x (a' ++ c')) by (rewrite <- E2, E1; apply in_or_app; auto). apply in_app_or in I.
        destruct I as [|I]; auto. exfalso. apply (N2 x I), Eq. auto.
      - assert (I : In x (a ++ c)) by (rewrite <- E1, E2; apply in_or_app; auto). apply in_app_or in I.
        destruct I as [|I]; auto. exfalso. apply (N1 x I), Eq. auto. }
    subst a'. assert (Fe : firstn (po s q) (lst G q) = firstn (po t q) (lst G q)).
    { apply (same_prefix _ (skipn (po s q) (lst G q)) _ (skipn (po t q) (lst G q))).
      - rewrite firstn_skipn. apply (q_nodup _ _ _ R).
      - rewrite !firstn_skipn. auto.
      - intro x. rewrite (j_taken _ _ _ _ _ _ Qs), (j_taken _ _ _ _ _ _ Qt), Eq. tauto. }
    rewrite Fe in S1. rewrite <- S2 in S1. eapply app_inv_head; eauto.
Qed.
End PROGRESS.
