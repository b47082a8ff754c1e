(** * The checker is sound: what it accepts satisfies the rules *)
Require Import List Arith Lia Bool PArith NArith FMapPositive.
From wlm Require Import Machine Rules Barriers Queues Tables Clocks Check.
Import ListNotations.

(** ** Tables and lists *)
Lemma memp_in x l : memp x l = true -> In x l.
Proof. unfold memp. intro H. apply existsb_exists in H. destruct H as (y & I & Q). apply Pos.eqb_eq in Q. subst; auto. Qed.
Lemma is_nat_eq o k : is_nat o k = true -> o = Some k.
Proof. destruct o; simpl; [|discriminate]. intro H. apply Nat.eqb_eq in H. congruence. Qed.
Lemma is_id_eq o x : is_id o x = true -> o = Some x.
Proof. destruct o; simpl; [|discriminate]. intro H. apply Pos.eqb_eq in H. congruence. Qed.
Lemma eqbl_eq a : forall b, eqbl a b = true -> a = b.
Proof.
  induction a; intros [|y b]; simpl; intro H; try discriminate; auto. apply andb_prop in H. destruct H as (Q & H).
  apply Pos.eqb_eq in Q. f_equal; auto.
Qed.
Lemma eqbn_eq a : forall b, eqbn a b = true -> a = b.
Proof.
  induction a; intros [|y b]; simpl; intro H; try discriminate; auto. apply andb_prop in H. destruct H as (Q & H).
  apply Nat.eqb_eq in Q. f_equal; auto.
Qed.
Lemma index_in {A} (l : list (id * A)) k a : PM.find k (index l) = Some a -> In (k, a) l.
Proof.
  unfold index. assert (H : forall m, PM.find k (fold_left (fun m x => PM.add (fst x) (snd x) m) l m) = Some a ->
    In (k, a) l \/ PM.find k m = Some a).
  { induction l as [|(x, y) l IH]; intros m H; simpl in *; auto. destruct (IH _ H) as [|F]; auto.
    destruct (Pos.eq_dec k x) as [->|NE]. rewrite PM.gss in F. injection F as ->. auto.
    rewrite PM.gso in F by auto. auto. }
  intro F. destruct (H _ F) as [|E]; auto. rewrite PM.gempty in E. discriminate.
Qed.
Lemma asc_lt l : forall x y, asc (x :: l) = true -> In y l -> (x < y)%positive.
Proof.
  induction l as [|z l IH]; intros x y H I; [destruct I|]. cbn [asc] in H. apply andb_prop in H. destruct H as (L & H).
  apply Pos.ltb_lt in L. destruct I as [->|I]; auto. specialize (IH z y H I). lia.
Qed.
Lemma asc_tl x l : asc (x :: l) = true -> asc l = true.
Proof. destruct l; auto. cbn [asc]. intro H. apply andb_prop in H. tauto. Qed.
Lemma asc_nodup l : asc l = true -> NoDup l.
Proof.
  induction l as [|x l IH]; intro H; constructor; [|apply IH; eapply asc_tl; eauto].
  intro I. assert (L := asc_lt l x x H I). lia.
Qed.
Lemma asc_split l : asc l = true -> forall a x z y, l = a ++ x :: z -> In y z -> (x < y)%positive.
Proof.
  intros H a. revert l H. induction a as [|p a IH]; intros l H x z y E I; subst; simpl in *.
  eapply asc_lt; eauto. eapply IH; [eapply asc_tl; eauto| |]; eauto.
Qed.
Lemma assoc_in {A} b (l : list (id * A)) v : assoc b l = Some v -> In (b, v) l.
Proof.
  unfold assoc. destruct (find _ l) as [(c, w)|] eqn:F; [|discriminate]. apply find_some in F. destruct F as (I & Q).
  simpl in *. apply Pos.eqb_eq in Q. subst. congruence.
Qed.
Lemma in_assoc {A} b (l : list (id * A)) v : asc (map fst l) = true -> In (b, v) l -> assoc b l = Some v.
Proof.
  intros H I. apply asc_nodup in H. unfold assoc. induction l as [|(c, w) l IH]; [destruct I|]. inversion H; subst.
  simpl in *. destruct I as [E|I].
  - injection E as -> ->. rewrite Pos.eqb_refl. auto.
  - destruct (Pos.eqb_spec b c) as [->|]; [|auto]. exfalso. apply H2. apply in_map_iff. exists (c, v). auto.
Qed.
Lemma adjacent_split {A} (f : A -> A -> bool) l : adjacent f l = true -> forall a x y z, l = a ++ x :: y :: z -> f x y = true.
Proof.
  intros H a. revert l H. induction a as [|p a IH]; intros l H x y z E; subst.
  - cbn [adjacent app] in H. apply andb_prop in H. tauto.
  - simpl app in H. eapply (IH (a ++ x :: y :: z)); [|reflexivity]. destruct (a ++ x :: y :: z) eqn:Q; [destruct a; discriminate|].
    cbn [adjacent] in H. apply andb_prop in H. tauto.
Qed.
(** A transitive relation between neighbours holds between any two. *)
Lemma adjacent_all {A} (D : A -> A -> Prop) l : (forall a x y z, l = a ++ x :: y :: z -> D x y) ->
  (forall x y z, In y l -> D x y -> D y z -> D x z) -> forall a x m y z, l = a ++ x :: m ++ y :: z -> D x y.
Proof.
  intros H T a x m. revert a x. induction m as [|p m IH]; intros a x y z E; simpl in E.
  - eapply H; eauto.
  - apply (T x p y). rewrite E. apply in_or_app. simpl; auto. eapply H; eauto.
    apply (IH (a ++ [x]) p y z). rewrite <- app_assoc. auto.
Qed.
Lemma in_before_waits x v : In x (before_waits v) -> In x (x_ctl v).
Proof. unfold before_waits. destruct (x_wts v) as [|? [|? ?]], (x_ctl v); simpl; tauto. Qed.

Ltac bool := repeat match goal with
  | H : _ && _ = true |- _ => apply andb_prop in H; destruct H
  | H : Nat.ltb _ _ = true |- _ => apply Nat.ltb_lt in H
  | H : Nat.leb _ _ = true |- _ => apply Nat.leb_le in H
  | H : Nat.eqb _ _ = true |- _ => apply Nat.eqb_eq in H
  | H : Pos.eqb _ _ = true |- _ => apply Pos.eqb_eq in H
  | H : is_id _ _ = true |- _ => apply is_id_eq in H
  | H : is_nat _ _ = true |- _ => apply is_nat_eq in H
  | H : memp _ _ = true |- _ => apply memp_in in H
  | H : negb _ = true |- _ => apply negb_true_iff in H
  | H : forallb _ _ = true |- _ => rewrite forallb_forall in H
  end.

(** What [check] has looked at. *)
Record accepted (S : sched) (K : cert) : Prop := {
  a_clk : check_clocks S K = true;
  a_ev : forall e, In e (all (prog_of S)) -> event_ok S K (headq_of S) (segq_of K) (starts_of K) e = true;
  a_ba : forall b r, PM.find b (sB S) = Some r -> barrier_ok S K b r = true;
  a_qu : forall q r, PM.find q (sQ S) = Some r -> queue_ok S K q r = true;
  a_sg : forall q l, PM.find q (cSegs K) = Some l -> segs_ok S K q l = true;
  a_sl : forall x l, PM.find x (cSlots K) = Some l -> slot_ok S K x l = true;
  a_da : data_ok S K = true;
  a_ha : asc (sHand S) = true;
  a_ho : forall h, In h (sHand S) -> hand_ok S h = true;
  a_ta : tail_ok S K = true
}.
Theorem check_accepted S K : check S K = true -> accepted S K.
Proof.
  unfold check. intro H. bool.
  constructor; auto; intros; match goal with
  | I : In _ (all _) |- _ => apply in_map_iff in I; destruct I as ((? & ?) & <- & I)
  | F : PM.find _ _ = Some _ |- _ => apply PM.elements_correct in F
  | _ => idtac end; match goal with
  | X : forall p, In p ?l -> _ = true, I : In (?a, ?b) ?l |- _ => apply (X (a, b) I)
  | _ => auto end.
Qed.

Section SOUND.
Variable S : sched.
Variable K : cert.
Notation G := (prog_of S).
Notation ev := (get (sM S)).
Notation hb := (Machine.hb G).
Notation inst := (inst K).
Notation leb := (leb K).
Notation ltb := (ltb K).
Notation under := (under K).
Notation rk_ := (Clocks.rank K).
Notation segs := (segsl K).

Hypothesis Acc : accepted S K.
Let Clk := a_clk _ _ Acc.
Let Ev := a_ev _ _ Acc.
Let Ba := a_ba _ _ Acc.
Let Qu := a_qu _ _ Acc.
Let Sg := a_sg _ _ Acc.
Let Ho := a_ho _ _ Acc.

Lemma get_all e : get (sM S) e <> none -> In e (all G).
Proof. unfold get. intro H. apply all_in. destruct (PM.find e (sM S)); [eauto|congruence]. Qed.
Lemma inM_in e : inM S e = true -> In e (all G).
Proof. apply inM_all. Qed.

(** *** Events *)
Record event_facts (e : id) : Prop := {
  f_awts : asc (map fst (x_wts (ev e))) = true;
  f_acon : asc (map fst (x_con (ev e))) = true;
  f_apro : asc (map fst (x_pro (ev e))) = true;
  f_abps : asc (map fst (x_bps (ev e))) = true;
  f_pro : forall p, In p (x_pro (ev e)) -> pro_ok S K e p = true;
  f_con : forall p, In p (x_con (ev e)) -> con_ok S K e p = true;
  f_wts : forall p, In p (x_wts (ev e)) -> wts_ok S K e p = true;
  f_bps : forall p, In p (x_bps (ev e)) -> bps_ok S K e p = true;
  f_h1 : h1_ok S K e = true;
  f_qps : qps_ok S K (headq_of S) (segq_of K) e = true;
  f_pop : pop_ok S K (headq_of S) e = true;
  f_reads : reads_ok S K e = true;
  f_kills : forall x, In x (x_kills (ev e)) -> touch_ok K e x = true;
  f_loads : forall x, In x (x_loads (ev e)) -> touch_ok K e (fst x) = true;
  f_serves : serves_ok S e = true;
  f_urg : urg_ok S e = true;
  f_acc : match x_acc (ev e) with [] => true | _ => PM.mem e (starts_of K) end = true
}.
Lemma facts e : In e (all G) -> event_facts e.
Proof. intro I. assert (H := Ev e I). unfold event_ok in H. bool. constructor; auto. Qed.

Ltac in_all := match goal with H : context [get (sM S) ?e] |- In ?e _ =>
  apply get_all; let Z := fresh in intro Z; rewrite Z in H; simpl in H; discriminate end.

Lemma pro_spec e b k w : pro G e b = Some (k, w) ->
  In e (all G) /\ 0 < w /\ k < ninst G b /\ In e (gp (inst b k)).
Proof.
  intro H. simpl in H. assert (I : In e (all G)) by in_all. apply assoc_in in H.
  apply (f_pro _ (facts e I)) in H. unfold pro_ok in H. bool. auto.
Qed.
Lemma con_spec e b k w : con G e b = Some (k, w) ->
  In e (all G) /\ 0 < w /\ k < ninst G b /\ In e (gc (inst b k)) /\
  exists y, In y (e :: x_ctl (ev e)) /\ wts G y b = Some k.
Proof.
  intro H. simpl in H. assert (I : In e (all G)) by in_all. apply assoc_in in H.
  apply (f_con _ (facts e I)) in H. unfold con_ok in H. bool. repeat split; auto.
  apply existsb_exists in H0. destruct H0 as (y & Y & Q). bool. eauto.
Qed.
Lemma wts_spec e b k : wts G e b = Some k ->
  In e (all G) /\ k < ninst G b /\ exists x, In x (gc (inst b k)) /\ leb e x = true.
Proof.
  intro H. simpl in H. assert (I : In e (all G)) by in_all. apply assoc_in in H.
  apply (f_wts _ (facts e I)) in H. unfold wts_ok in H. bool. repeat split; auto. apply existsb_exists; auto.
Qed.
Lemma bps_spec e b k : In k (bps G e b) ->
  In e (all G) /\ br_loaded (bget S b) <= k < ninst G b /\ gq (inst b k) = Some e /\ exists j, bps G e b = seq j (length (bps G e b)).
Proof.
  intro H. simpl in *. destruct (assoc b (x_bps (ev e))) as [l|] eqn:A; [|destruct H].
  assert (I : In e (all G)) by in_all. apply assoc_in in A.
  apply (f_bps _ (facts e I)) in A. unfold bps_ok in A. bool. specialize (H1 k H). bool. repeat split; auto.
  apply eqbn_eq in H0. eauto.
Qed.

(** *** Instances *)
Record inst_facts (b : id) (k : nat) : Prop := {
  n_made : gp (inst b k) <> [];
  n_gp : asc (gp (inst b k)) = true /\ forall x, In x (gp (inst b k)) -> In x (all G) /\ exists w, pro G x b = Some (k, w);
  n_gc : asc (gc (inst b k)) = true /\ forall x, In x (gc (inst b k)) -> In x (all G) /\ exists w, con G x b = Some (k, w);
  n_cP : sum S x_pro b (gp (inst b k)) = cP G b k;
  n_cC : sum S x_con b (gc (inst b k)) = cC G b k;
  n_h2 : forall p c, In p (gp (inst b k)) -> In c (armsl K b k) -> ltb c p = true;
  n_push : forall x, gq (inst b k) = Some x -> In x (all G) /\ br_loaded (bget S b) <= k /\ In k (bps G x b) /\
     (sDepth S < k -> forall c, In c (gp (inst b (k - sDepth S - 1)) ++ gc (inst b (k - sDepth S - 1))) -> ltb c x = true) /\
     (forall j y, k = Datatypes.S j -> gq (inst b j) = Some y -> leb y x = true);
  n_loaded : gq (inst b k) = None -> k < br_loaded (bget S b)
}.
Lemma users_spec u b k n l : users_ok S u b k n l = true ->
  asc l = true /\ (forall x, In x l -> In x (all G) /\ exists w, assoc b (u (ev x)) = Some (k, w)) /\ sum S u b l = n.
Proof.
  unfold users_ok. intro H. bool. repeat split; auto; intros; specialize (H1 x H2); bool. apply inM_in; auto.
  destruct (assoc b (u (ev x))) as [(j, w)|]; [|discriminate]. bool. subst; eauto.
Qed.
Lemma inst_spec b k : k < ninst G b -> inst_facts b k.
Proof.
  intro L. simpl in L. unfold bget in L. destruct (PM.find b (sB S)) as [r|] eqn:F; [|simpl in L; lia].
  assert (H := Ba b r F). unfold barrier_ok in H. bool. clear H H1. rename H0 into H.
  assert (X : forall l j i, insts_ok S K b (br_loaded r) j l = true -> i < length l ->
     inst_ok S K b (br_loaded r) (j + i) (nth i l (0, 0)) = true).
  { induction l as [|c l IH]; intros j i Y Z; simpl in *; [lia|]. apply andb_prop in Y. destruct Y as (Y & W).
    destruct i. rewrite Nat.add_0_r. auto. replace (j + Datatypes.S i) with (Datatypes.S j + i) by lia. apply IH; auto. lia. }
  specialize (X _ 0 k H L). simpl in X. clear H. unfold inst_ok in X. bool.
  apply users_spec in H2, H3. destruct H2 as (A1 & B1 & C1), H3 as (A2 & B2 & C2). fold (inst b k) in *.
  assert (BG : bget S b = r) by (unfold bget; rewrite F; auto).
  constructor; auto.
  - intro Q. rewrite Q in H. discriminate.
  - rewrite C2. simpl. rewrite BG. auto.
  - rewrite C1. simpl. rewrite BG. auto.
  - intros p c P C. specialize (H1 p P). bool. auto.
  - intros x Q. rewrite Q in H0. bool. rewrite BG. repeat split; auto.
    + apply inM_in; auto.
    + simpl. destruct (assoc b (x_bps (ev x))) as [l|]; [|discriminate]. match goal with H : existsb _ _ = true |- _ =>
      apply existsb_exists in H; destruct H as (j & I & E) end. bool. subst; auto.
    + intros Lt c I. match goal with H : _ || _ = true |- _ => apply orb_prop in H; destruct H as [H|H] end; bool; [lia|]. apply in_app_or in I. destruct I; auto.
    + intros j y -> Y. unfold Clocks.inst in *. rewrite Y in H2. auto.
  - intro Q. rewrite Q in H0. bool. rewrite BG. auto.
Qed.
Lemma loaded_spec b : loaded G b <= ninst G b /\ loaded G b <= Datatypes.S (depthB G).
Proof.
  simpl. unfold bget. destruct (PM.find b (sB S)) as [r|] eqn:F; [|simpl; lia].
  assert (H := Ba b r F). unfold barrier_ok in H. bool. auto.
Qed.
Lemma user_in b k x : user G b k x -> In x (gp (inst b k) ++ gc (inst b k)).
Proof. intros [(w & U)|(w & U)]; apply in_or_app; [left; apply (pro_spec _ _ _ _ U)|right; apply (con_spec _ _ _ _ U)]. Qed.
Lemma in_user b k x : k < ninst G b -> In x (gp (inst b k) ++ gc (inst b k)) -> user G b k x /\ In x (all G).
Proof.
  intros L I. assert (F := inst_spec b k L). apply in_app_or in I. destruct I as [I|I].
  - destruct (n_gp _ _ F) as (_ & X). destruct (X x I) as (A & w & U). split; auto. left; eauto.
  - destruct (n_gc _ _ F) as (_ & X). destruct (X x I) as (A & w & U). split; auto. right; eauto.
Qed.
Lemma user_all_ b k x : user G b k x -> In x (all G).
Proof. intros [(w & U)|(w & U)]; [apply (pro_spec _ _ _ _ U)|apply (con_spec _ _ _ _ U)]. Qed.
Lemma arms_in b k c : arms G b k c -> In c (armsl K b k).
Proof.
  intros [H|(j & -> & U)]; unfold armsl; apply in_or_app.
  - left. destruct (bps_spec _ _ _ H) as (_ & _ & Q & _). rewrite Q. simpl; auto.
  - right. apply user_in; auto.
Qed.
Lemma armsl_all b k c : k < ninst G b -> In c (armsl K b k) -> In c (all G).
Proof.
  intros L I. unfold armsl in I. apply in_app_or in I. destruct I as [I|I].
  - destruct (gq (inst b k)) as [x|] eqn:Q; [|destruct I]. simpl in I. destruct I as [<-|[]].
    apply (n_push _ _ (inst_spec b k L) x Q).
  - destruct k as [|j]; [destruct I|]. apply (in_user b j c); auto. simpl in *; lia.
Qed.

(** *** Work FIFOs *)
Lemma queue_spec q : q_lst (qget S q) <> [] -> exists r, PM.find q (sQ S) = Some r /\ qget S q = r /\ queue_ok S K q r = true.
Proof. unfold qget. intro H. destruct (PM.find q (sQ S)) as [r|] eqn:F; [|simpl in H; congruence]. exists r. auto. Qed.
Lemma lst_spec q x : In x (lst G q) -> queue_ok S K q (qget S q) = true.
Proof. intro I. destruct (queue_spec q) as (r & F & E & H). intro Z. simpl in I. rewrite Z in I. destruct I. rewrite E. auto. Qed.
Lemma lst_ok q x : In x (lst G q) -> In x (all G) /\ pop G x = Some q.
Proof.
  intro I. assert (H := lst_spec q x I). unfold queue_ok in H. bool. simpl in *.
  match goal with H : forall h, In h (q_lst _) -> _ |- _ => specialize (H x I) end. bool. split; auto. apply inM_in; auto.
Qed.
Lemma lst_nodup q : NoDup (lst G q).
Proof.
  destruct (lst G q) as [|x l] eqn:E; [constructor|]. assert (H : queue_ok S K q (qget S q) = true).
  { apply lst_spec with (x := x). rewrite E. simpl; auto. }
  unfold queue_ok in H. bool. rewrite <- E. apply asc_nodup. auto.
Qed.
Lemma path_hb n : forall x y, path S n x y = true -> exists c, In c (ctl G y) /\ (x = c \/ hb x c).
Proof.
  induction n; intros x y H; simpl in H; [discriminate|]. apply existsb_exists in H. destruct H as (c & C & Q).
  exists c. split; auto. apply orb_prop in Q. destruct Q as [Q|Q]; [bool; auto|]. right.
  destruct (IHn _ _ Q) as (d & D & E). assert (hb d c) by (apply hb_edge, e_ctl; auto). destruct E as [->|E]; auto.
  eapply hb_trans; eauto.
Qed.
Lemma lst_adj q a x y z : lst G q = a ++ x :: y :: z -> path S 3 x y = true /\ rk_ x < rk_ y.
Proof.
  intro E. assert (H : queue_ok S K q (qget S q) = true).
  { apply lst_spec with (x := x). rewrite E. apply in_or_app. simpl; auto. }
  unfold queue_ok in H. bool. simpl in E.
  match goal with H : adjacent _ _ = true |- _ => assert (A := adjacent_split _ _ H a x y z E) end.
  simpl in A. apply andb_prop in A. destruct A as (A & B). split; auto. apply N.ltb_lt in B. unfold Clocks.rank. unfold rank in B. lia.
Qed.
Lemma lst_hb q a x m y z : lst G q = a ++ x :: m ++ y :: z -> hb x y /\ rk_ x < rk_ y.
Proof.
  apply (adjacent_all (fun x y => hb x y /\ rk_ x < rk_ y)).
  - intros a' x' y' z' E. destruct (lst_adj _ _ _ _ _ E) as (P & L). split; auto. destruct (path_hb _ _ _ P) as (c & C & Q).
    assert (hb c y') by (apply hb_edge, e_ctl; auto). destruct Q as [->|Q]; auto. eapply hb_trans; eauto.
  - intros x' y' z' _ (A & B) (C & D). split; [eapply hb_trans; eauto|lia].
Qed.
Lemma headq_spec h q : PM.find h (headq_of S) = Some q -> In h (lst G q).
Proof.
  intro H. apply index_in in H. apply in_flat_map in H. destruct H as ((q', r) & E & I). simpl in I.
  apply in_map_iff in I. destruct I as (h' & Q & I). injection Q as -> ->. simpl. unfold qget.
  rewrite (PM.elements_complete _ _ _ E). auto.
Qed.
Lemma segq_spec e q : PM.find e (segq_of K) = Some q -> In e (segs q).
Proof.
  intro H. apply index_in in H. apply in_flat_map in H. destruct H as ((q', r) & E & I). simpl in I.
  apply in_map_iff in I. destruct I as (h' & Q & I). injection Q as -> ->. unfold segsl.
  rewrite (PM.elements_complete _ _ _ E). auto.
Qed.
Lemma segs_spec q : segs q <> [] -> segs_ok S K q (segs q) = true /\ exists r, PM.find q (sQ S) = Some r.
Proof.
  intro H. assert (X : segs_ok S K q (segs q) = true).
  { unfold segsl in *. destruct (PM.find q (cSegs K)) as [l|] eqn:F; [auto|congruence]. }
  split; auto. unfold segs_ok in X. bool. rewrite PM.mem_find in H0. destruct (PM.find q (sQ S)); [eauto|discriminate].
Qed.
Lemma segs_in q e : In e (segs q) -> In e (all G) /\ exists l, qps G e = Some (q, l).
Proof.
  intro I. destruct (segs_spec q) as (H & _). intro Z; rewrite Z in I; destruct I. unfold segs_ok in H. bool.
  match goal with H : forall x, In x (segs q) -> _ |- _ => specialize (H e I) end. bool. split. apply inM_in; auto.
  simpl. destruct (x_qps (ev e)) as [(r, l)|]; [|discriminate].
  bool. subst; eauto.
Qed.
Lemma push_eq q e : pushedl S q e = pushes G e q.
Proof. reflexivity. Qed.
Lemma segs_lst q : lst G q = firstn (boot G q) (lst G q) ++ flat_map (fun e => pushes G e q) (segs q).
Proof.
  destruct (PM.find q (sQ S)) as [r|] eqn:F.
  - assert (H := Qu q r F). unfold queue_ok in H. bool. simpl. unfold qget. rewrite F.
    match goal with H : eqbl _ _ = true |- _ => apply eqbl_eq in H; rewrite H at 1 end. auto.
  - destruct (segs q) as [|e l] eqn:E.
    + simpl. unfold qget. rewrite F. simpl. auto.
    + destruct (segs_spec q) as (_ & r & F'); congruence.
Qed.
Lemma qps_spec e q l : In e (all G) -> qps G e = Some (q, l) -> l <> [] /\ In e (segs q) /\
  (forall h, In h l -> PM.find h (cOwner K) = Some e) /\ room_ok S K (headq_of S) e q l = true.
Proof.
  intros I Q. assert (H := f_qps _ (facts e I)). unfold qps_ok in H. simpl in Q. rewrite Q in H. bool.
  repeat split; auto. intro Z; subst; discriminate. apply segq_spec; auto. intros h Ih.
  apply is_id_eq; auto.
Qed.
Lemma segs_at q e l : In e (all G) -> qps G e = Some (q, l) -> exists p z, lst G q = p ++ l ++ z.
Proof.
  intros I Q. destruct (qps_spec e q l I Q) as (_ & Is & _). destruct (in_split _ _ Is) as (a & c & E).
  assert (L := segs_lst q). rewrite E, flat_map_app in L. simpl flat_map in L. unfold pushes at 2 in L.
  rewrite Q, Pos.eqb_refl in L. exists (firstn (boot G q) (lst G q) ++ flat_map (fun e => pushes G e q) a), (flat_map (fun e => pushes G e q) c).
  rewrite <- app_assoc. exact L.
Qed.

(** Numbers of FIFO entries. *)
Notation cnt := (Machine.cnt G).
Lemma eno_scan l : forall n a h z, eno_ok S K n l = true -> l = a ++ h :: z -> eno K h = n + cnt (a ++ [h]).
Proof.
  induction l as [|x l IH]; intros n a h z H E; [destruct a; discriminate|]. cbn [eno_ok] in H. bool.
  assert (C : forall m, cnt (x :: m) = (if x_entry (ev x) then 1 else 0) + cnt m).
  { intro m. unfold Machine.cnt. simpl. destruct (x_entry (ev x)); auto. }
  destruct a as [|y a]; simpl in E; injection E as -> E.
  - unfold eno. rewrite H. simpl app. unfold Machine.cnt. simpl. destruct (x_entry (ev h)); simpl; lia.
  - rewrite (IH _ a h z H0 E). simpl app. rewrite C. destruct (x_entry (ev y)); lia.
Qed.
Lemma eno_spec q a h z : lst G q = a ++ h :: z -> eno K h = cnt (a ++ [h]).
Proof.
  intro E. assert (H : queue_ok S K q (qget S q) = true).
  { apply lst_spec with (x := h). rewrite E. apply in_or_app. simpl; auto. }
  unfold queue_ok in H. bool. simpl in E. match goal with H : eno_ok _ _ _ _ = true |- _ => rewrite (eno_scan _ _ _ _ _ H E) end. auto.
Qed.
Lemma cnt_app' a b : cnt (a ++ b) = cnt a + cnt b.
Proof. apply cnt_app. Qed.

Lemma room_spec e q l x : In e (all G) -> qps G e = Some (q, l) -> frees G q x l ->
  exists r, PM.find e (cRoom K) = Some r /\ In r (lst G q) /\ (block G e = true \/ ltb r e = true) /\
    (x = r \/ exists a m z, lst G q = a ++ x :: m ++ r :: z).
Proof.
  intros I Q (a & m & p & z & E1 & E2 & L). destruct (qps_spec e q l I Q) as (NE & _ & _ & H). unfold room_ok in H.
  destruct (exists_last NE) as (l0 & y & ->). rewrite last_last in H.
  assert (Ey : eno K y = cnt (a ++ x :: m)).
  { rewrite (eno_spec q (p ++ l0) y z) by (rewrite E2, <- !app_assoc; auto). f_equal. rewrite <- app_assoc.
    apply (app_inv_tail z). rewrite E1 in E2. rewrite <- !app_assoc in *. simpl in *. auto. }
  rewrite cnt_app' in Ey. simpl depthQ in L. destruct (Nat.leb_spec (eno K y) (q_depth (qget S q))) as [Le|Le]; [lia|].
  destruct (PM.find e (cRoom K)) as [r|] eqn:Fr; [|discriminate]. bool. exists r. split; auto.
  assert (Ir := headq_spec _ _ H). split; auto. split. apply orb_prop; auto.
  destruct (@in_split id _ _ Ir) as (ar & zr & E3).
  assert (Er : eno K r = cnt ar + 1).
  { rewrite (eno_spec q ar r zr E3), cnt_app'. f_equal. unfold Machine.cnt. simpl. rewrite H2. auto. }
  destruct (le_lt_dec (length a) (length ar)) as [La|La].
  - assert (E4 := eq_trans (eq_sym E1) E3). destruct (app_split _ _ _ _ E4 La) as (k & -> & W).
    destruct k as [|x' k]; simpl in W; injection W as -> W; auto. right. exists a, k, zr. rewrite E3, <- app_assoc. auto.
  - assert (E4 := eq_trans (eq_sym E3) E1). destruct (app_split _ _ _ _ E4) as (k & -> & W); [lia|].
    destruct k as [|x' k]. rewrite app_nil_r in La. lia. simpl in W. injection W as -> W. exfalso.
    rewrite cnt_app' in Ey. assert (1 <= cnt (x' :: k)). { unfold Machine.cnt. simpl. rewrite H2. simpl. lia. } lia.
Qed.
Lemma room_edge e q l r : In e (all G) -> qps G e = Some (q, l) -> PM.find e (cRoom K) = Some r -> frees G q r l.
Proof.
  intros I Q Fr. destruct (qps_spec e q l I Q) as (NE & _ & _ & H). unfold room_ok in H. rewrite Fr in H.
  destruct (segs_at q e l I Q) as (p & z & E). destruct (exists_last NE) as (l0 & y & ->). rewrite last_last in H.
  destruct (Nat.leb_spec (eno K y) (q_depth (qget S q))) as [Le|Le]; [discriminate|]. bool.
  assert (Ey : eno K y = cnt ((p ++ l0) ++ [y])) by (apply (eno_spec q _ y z); rewrite E, <- !app_assoc; auto).
  destruct (@in_split id _ _ (headq_spec _ _ H)) as (ar & zr & E3).
  assert (Er : eno K r = cnt ar + 1).
  { rewrite (eno_spec q ar r zr E3), cnt_app'. f_equal. unfold Machine.cnt. simpl. rewrite H2. auto. }
  assert (E4 : ar ++ r :: zr = (p ++ l0 ++ [y]) ++ z) by (rewrite <- E3, E, <- !app_assoc; auto).
  destruct (le_lt_dec (length (p ++ l0 ++ [y])) (length ar)) as [La|La].
  - symmetry in E4. destruct (app_split _ _ _ _ E4 La) as (k & -> & _). rewrite cnt_app' in Er.
    rewrite <- app_assoc in Ey. exfalso. lia.
  - destruct (app_split _ _ _ _ E4) as (k & Y & W); [lia|]. destruct k as [|r' k]. rewrite app_nil_r in Y. rewrite Y in La. lia.
    simpl in W. injection W as -> W. exists ar, k, p, z. repeat split.
    + rewrite E3, W. auto.
    + rewrite E. auto.
    + simpl depthQ. rewrite <- app_assoc, Y, cnt_app' in Ey. lia.
Qed.

(** *** Predecessors *)
Lemma basic_hb e x : In e (all G) -> In x (basic S K e) -> hb x e.
Proof.
  intros I B. assert (F := facts e I). unfold basic in B. rewrite !in_app_iff in B. destruct B as [B|[B|[B|[B|B]]]].
  - apply hb_edge, e_ctl; auto.
  - apply in_flat_map in B. destruct B as ((b, k) & W & P). simpl in P.
    assert (A : wts G e b = Some k) by (apply in_assoc; auto; apply F). destruct (wts_spec _ _ _ A) as (_ & L & _).
    destruct (n_gp _ _ (inst_spec b k L)) as (_ & X). destruct (X x P) as (_ & w & U). apply hb_edge. eapply e_wait; eauto.
  - destruct (x_pop (ev e)) as [q|] eqn:Pe; [|destruct B]. destruct (PM.find e (cOwner K)) as [o|] eqn:O; [|destruct B].
    simpl in B. destruct B as [<-|[]]. assert (P := f_pop _ F). unfold pop_ok in P. rewrite Pe, O in P. bool.
    destruct (x_qps (ev o)) as [(r, l)|] eqn:Q; [|discriminate]. bool. subst r. apply hb_edge. eapply e_pop; simpl; eauto.
  - destruct (x_block (ev e)) eqn:Bl; [|destruct B]. destruct (PM.find e (cRoom K)) as [r|] eqn:Fr; [|destruct B].
    simpl in B. destruct B as [<-|[]]. assert (Q := f_qps _ F). unfold qps_ok in Q.
    destruct (x_qps (ev e)) as [(q, l)|] eqn:Qe; [|rewrite Bl in Q; discriminate]. apply hb_edge.
    eapply e_room; simpl; eauto. eapply room_edge; eauto.
  - destruct (x_serves (ev e)) as [h|] eqn:Se; [|destruct B]. assert (Q := f_serves _ F). unfold serves_ok in Q. rewrite Se in Q. bool.
    apply hb_edge. apply e_raise with (h := h); auto. assert (HO := Ho h H0). unfold hand_ok in HO. bool.
    unfold causes, causesl in *. simpl in *. destruct (PM.find h (sSrc S)) as [[(b, k)|f]|] eqn:Fs; [| |discriminate].
    + bool. apply in_user; auto.
    + simpl in B. destruct B as [<-|[]]; auto.
Qed.
Lemma causes_in h x : In h (sHand S) -> (causes G h x <-> In x (causesl S K h)).
Proof.
  intro I. assert (HO := Ho h I). unfold hand_ok in HO. bool. unfold causes, causesl. simpl in *.
  destruct (PM.find h (sSrc S)) as [[(b, k)|f]|] eqn:Fs; [| |discriminate].
  - bool. split. apply user_in. intro X. apply in_user; auto.
  - simpl. split; [auto|]. intros [|[]]; auto.
Qed.
Lemma causes_all h x : In h (sHand S) -> In x (causesl S K h) -> In x (all G).
Proof.
  intros I X. assert (HO := Ho h I). unfold hand_ok in HO. bool. unfold causesl in X. simpl in *.
  destruct (PM.find h (sSrc S)) as [[(b, k)|f]|] eqn:Fs; [| |discriminate].
  - bool. eapply in_user; eauto.
  - simpl in X. destruct X as [<-|[]]. apply inM_in; auto.
Qed.
Lemma edge_in e x : In e (all G) -> edge G x e -> In x (basic S K e) \/
  exists q r a m z, In r (basic S K e) /\ lst G q = a ++ x :: m ++ r :: z.
Proof.
  intros I E. destruct E as [C|b k w W P|q l Pe Q Il|q l Bl Q Fr|h Se Ca]; unfold basic.
  - left. apply in_or_app; auto.
  - left. rewrite !in_app_iff. right. left. apply in_flat_map. exists (b, k). split. apply assoc_in; auto.
    apply (pro_spec _ _ _ _ P).
  - left. rewrite !in_app_iff. right. right. left. simpl in Pe. rewrite Pe.
    assert (Ix : In x (all G)). { apply get_all. intro Z. simpl in Q. rewrite Z in Q. discriminate. }
    destruct (qps_spec x q l Ix Q) as (_ & _ & O & _). rewrite (O e Il). simpl; auto.
  - destruct (room_spec e q l x I Q Fr) as (r & F & Ir & _ & X). simpl in Bl. rewrite Bl, F.
    destruct X as [->|(a & m & z & X)].
    + left. rewrite !in_app_iff. simpl. auto 8.
    + right. exists q, r, a, m, z. split; auto. rewrite !in_app_iff. simpl. auto 8.
  - left. rewrite !in_app_iff. right. right. right. right. simpl in Se. rewrite Se. apply causes_in; auto.
    assert (Q := f_serves _ (facts e I)). unfold serves_ok in Q. rewrite Se in Q. bool. auto.
Qed.
Lemma edge_full e x : In e (all G) -> edge G x e -> exists z, In z (basic S K e) /\ (x = z \/ hb x z).
Proof.
  intros I E. destruct (edge_in e x I E) as [B|(q & r & a & m & z & B & L)]. eauto. exists r. split; auto. right. eapply lst_hb; eauto.
Qed.
Lemma leb_ok x y : In x (all G) -> In y (all G) -> leb x y = true -> x = y \/ hb x y.
Proof. apply (leb_hb S K basic_hb edge_full causes_in causes_all lst_nodup Clk). Qed.
Lemma ltb_ok x y : In x (all G) -> In y (all G) -> ltb x y = true -> hb x y.
Proof. apply (ltb_hb S K basic_hb edge_full causes_in causes_all lst_nodup Clk). Qed.
Lemma edge_lt x y : edge G x y -> In y (all G) -> In x (all G) /\ rk_ x < rk_ y.
Proof.
  intros E I. destruct (edge_in y x I E) as [B|(q & r & a & m & z & B & L)].
  - destruct (basic_lt S K Clk y x I B). auto.
  - destruct (basic_lt S K Clk y r I B) as (Lt & _). split.
    + apply (lst_ok q). rewrite L. apply in_or_app. simpl; auto.
    + assert (rk_ x < rk_ r) by (eapply lst_hb; eauto). lia.
Qed.
End SOUND.
