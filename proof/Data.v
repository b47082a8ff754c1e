(** * Descriptors and data: from neighbours to all pairs *)
Require Import List Arith Lia Bool PArith NArith FMapPositive.
From wlm Require Import Machine Rules Tables Clocks Check Sound.
Import ListNotations.

Section DATA.
Variable S : sched.
Variable K : cert.
Hypothesis Acc : accepted S K.
Notation G := (prog_of S).
Notation ev := (get (sM S)).
Notation hb := (Machine.hb G).
Notation ltb := (ltb K).

(** ** Descriptor slots *)
Record entry_facts (x f g h : id) : Prop := {
  y_reads : reads G h = Some x;
  y_kills : kills G f x = true;
  y_free : kills G g x = false;
  y_loads : loads G g x = Some h;
  y_fg : hb f g;
  y_gh : hb g h;
  y_he : hb h (endof G h);
  y_all : In f (all G) /\ In (endof G h) (all G)
}.
Lemma entry_spec x f g h : In (f, (g, h)) (slots K x) -> entry_facts x f g h.
Proof.
  intro I. unfold slots in I. destruct (PM.find x (cSlots K)) as [l|] eqn:F; [|destruct I].
  assert (H := a_sl _ _ Acc x l F). unfold slot_ok in H. apply andb_prop in H. destruct H as (H & _).
  rewrite forallb_forall in H. specialize (H _ I). unfold slot_entry_ok in H. bool.
  assert (Af : In f (all G)) by (apply inM_in; auto). assert (Ag : In g (all G)) by (apply inM_in; auto).
  assert (Ah : In h (all G)) by (apply inM_in; auto). assert (Ae : In (x_end (ev h)) (all G)) by (apply inM_in; auto).
  constructor; auto; try (eapply ltb_ok; eauto).
  simpl. apply existsb_exists. exists x. split; auto. apply Pos.eqb_refl.
Qed.
Lemma slot_order x a t m u z : slots K x = a ++ t :: m ++ u :: z -> hb (endof G (snd (snd t))) (fst u).
Proof.
  apply (adjacent_all (fun t u => hb (endof G (snd (snd t))) (fst u))).
  - intros a' (f, (g, h)) (f', (g', h')) z' E. simpl.
    assert (I1 : In (f, (g, h)) (slots K x)) by (rewrite E; apply in_or_app; simpl; auto).
    assert (I2 : In (f', (g', h')) (slots K x)) by (rewrite E; apply in_or_app; simpl; auto).
    destruct (entry_spec _ _ _ _ I1), (entry_spec _ _ _ _ I2). unfold slots in E.
    destruct (PM.find x (cSlots K)) as [l|] eqn:F; [|destruct a'; discriminate].
    assert (H := a_sl _ _ Acc x l F). unfold slot_ok in H. apply andb_prop in H. destruct H as (_ & H).
    assert (Q := adjacent_split _ _ H _ _ _ _ E). simpl in Q. eapply ltb_ok; eauto; tauto.
  - intros (f, (g, h)) (f', (g', h')) (f2, (g2, h2)) I A B. simpl in *. destruct (entry_spec _ _ _ _ I).
    eapply hb_trans; [exact A|]. eapply hb_trans; [exact y_fg0|]. eapply hb_trans; [exact y_gh0|]. eapply hb_trans; eauto.
Qed.
Lemma kills_spec e x : kills G e x = true -> touch_ok K e x = true.
Proof.
  simpl. intro H. apply existsb_exists in H. destruct H as (y & I & Q). apply Pos.eqb_eq in Q. subst y.
  assert (A : In e (all G)). { apply get_all. intro Z. rewrite Z in I. destruct I. }
  apply (f_kills _ _ _ (facts S K Acc e A)); auto.
Qed.
Lemma loads_spec e x i : loads G e x = Some i -> touch_ok K e x = true.
Proof.
  simpl. intro H. assert (A : In e (all G)). { apply get_all. intro Z. rewrite Z in H. discriminate. }
  apply assoc_in in H. apply (f_loads _ _ _ (facts S K Acc e A)) in H. auto.
Qed.

Theorem read_rule h x : reads G h = Some x -> exists f g, kills G f x = true /\ loads G g x = Some h /\ hb f g /\
  hb g h /\ hb h (endof G h) /\ kills G g x = false /\
  (forall e i, e <> f -> e <> g -> (kills G e x = true \/ loads G e x = Some i) -> hb (endof G h) e \/ hb e f).
Proof.
  intro Rd. assert (A : In h (all G)). { apply get_all. intro Z. simpl in Rd. rewrite Z in Rd. discriminate. }
  assert (H := f_reads _ _ _ (facts S K Acc h A)). unfold reads_ok in H. simpl in Rd. rewrite Rd in H.
  destruct (PM.find h (cFetch K)) as [(f, g)|]; [|discriminate]. apply existsb_exists in H.
  destruct H as ((f', (g', h')) & I & Q). simpl in Q. bool. subst f' g' h'. destruct (entry_spec _ _ _ _ I).
  exists f, g. repeat split; auto. intros e i Nf Ng T.
  assert (Te : touch_ok K e x = true) by (destruct T; [apply kills_spec|eapply loads_spec]; eauto).
  unfold touch_ok in Te. apply existsb_exists in Te. destruct Te as ((f2, (g2, h2)) & I2 & Q). simpl in Q.
  destruct (entry_spec _ _ _ _ I2) as [? ? ? ? FG2 GH2 HE2 ?]. destruct (in_split _ _ I) as (a & z & E).
  rewrite E in I2. apply in_app_or in I2. simpl in I2. destruct I2 as [I2|[I2|I2]].
  - right. destruct (in_split _ _ I2) as (a' & z' & ->). rewrite <- app_assoc in E. simpl in E.
    assert (O := slot_order _ _ _ _ _ _ E). simpl in O. assert (X : hb g2 f) by (eapply hb_trans; [|eapply hb_trans]; eauto).
    apply orb_prop in Q. destruct Q as [Q|Q]; bool; subst; auto. eapply hb_trans; eauto.
  - injection I2 as <- <- <-. apply orb_prop in Q. destruct Q; bool; congruence.
  - left. destruct (in_split _ _ I2) as (a' & z' & ->).
    assert (O := slot_order _ _ _ _ _ _ E). simpl in O. apply orb_prop in Q. destruct Q as [Q|Q]; bool; subst; auto.
    eapply hb_trans; eauto.
Qed.

(** ** Data *)
Definition okev (x : id) : Prop := In x (all G) /\ In (accEnd G x) (all G) /\ hb x (accEnd G x).
(** [a] has released the data before [b] starts. *)
Definition done_before (a b : id) : Prop := b = a \/ hb (accEnd G a) b.

Record mem_inv (seen : list (id * (id * bool))) (m : mem_state) : Prop := {
  m_ok : forall c w rs, look m c = (w, rs) -> (forall a, w = Some a -> okev a) /\ (forall a, In a rs -> okev a);
  m_write : forall a c, In (a, (c, true)) seen -> exists w rs, look m c = (Some w, rs) /\ done_before a w;
  m_read : forall a c, In (a, (c, false)) seen -> In a (snd (look m c)) \/ exists w, fst (look m c) = Some w /\ done_before a w
}.
(** Latest first: conflicting accesses are ordered. *)
Fixpoint good (seen : list (id * (id * bool))) : Prop :=
  match seen with
  | [] => True
  | (b, (c, v)) :: r =>
    (forall a u, In (a, (c, u)) r -> u || v = true -> done_before a b) /\
    (forall t, In t r -> (fst t <= b)%positive) /\ good r
  end.

Lemma done_trans a w b : okev w -> done_before a w -> done_before w b -> done_before a b.
Proof.
  intros (_ & _ & O) [->|H] [->|H'].
  - left; auto.
  - right; auto.
  - right; auto.
  - right. eapply hb_trans; [exact H|]. eapply hb_trans; eauto.
Qed.
Lemma after_spec a b : okev a -> In b (all G) -> after S K b a = true -> done_before a b.
Proof.
  intros (A & E & _) B H. unfold after in H. apply orb_prop in H. destruct H as [H|H]; [bool; left; auto|].
  right. eapply ltb_ok; eauto.
Qed.
Lemma look_add m c v d : look (PM.add c v m) d = if Pos.eqb d c then v else look m d.
Proof.
  unfold look. destruct (Pos.eqb_spec d c) as [->|]. rewrite PM.gss; auto. rewrite PM.gso; auto.
Qed.

Lemma access_step seen m b p m' : mem_inv seen m -> good seen -> okev b -> (forall t, In t seen -> (fst t <= b)%positive) ->
  access S K b (Some m) p = Some m' -> mem_inv ((b, p) :: seen) m' /\ good ((b, p) :: seen).
Proof.
  intros [Ok Wr Rd] Gd Ob Le H. destruct p as (c, v). unfold access in H. destruct (look m c) as (w, rs) eqn:L.
  destruct (match w with Some a => after S K b a | None => true end && (negb v || forallb (after S K b) rs)) eqn:T; [|discriminate].
  injection H as <-. apply andb_prop in T. destruct T as (Tw & Tr). destruct (Ok _ _ _ L) as (Okw & Okr).
  assert (Bw : forall a, w = Some a -> done_before a b). { intros a ->. apply after_spec; [apply Okw; auto|apply Ob|exact Tw]. }
  assert (W : forall a, In (a, (c, true)) seen -> done_before a b).
  { intros a I. destruct (Wr _ _ I) as (w' & rs' & L' & D). rewrite L in L'. injection L' as -> ->.
    apply (done_trans a w' b); auto. }
  assert (Rv : v = true -> forall a, In (a, (c, false)) seen -> done_before a b).
  { intros -> a I. simpl in Tr. rewrite forallb_forall in Tr. destruct (Rd _ _ I) as [J|(w' & J & D)]; rewrite L in J; simpl in J.
    - apply after_spec; [apply Okr; auto|apply Ob|apply Tr; auto].
    - apply (done_trans a w' b); auto. }
  split.
  - constructor.
    + intros d w' rs' L'. rewrite look_add in L'. destruct (Pos.eqb d c); [|eapply Ok; eauto]. destruct v; injection L' as <- <-.
      * split. intros a Q. injection Q as <-. auto. intros a [].
      * split; auto. intros a [<-|I]; auto.
    + intros a d [Q|I].
      * injection Q as <- <- ->. exists b, []. rewrite look_add, Pos.eqb_refl. split; auto. left; auto.
      * destruct (Wr _ _ I) as (w' & rs' & L' & D). rewrite look_add. destruct (Pos.eqb_spec d c) as [->|]; [|eauto].
        rewrite L in L'. injection L' as -> ->. destruct v; [|eauto]. exists b, []. split; auto.
    + intros a d [Q|I].
      * injection Q as <- <- ->. rewrite look_add, Pos.eqb_refl. simpl. auto.
      * rewrite look_add. destruct (Pos.eqb_spec d c) as [->|]; [|auto]. destruct v; simpl.
        -- right. exists b. split; auto.
        -- destruct (Rd _ _ I) as [J|J]; rewrite L in J; simpl in J; auto.
  - simpl. repeat split; auto. intros a u I Q. destruct u; auto.
Qed.

Lemma data_spec : exists seen, good seen /\ forall b p, In b (cStarts K) -> In p (x_acc (ev b)) ->
  In (b, p) seen /\ okev b.
Proof.
  assert (H := a_da _ _ Acc). unfold data_ok in H. apply andb_prop in H. destruct H as (As & H).
  assert (None_ : forall l, fold_left (task_data S K) l None = None).
  { induction l as [|b l IH]; simpl; auto. replace (task_data S K None b) with (@None mem_state); auto. unfold task_data.
    destruct (_ && _); auto. induction (x_acc (ev b)); simpl; auto. }
  assert (Gen : forall l seen m, asc l = true -> mem_inv seen m -> good seen ->
    (forall t b, In t seen -> In b l -> (fst t <= b)%positive) ->
    match fold_left (task_data S K) l (Some m) with Some _ => true | None => false end = true ->
    exists seen', good seen' /\ (forall t, In t seen -> In t seen') /\
      forall b p, In b l -> In p (x_acc (ev b)) -> In (b, p) seen' /\ okev b).
  { induction l as [|b l IH]; intros seen m Al Mi Gd Le F.
    - exists seen. split; [auto|]. split; [auto|]. intros b p [].
    - cbn [fold_left] in F. destruct (task_data S K (Some m) b) as [m'|] eqn:T; [|rewrite None_ in F; discriminate].
      unfold task_data in T. destruct (inM S b && inM S (x_accEnd (ev b)) && ltb b (x_accEnd (ev b))) eqn:O; [|discriminate]. bool.
      assert (Ob : okev b).
      { assert (In b (all G)) by (apply inM_in; auto). assert (In (x_accEnd (ev b)) (all G)) by (apply inM_in; auto).
        repeat split; auto. eapply ltb_ok; eauto. }
      assert (Inner : forall ps sn mm, mem_inv sn mm -> good sn -> (forall t, In t sn -> (fst t <= b)%positive) ->
        fold_left (access S K b) ps (Some mm) = Some m' -> exists sn', mem_inv sn' m' /\ good sn' /\ (forall t, In t sn -> In t sn') /\
          (forall p, In p ps -> In (b, p) sn') /\ (forall t, In t sn' -> (fst t <= b)%positive)).
      { clear IH F T. induction ps as [|p ps IHp]; intros sn mm Mi' Gd' Le' T.
        - simpl in T. injection T as ->. exists sn. split; [auto|]. split; [auto|]. split; [auto|]. split; [intros p []|auto].
        - cbn [fold_left] in T. destruct (access S K b (Some mm) p) as [m1|] eqn:A.
          + destruct (access_step _ _ _ _ _ Mi' Gd' Ob Le' A) as (Mi1 & Gd1).
            assert (Le1 : forall t, In t ((b, p) :: sn) -> (fst t <= b)%positive).
            { intros t [<-|I]; simpl; auto. lia. }
            destruct (IHp _ m1 Mi1 Gd1 Le1 T) as (sn' & X1 & X2 & X3 & X4 & X5).
            exists sn'. split; [auto|]. split; [auto|]. split; [intros t I; apply X3; simpl; auto|].
            split; [|auto]. intros q [<-|I]; auto. apply X3. simpl; auto.
          + exfalso. clear - T. induction ps; simpl in T; [discriminate|auto]. }
      assert (Le1 : forall t, In t seen -> (fst t <= b)%positive) by (intros t I; apply Le; simpl; auto).
      destruct (Inner _ _ _ Mi Gd Le1 T) as (sn' & X1 & X2 & X3 & X4 & X5).
      destruct (IH sn' m') as (seen' & Y1 & Y2 & Y3); auto.
      { eapply asc_tl; eauto. }
      { intros t c I J. specialize (X5 t I). assert (b < c)%positive by (eapply asc_lt; eauto). lia. }
      exists seen'. split; [auto|]. split; [auto|]. intros d p [<-|I] P; [|apply Y3; auto]. split; auto. }
  destruct (Gen (cStarts K) [] (PM.empty _)) as (seen & A & _ & B); auto.
  - constructor.
    + intros c w rs L. unfold look in L. rewrite PM.gempty in L. injection L as <- <-. split. discriminate. intros a [].
    + intros a c [].
    + intros a c [].
  - simpl; auto.
  - intros t b [].
  - exists seen. auto.
Qed.

Lemma good_pair seen : good seen -> forall a b c u v, In (a, (c, u)) seen -> In (b, (c, v)) seen -> (a < b)%positive ->
  u || v = true -> done_before a b.
Proof.
  induction seen as [|(d, (e, w)) r IH]; intros Gd a b c u v A B L Q; [destruct A|]. destruct Gd as (H & Le & Gd).
  destruct B as [B|B].
  - injection B as -> -> ->. destruct A as [A|A]; [|eapply H; eauto]. injection A as -> _. lia.
  - destruct A as [A|A]; [|eapply IH; eauto]. injection A as -> -> ->. specialize (Le _ B). simpl in Le. lia.
Qed.

Theorem race_rule a b : In a (all G) -> In b (all G) -> (a < b)%positive -> conflict G a b ->
  hb (accEnd G a) b /\ hb a (accEnd G a).
Proof.
  intros Ia Ib L (c & u & v & A & B & Q). destruct data_spec as (seen & Gd & X).
  assert (St : forall x, In x (all G) -> forall p, In p (acc G x) -> In x (cStarts K)).
  { intros x I p P. assert (F := f_acc _ _ _ (facts S K Acc x I)). simpl in P. destruct (x_acc (ev x)); [destruct P|].
    rewrite PM.mem_find in F. destruct (PM.find x (starts_of K)) as [t|] eqn:E; [|discriminate]. apply index_in in E.
    apply in_map_iff in E. destruct E as (y & E & Y). injection E as -> _. auto. }
  destruct (X a (c, u) (St a Ia _ A) A) as (Sa & Oa). destruct (X b (c, v) (St b Ib _ B) B) as (Sb & _).
  destruct (good_pair _ Gd _ _ _ _ _ Sa Sb L Q) as [->|D]; [lia|]. split; auto. apply Oa.
Qed.
End DATA.
