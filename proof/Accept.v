(** * An accepted certificate proves the schedule

    All rules hold ([check_rules]), hence the theorems of [Soundness.v] and [Progress.v], restated for the reader in
    [Safe.v]. *)
Require Import List Arith Lia Bool PArith NArith FMapPositive.
From wlm Require Import Machine Rules Barriers Queues Tables Clocks Check Sound Data.
Import ListNotations.

Lemma sum_sub (f : id -> nat) l : forall L, NoDup l -> NoDup L -> (forall x, In x l -> In x L) ->
  (forall x, In x L -> ~ In x l -> f x = 0) -> list_sum (map f L) = list_sum (map f l).
Proof.
  induction l as [|a l IH]; intros L N1 N2 Sub Z.
  - simpl. clear - Z. induction L as [|x L IH]; simpl; auto. rewrite Z by (simpl; auto). apply IH. intros; apply Z; simpl; auto.
  - inversion N1; subst. destruct (in_split a L) as (u & v & ->). apply Sub; simpl; auto.
    assert (E : list_sum (map f (u ++ a :: v)) = f a + list_sum (map f (u ++ v))).
    { rewrite !map_app, !list_sum_app. simpl. lia. }
    rewrite E. simpl. f_equal. apply IH; auto.
    + eapply NoDup_remove_1; eauto.
    + intros x I. assert (J : In x (u ++ a :: v)) by (apply Sub; simpl; auto). apply in_app_or in J. apply in_or_app.
      destruct J as [|[->|]]; auto. contradiction.
    + intros x I N. apply Z. apply in_app_or in I. apply in_or_app. simpl. tauto. intros [->|J]; auto.
      apply NoDup_remove_2 in N2. auto.
Qed.

Section ACCEPT.
Variable S : sched.
Variable K : cert.
Hypothesis Acc : accepted S K.
Notation G := (prog_of S).
Notation ev := (get (sM S)).
Notation hb := (Machine.hb G).
Notation inst := (inst K).
Notation leb := (leb K).
Notation ltb := (ltb K).
Notation under := (under K).
Notation rank := (Clocks.rank K).
Notation segs := (segsl K).

Lemma total_spec u b k n l (f : evt -> list (id * (nat * nat))) : u = (fun e b => assoc b (f (ev e))) ->
  NoDup l -> (forall x, In x l -> In x (all G) /\ exists w, u x b = Some (k, w)) ->
  (forall x w, In x (all G) -> u x b = Some (k, w) -> In x l) -> sum S f b l = n -> n = total G u [] b k.
Proof.
  intros -> ND In1 In2 <-. unfold sum, total. symmetry. rewrite (sum_sub _ l).
  - f_equal. apply map_ext_in. intros x I. destruct (In1 x I) as (_ & w & U). simpl in *. rewrite U. simpl.
    rewrite Nat.eqb_refl. auto.
  - auto.
  - apply all_nodup.
  - intros x I. apply In1; auto.
  - intros x I N. simpl. destruct (assoc b (f (ev x))) as [(j, w)|] eqn:Q; auto. simpl.
    destruct (Nat.eqb_spec j k); auto. subst. exfalso. apply N. eapply In2; eauto.
Qed.

(** ** H1 *)
Lemma widen_known e : In e (all G) -> forall l known out,
  (forall q, In q known -> In q (all G)) -> (forall q c, In q known -> c = q \/ hb c q -> Known G e c) ->
  widen S K e known l = Some out ->
  (forall q, In q out -> In q (all G)) /\ (forall q c, In q out -> c = q \/ hb c q -> Known G e c).
Proof.
  intros Ie l. induction l as [|(b, j) r IH]; intros known out A H W; simpl in W.
  - injection W as <-. auto.
  - destruct (sAtomic S) eqn:At; [|discriminate]. simpl in W. destruct (assoc b (x_wts (ev e))) as [k|] eqn:Wt; [|discriminate].
    destruct (Nat.leb_spec j k) as [L|L]; [|discriminate]. simpl in W.
    destruct (forallb (fun c => under c known) (armsl K b j)) eqn:F; [|discriminate]. rewrite forallb_forall in F.
    destruct (wts_spec S K Acc e b k Wt) as (_ & Lk & _). assert (Lj : j < ninst G b) by lia.
    destruct (n_gp _ _ _ _ (inst_spec S K Acc b j Lj)) as (_ & P). apply (IH _ _) in W; auto.
    + intros q I. apply in_app_or in I. destruct I as [I|I]; auto. apply P; auto.
    + intros q c I Q. apply in_app_or in I. destruct I as [I|I]; [|eauto]. destruct (P q I) as (_ & w & U).
      apply (k_read G e c b k j q w); auto. intros z Az. assert (Iz := arms_in S K Acc _ _ _ Az).
      specialize (F z Iz). unfold Clocks.under in F. apply existsb_exists in F. destruct F as (y & Y & T).
      apply (H y); auto. apply orb_prop in T. destruct T as [T|T]; [bool; auto|].
      apply (leb_ok S K Acc); auto. eapply armsl_all; eauto.
Qed.
Lemma h1_rule y b k c : wts G y b = Some k -> arms G b k c -> Known G y c.
Proof.
  intros W A. destruct (wts_spec S K Acc y b k W) as (Iy & L & _).
  assert (H := f_h1 _ _ _ (facts S K Acc y Iy)). unfold h1_ok in H. simpl in W. assert (Wi := assoc_in _ _ _ W).
  destruct (x_wts (ev y)) as [|p ws] eqn:Ws; [destruct Wi|]. rewrite <- Ws in *. clear Ws.
  destruct (widen S K y (before_waits (ev y)) (steps K y)) as [known|] eqn:Wd; [|discriminate].
  assert (B : (forall q, In q known -> In q (all G)) /\ (forall q c, In q known -> c = q \/ hb c q -> Known G y c)).
  { refine (widen_known y Iy (steps K y) _ known _ _ Wd).
    - intros q I. apply in_before_waits in I. apply (edge_lt S K Acc q y); auto. apply e_ctl. exact I.
    - intros q z I Q. apply in_before_waits in I. eapply k_ctl; eauto. }
  destruct B as (Ak & Kn). rewrite forallb_forall in H. specialize (H _ Wi). simpl in H. rewrite forallb_forall in H.
  specialize (H c (arms_in S K Acc _ _ _ A)). unfold Clocks.under in H. apply existsb_exists in H. destruct H as (q & Q & T).
    apply (Kn q); auto. apply orb_prop in T. destruct T as [T|T]; [bool; auto|].
    apply (leb_ok S K Acc); auto. eapply armsl_all; eauto. eapply arms_in; eauto.
Qed.

(** ** Pools *)
Lemma servers_spec m l : forall before a h z, servers_ok S K m before l = true -> l = a ++ h :: z ->
  length (filter (fun x => N.leb (Check.rank K h) (Check.rank K (x_end (ev x)))) (before ++ a)) < m.
Proof.
  induction l as [|x l IH]; intros before a h z H E; [destruct a; discriminate|]. cbn [servers_ok] in H. apply andb_prop in H.
  destruct H as (H & H'). destruct a as [|y a]; simpl in E; injection E as -> E.
  - rewrite app_nil_r. apply Nat.ltb_lt; auto.
  - specialize (IH _ a h z H' E). rewrite <- app_assoc in IH. exact IH.
Qed.
Lemma rank_leb x y : N.leb (Check.rank K x) (Check.rank K y) = Nat.leb (rank x) (rank y).
Proof.
  unfold Check.rank, Clocks.rank. destruct (N.leb_spec (rk (clk K x)) (rk (clk K y))), (Nat.leb_spec (N.to_nat (rk (clk K x))) (N.to_nat (rk (clk K y)))); auto; lia.
Qed.

Lemma segs_nodup q : NoDup (segs q).
Proof.
  assert (D : forall a x m y z, segs q = a ++ x :: m ++ y :: z -> rank x < rank y).
  { apply adjacent_all. 2: { intros; lia. } intros a x y z E. destruct (segs_spec S K Acc q) as (H & _).
    { rewrite E. destruct a; discriminate. }
    unfold segs_ok in H. apply andb_prop in H. destruct H as (_ & H). assert (Q := adjacent_split _ _ H _ _ _ _ E).
    simpl in Q. apply andb_prop in Q. destruct Q as (Q & _). apply N.ltb_lt in Q. unfold Check.rank in Q. unfold Clocks.rank. lia. }
  revert D. generalize (segs q). intros l. induction l as [|x l IH]; intros D; constructor.
  - intro I. destruct (in_split _ _ I) as (m & z & ->). assert (rank x < rank x); [|lia]. apply (D [] x m x z). auto.
  - apply IH. intros a u m v z E. apply (D (x :: a) u m v z). rewrite E. auto.
Qed.

Theorem check_rules : rules G rank segs.
Proof.
  assert (Iv := inst_spec S K Acc). constructor.
  - apply all_nodup.
  - intros x y E I. apply (edge_lt S K Acc); auto.
  - intros x b k w H. destruct (pro_spec S K Acc _ _ _ _ H) as (A & B & C & _). auto.
  - intros x b k w H. destruct (con_spec S K Acc _ _ _ _ H) as (A & B & C & _ & y & Y & W). repeat split; auto.
    exists y. split; auto. destruct Y as [|Y]; [auto|right]. apply hb_edge, e_ctl. exact Y.
  - intros y b k H. destruct (wts_spec S K Acc _ _ _ H) as (A & B & x & X & L). split; auto.
    destruct (n_gc _ _ _ _ (Iv b k B)) as (_ & Q). destruct (Q x X) as (Ax & w & U). exists x, w. split; auto.
    destruct (leb_ok S K Acc y x A Ax L); auto.
  - intros b k L. destruct (gp (inst b k)) as [|x l] eqn:E. destruct (n_made _ _ _ _ (Iv b k L) E).
    destruct (n_gp _ _ _ _ (Iv b k L)) as (_ & Q). destruct (Q x) as (_ & w & U). rewrite E; simpl; auto. eauto.
  - exists (map fst (PM.elements (sB S))). intros b L. simpl in L. unfold bget in L.
    destruct (PM.find b (sB S)) as [r|] eqn:F; [|simpl in L; lia]. apply in_map_iff. exists (b, r). split; auto.
    apply PM.elements_correct; auto.
  - intros b k L. assert (F := Iv b k L). destruct (n_gp _ _ _ _ F) as (As & Q).
    eapply (total_spec (pro G) b k _ (gp (inst b k)) x_pro); eauto. apply asc_nodup; auto.
    intros x w _ U. apply (pro_spec S K Acc _ _ _ _ U). apply F.
  - intros b k L. assert (F := Iv b k L). destruct (n_gc _ _ _ _ F) as (As & Q).
    eapply (total_spec (con G) b k _ (gc (inst b k)) x_con); eauto. apply asc_nodup; auto.
    intros x w _ U. apply (con_spec S K Acc _ _ _ _ U). apply F.
  - apply (loaded_spec S K Acc).
  - intros x b k H. destruct (bps_spec S K Acc _ _ _ H) as (A & B & _). auto.
  - intros b k L Ld. destruct (gq (inst b k)) as [x|] eqn:Q.
    + exists x. apply (n_push _ _ _ _ (Iv b k L) x Q).
    + apply (n_loaded _ _ _ _ (Iv b k L)) in Q. simpl in Ld. lia.
  - intros x y b k X Y. destruct (bps_spec S K Acc _ _ _ X) as (_ & _ & A & _), (bps_spec S K Acc _ _ _ Y) as (_ & _ & B & _). congruence.
  - intros x b. destruct (bps G x b) as [|k l] eqn:E. exists 0; auto.
    assert (I : In k (bps G x b)) by (rewrite E; simpl; auto). destruct (bps_spec S K Acc _ _ _ I) as (_ & _ & _ & j & Q).
    rewrite E in Q. eauto.
  - apply h1_rule.
  - intros x b k w c U A. destruct (pro_spec S K Acc _ _ _ _ U) as (Ix & _ & L & P).
    assert (C := arms_in S K Acc _ _ _ A). apply (ltb_ok S K Acc); auto. eapply armsl_all; eauto.
    apply (n_h2 _ _ _ _ (Iv b k L)); auto.
  - intros x b k c H Lt U. destruct (bps_spec S K Acc _ _ _ H) as (Ix & (_ & L) & Q & _).
    destruct (n_push _ _ _ _ (Iv b k L) x Q) as (_ & _ & _ & D & _). apply (ltb_ok S K Acc); auto.
    apply (user_all_ S K Acc _ _ _ U). apply D; auto. apply (user_in S K Acc); auto.
  - intros x y b k X Y. destruct (bps_spec S K Acc _ _ _ X) as (Ix & _ & Qx & _), (bps_spec S K Acc _ _ _ Y) as (Iy & (_ & L) & Qy & _).
    destruct (n_push _ _ _ _ (Iv b _ L) y Qy) as (_ & _ & _ & _ & D). apply (leb_ok S K Acc); auto. eapply D; eauto.
  - apply (lst_nodup S K Acc).
  - intros q x I. split; [|intro J; apply (lst_ok S K Acc); auto]. intro P.
    assert (H := f_pop _ _ _ (facts S K Acc x I)). unfold pop_ok in H. simpl in P. rewrite P in H. bool. apply headq_spec; auto.
  - intros q x I. apply (lst_ok S K Acc q x I).
  - intros q a x y z E. eapply path_hb. apply (lst_adj S K Acc q a x y z E).
  - apply (segs_lst S K Acc).
  - apply segs_nodup.
  - intros q e. split. apply (segs_in S K Acc). intros (I & l & Q). apply (qps_spec S K Acc e q l I Q).
  - intros q a x y z E. destruct (segs_spec S K Acc q) as (H & _). { rewrite E. destruct a; discriminate. }
    unfold segs_ok in H. apply andb_prop in H. destruct H as (_ & H). assert (Q := adjacent_split _ _ H _ _ _ _ E).
    simpl in Q. apply andb_prop in Q. destruct Q as (_ & Q). unfold Clocks.under in Q. apply existsb_exists in Q.
    destruct Q as (c & C & T). exists c. split; auto. apply orb_prop in T. destruct T as [T|T]; [bool; auto|].
    assert (Ix : In x (segs q)) by (rewrite E; apply in_or_app; simpl; auto).
    assert (Iy : In y (segs q)) by (rewrite E; apply in_or_app; simpl; auto).
    apply (leb_ok S K Acc); auto. apply (segs_in S K Acc q x Ix). apply (edge_lt S K Acc c y). apply e_ctl; auto. apply (segs_in S K Acc q y Iy).
  - intros e q l I Q. apply (qps_spec S K Acc e q l I Q).
  - intros e q l x I Q Bl Fr. destruct (room_spec S K Acc e q l x I Q Fr) as (r & _ & Ir & [B|L] & X); [congruence|].
    assert (hb r e). { apply (ltb_ok S K Acc); auto. apply (lst_ok S K Acc q r Ir). }
    destruct X as [->|(a & m & z & E)]; auto. eapply hb_trans; [|eauto]. eapply lst_hb; eauto.
  - intro q. destruct (lst G q) as [|x l] eqn:E.
    + unfold cnt. destruct (boot G q); simpl; lia.
    + rewrite <- E. assert (H : queue_ok S K q (qget S q) = true). { apply (lst_spec S K Acc q x). rewrite E. simpl; auto. }
      unfold queue_ok in H. bool. unfold cnt. simpl in *. assumption.
  - intros q h I. destruct (lst_ok S K Acc q h I) as (Ih & P). assert (H := f_pop _ _ _ (facts S K Acc h Ih)).
    unfold pop_ok in H. simpl in P. rewrite P in H. bool. assert (In (x_end (ev h)) (all G)) by (apply inM_in; auto).
    split; auto. apply (ltb_ok S K Acc); auto.
  - intros q m a h z L E. assert (H : queue_ok S K q (qget S q) = true).
    { apply (lst_spec S K Acc q h). rewrite E. apply in_or_app; simpl; auto. }
    unfold queue_ok in H. apply andb_prop in H. destruct H as (_ & H). simpl in L, E. rewrite L in H.
    assert (X := servers_spec _ _ _ _ _ _ H E). simpl in X. eapply Nat.le_lt_trans; [|exact X].
    apply Nat.eq_le_incl. f_equal. apply filter_ext. intro x. symmetry. apply rank_leb.
  - apply (read_rule S K Acc).
  - apply (race_rule S K Acc).
  - intros a b l m E I. eapply asc_split; eauto. apply (a_ha _ _ Acc).
  - intros h I. assert (H := a_ho _ _ Acc h I). unfold hand_ok in H. simpl.
    destruct (x_ctl (ev (handler h))), (x_pop (ev (handler h))), (x_qps (ev (handler h))), (x_wts (ev (handler h))) eqn:W; bool; try discriminate.
    assert (In (handler h) (all G)) by (apply inM_in; auto). repeat split; auto.
  - intros e h I Se. assert (H := f_serves _ _ _ (facts S K Acc e I)). unfold serves_ok in H. simpl in Se. rewrite Se in H. bool. auto.
  - intros h b k I Q. assert (H := a_ho _ _ Acc h I). unfold hand_ok in H. apply andb_prop in H. destruct H as (_ & H). simpl in *.
    destruct (PM.find h (sSrc S)) as [s|]; [subst s|discriminate]. bool. auto.
  - intros e U. assert (I : In e (all G)). { apply get_all. intro Z. simpl in U. rewrite Z in U. discriminate. }
    assert (H := f_urg _ _ _ (facts S K Acc e I)). unfold urg_ok in H. simpl in *. rewrite U in H. simpl in H.
    destruct (x_serves (ev e)); [discriminate|]. destruct (x_wts (ev e)); [|discriminate]. auto.
  - assert (H := a_ta _ _ Acc). unfold tail_ok in H. simpl. destruct (sTail S) as (b, k). bool. auto.
  - assert (H := a_ta _ _ Acc). unfold tail_ok in H. simpl. destruct (sTail S) as (b, k). bool. intros e I. simpl.
    assert (F := Iv b k H). destruct (n_gp _ _ _ _ F) as (_ & Q). specialize (H0 e I). bool.
    unfold Clocks.under in H1. apply existsb_exists in H1. destruct H1 as (x & X & T). destruct (Q x X) as (Ax & w & U).
    exists x, w. split; auto. apply orb_prop in T. destruct T as [T|T]; [bool; auto|]. apply (leb_ok S K Acc); auto. apply inM_in; auto.
Qed.
End ACCEPT.
