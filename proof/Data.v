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
(** The history of a byte. *)
Fixpoint at_byte (l : segments) (x : N) : history :=
  match l with [] => fresh | (h, s) :: r => if N.ltb x h then s else at_byte r x end.
Fixpoint sorted (l : segments) : Prop :=
  match l with (h, _) :: (((h', _) :: _) as r) => (h < h')%N /\ sorted r | _ => True end.
Definition above (c : N) (l : segments) : Prop := match l with (h, _) :: _ => (c < h)%N | [] => True end.
Lemma sorted_cons h s l : sorted ((h, s) :: l) <-> above h l /\ sorted l.
Proof. destruct l as [|(h', s') r]; simpl; tauto. Qed.

Lemma cut_byte c l x : at_byte (cut c l) x = at_byte l x.
Proof.
  induction l as [|(h, s) r IH]; simpl.
  - destruct (N.ltb x c); auto.
  - destruct (N.ltb_spec c h) as [L|L]; simpl.
    + destruct (N.ltb_spec x c), (N.ltb_spec x h); auto; lia.
    + destruct (N.eqb_spec c h); simpl; auto. destruct (N.ltb x h); auto.
Qed.
Lemma cut_above c d l : (d < c)%N -> above d l -> above d (cut c l).
Proof.
  intros L A. destruct l as [|(h, s) r]; simpl in *; auto.
  destruct (N.ltb c h); simpl; auto. destruct (N.eqb c h); simpl; auto.
Qed.
Lemma cut_sorted c l : sorted l -> sorted (cut c l).
Proof.
  induction l as [|(h, s) r IH]; intro So; [simpl; auto|]. cbn [cut].
  destruct (N.ltb_spec c h) as [L|L]. apply sorted_cons; auto. destruct (N.eqb_spec c h) as [->|E]; auto.
  apply sorted_cons in So. destruct So as (A & So). apply sorted_cons. split; auto. apply cut_above; auto. lia.
Qed.
Definition bound (c : N) (l : segments) : Prop := exists s, In (c, s) l.
Lemma cut_bound c l : bound c (cut c l).
Proof.
  induction l as [|(h, s) r (t & I)]; simpl.
  - exists fresh. simpl; auto.
  - destruct (N.ltb_spec c h). exists s. simpl; auto. destruct (N.eqb_spec c h) as [->|]. exists s; simpl; auto. exists t. simpl; auto.
Qed.
Lemma cut_keeps c d l : bound d l -> bound d (cut c l).
Proof.
  induction l as [|(h, s) r IH]; intros (t & I); [destruct I|]. cbn [cut].
  destruct (N.ltb c h). exists t; simpl; auto. destruct (N.eqb c h). exists t; auto.
  destruct I as [Q|I]. injection Q as -> ->. exists t; simpl; auto. destruct IH as (t' & I'). exists t; auto. exists t'; simpl; auto.
Qed.
Lemma above_all h l : sorted l -> above h l -> forall c s, In (c, s) l -> (h < c)%N.
Proof.
  revert h. induction l as [|(g, t) r IH]; intros h So A c s I; [destruct I|]. apply sorted_cons in So. destruct So as (Ar & So).
  simpl in A. destruct I as [Q|I]. injection Q as <- <-. auto. assert (g < c)%N by (eapply IH; eauto). lia.
Qed.

Notation visit := (visit S K).
Notation history_ok := (history_ok S K).
(** What [visit] does to a byte, and what it has found there. *)
Lemma visit_spec b w low high : (low < high)%N -> forall l l', sorted l -> visit b w low high l = Some l' ->
  sorted l' /\ (forall d, above d l -> above d l') /\
  (forall x, ((x < low)%N -> bound low l) -> ((x < high)%N -> bound high l) ->
     if (N.leb low x && N.ltb x high)%bool then at_byte l' x = record b w (at_byte l x) /\ history_ok b w (at_byte l x) = true
     else at_byte l' x = at_byte l x).
Proof.
  intro LH. induction l as [|(h, s) r IH]; intros l' So V.
  - simpl in V. injection V as <-. split; [simpl; auto|]. split; auto. intros x B1 B2.
    destruct (N.leb_spec low x), (N.ltb_spec x high); simpl; auto. destruct (B2 ltac:(lia)) as (t & []).
  - apply sorted_cons in So. destruct So as (Ar & So). cbn [Check.visit] in V.
    destruct (N.leb_spec h low) as [L1|L1].
    { destruct (visit b w low high r) as [r'|] eqn:Vr; [|discriminate]. injection V as <-.
      destruct (IH _ So eq_refl) as (So' & Ab & By). split. apply sorted_cons; auto. split; [simpl; auto|].
      intros x B1 B2. cbn [at_byte]. destruct (N.ltb_spec x h) as [Lx|Lx].
      - destruct (N.leb_spec low x); [lia|]. simpl; auto.
      - apply By.
        + intro X. destruct (B1 X) as (t & [Q|I]). injection Q as -> ->. lia. exists t; auto.
        + intro X. destruct (B2 X) as (t & [Q|I]). injection Q as -> ->. lia. exists t; auto. }
    destruct (N.leb_spec h high) as [L2|L2].
    { destruct (history_ok b w s) eqn:Ok; [|discriminate].
      destruct (w && negb (N.eqb h high)) eqn:Mg.
      - (* the segment is swallowed *)
        apply andb_prop in Mg. destruct Mg as (-> & Mg). apply negb_true_iff, N.eqb_neq in Mg.
        destruct (IH l' So V) as (So' & Ab & By). split; auto. split; [intros d D; apply Ab; simpl in D; destruct r as [|(g, t) r]; simpl in *; auto; lia|].
        intros x B1 B2. cbn [at_byte]. destruct (N.ltb_spec x h) as [Lx|Lx].
        + (* below h: falls into the segment that ends at high *)
          assert (BH : bound high r).
          { destruct (B2 ltac:(lia)) as (t & [Q|I]); [|exists t; auto]. exfalso. apply Mg. congruence. }
          assert (Nx : ~ (x < low)%N).
          { intro X. destruct (B1 X) as (t & [Q|I]). injection Q as -> _. lia.
            assert (h < low)%N by (exact (above_all h r So Ar low t I)). lia. }
          destruct (N.leb_spec low x); [|lia]. destruct (N.ltb_spec x high); [|lia]. simpl. split; auto.
          specialize (By h). destruct (N.leb_spec low h); [|lia]. destruct (N.ltb_spec h high); [|lia]. simpl in By.
          destruct By as (By & _); [lia|auto|].
          assert (Same : at_byte l' x = at_byte l' h).
          { assert (A' : above h l') by (apply Ab; auto). destruct l' as [|(g, t) l']; simpl in *; auto.
            destruct (N.ltb_spec x g), (N.ltb_spec h g); auto; lia. }
          rewrite Same, By. reflexivity.
        + apply By. intro X. destruct (B1 X) as (t & [Q|I]). injection Q as -> _; lia. exists t; auto.
          intro X. destruct (B2 X) as (t & [Q|I]). injection Q as -> _; lia. exists t; auto.
      - destruct (visit b w low high r) as [r'|] eqn:Vr; [|discriminate]. injection V as <-.
        destruct (IH _ So eq_refl) as (So' & Ab & By). split. apply sorted_cons; auto. split; [simpl; auto|].
        intros x B1 B2. cbn [at_byte]. destruct (N.ltb_spec x h) as [Lx|Lx].
        + assert (Nx : ~ (x < low)%N).
          { intro X. destruct (B1 X) as (t & [Q|I]). injection Q as -> _. lia.
            assert (h < low)%N by (exact (above_all h r So Ar low t I)). lia. }
          destruct (N.leb_spec low x); [|lia]. destruct (N.ltb_spec x high); [|lia]. simpl. auto.
        + apply By. intro X. destruct (B1 X) as (t & [Q|I]). injection Q as -> _; lia. exists t; auto.
          intro X. destruct (B2 X) as (t & [Q|I]). injection Q as -> _; lia. exists t; auto. }
    injection V as <-. split. apply sorted_cons; auto. split; auto. intros x B1 B2.
    destruct (N.leb_spec low x), (N.ltb_spec x high); simpl; auto. exfalso.
    destruct (B2 ltac:(lia)) as (t & [Q|I]). injection Q as -> _. lia. assert (h < high)%N by (exact (above_all h r So Ar high t I)). lia.
Qed.

Definition okev (x : id) : Prop := In x (all G) /\ In (accEnd G x) (all G) /\ hb x (accEnd G x).
(** [a] has released the data before [b] starts. *)
Definition done_before (a b : id) : Prop := b = a \/ hb (accEnd G a) b.
Definition hist (m : mem_state) (sp : id) (x : N) : history := at_byte (look m sp) x.

Record mem_inv (seen : list (id * access)) (m : mem_state) : Prop := {
  m_sorted : forall sp, sorted (look m sp);
  m_ok : forall sp x, (forall a, fst (hist m sp x) = Some a -> okev a) /\ (forall a, In a (snd (hist m sp x)) -> okev a);
  m_write : forall a u x, In (a, u) seen -> a_writes u = true -> touches_byte u x ->
     exists w, fst (hist m (a_space u) x) = Some w /\ done_before a w;
  m_read : forall a u x, In (a, u) seen -> a_writes u = false -> touches_byte u x ->
     In a (snd (hist m (a_space u) x)) \/ exists w, fst (hist m (a_space u) x) = Some w /\ done_before a w
}.
(** Latest first: conflicting accesses are ordered. *)
Definition clash (u v : access) : Prop :=
  a_space u = a_space v /\ (exists x, touches_byte u x /\ touches_byte v x) /\ a_writes u || a_writes v = true.
Fixpoint good (seen : list (id * access)) : Prop :=
  match seen with
  | [] => True
  | (b, v) :: r =>
    (forall a u, In (a, u) r -> clash u v -> done_before a b) /\
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

Lemma access_step seen m b v m' : mem_inv seen m -> good seen -> okev b -> (forall t, In t seen -> (fst t <= b)%positive) ->
  access_ok S K b (Some m) v = Some m' -> mem_inv ((b, v) :: seen) m' /\ good ((b, v) :: seen).
Proof.
  intros [Srt Ok Wr Rd] Gd Ob Le H. unfold access_ok in H. destruct (N.ltb_spec (a_low v) (a_high v)) as [LH|LH].
  2: { (* no byte *)
    injection H as <-. assert (E : forall x, ~ touches_byte v x) by (intros x X; unfold touches_byte in X; lia).
    split.
    - constructor; auto.
      + intros a u x [Q|I]; [|eauto]. injection Q as <- <-. intros _ X. destruct (E x X).
      + intros a u x [Q|I]; [|eauto]. injection Q as <- <-. intros _ X. destruct (E x X).
    - simpl. repeat split; auto. intros a u _ (_ & (x & _ & X) & _). destruct (E x X). }
  set (sp := a_space v) in *. set (l := cut (a_high v) (cut (a_low v) (look m sp))) in *.
  destruct (visit b (a_writes v) (a_low v) (a_high v) l) as [l'|] eqn:Vi; [|discriminate]. injection H as <-.
  assert (Sl : sorted l) by (apply cut_sorted, cut_sorted, Srt).
  destruct (visit_spec _ _ _ _ LH _ _ Sl Vi) as (Sl' & _ & By).
  assert (B1 : bound (a_low v) l) by (apply cut_keeps, cut_bound). assert (B2 : bound (a_high v) l) by apply cut_bound.
  assert (Sx : forall x, at_byte l x = hist m sp x). { intro x. unfold l, hist. rewrite !cut_byte. auto. }
  assert (In_ : forall x, touches_byte v x -> at_byte l' x = record b (a_writes v) (hist m sp x) /\ history_ok b (a_writes v) (hist m sp x) = true).
  { intros x (X1 & X2). specialize (By x (fun _ => B1) (fun _ => B2)). rewrite Sx in By.
    destruct (N.leb_spec (a_low v) x); [|lia]. destruct (N.ltb_spec x (a_high v)); [|lia]. exact By. }
  assert (Out : forall x, ~ touches_byte v x -> at_byte l' x = hist m sp x).
  { intros x X. specialize (By x (fun _ => B1) (fun _ => B2)). rewrite Sx in By. unfold touches_byte in X.
    destruct (N.leb_spec (a_low v) x), (N.ltb_spec x (a_high v)); simpl in By; auto. lia. }
  assert (Dec : forall x, touches_byte v x \/ ~ touches_byte v x) by (intro x; unfold touches_byte; lia).
  assert (Hn : forall d x, hist (PM.add sp l' m) d x = if Pos.eqb d sp then at_byte l' x else hist m d x).
  { intros d x. unfold hist. rewrite look_add. destruct (Pos.eqb d sp); auto. }
  assert (Ww : forall x w, touches_byte v x -> fst (hist m sp x) = Some w -> done_before w b).
  { intros x w X Q. destruct (In_ x X) as (_ & T). unfold Check.history_ok in T. rewrite Q in T. apply andb_prop in T.
    apply after_spec; [apply (proj1 (Ok sp x)); auto|apply Ob|apply T]. }
  assert (W : forall a u x, In (a, u) seen -> a_writes u = true -> a_space u = sp -> touches_byte u x -> touches_byte v x -> done_before a b).
  { intros a u x I Wu Su Xu X. destruct (Wr a u x I Wu Xu) as (w & Q & D). rewrite Su in Q.
    apply (done_trans a w b); [apply (proj1 (Ok sp x)); auto|auto|eapply Ww; eauto]. }
  assert (Rv : a_writes v = true -> forall a u x, In (a, u) seen -> a_writes u = false -> a_space u = sp -> touches_byte u x -> touches_byte v x -> done_before a b).
  { intros Wv a u x I Wu Su Xu X. destruct (In_ x X) as (_ & T). unfold Check.history_ok in T. rewrite Wv in T. simpl in T.
    apply andb_prop in T. destruct T as (_ & T). rewrite forallb_forall in T.
    destruct (Rd a u x I Wu Xu) as [J|(w & J & D)]; rewrite Su in J.
    - apply after_spec; [apply (proj2 (Ok sp x)); auto|apply Ob|apply T; auto].
    - apply (done_trans a w b); [apply (proj1 (Ok sp x)); auto|auto|eapply Ww; eauto]. }
  split.
  - constructor.
    + intro d. rewrite look_add. destruct (Pos.eqb d sp); auto.
    + intros d x. rewrite Hn. destruct (Pos.eqb_spec d sp) as [->|]; [|apply Ok]. destruct (Dec x) as [X|X].
      * destruct (In_ x X) as (-> & _). unfold record. destruct (a_writes v); simpl.
        -- split. intros a Q. injection Q as <-. auto. intros a [].
        -- split. apply (proj1 (Ok sp x)). intros a [<-|I]; auto. apply (proj2 (Ok sp x)); auto.
      * rewrite (Out x X). apply Ok.
    + intros a u x [Q|I] Wu Xu.
      * injection Q as <- <-. fold sp. rewrite Hn, Pos.eqb_refl. destruct (In_ x Xu) as (-> & _). unfold record. rewrite Wu. simpl.
        exists b. split; auto. left; auto.
      * rewrite Hn. destruct (Pos.eqb_spec (a_space u) sp) as [Su|]; [|auto]. destruct (Dec x) as [X|X].
        -- destruct (In_ x X) as (-> & _). unfold record. destruct (a_writes v) eqn:Wv; simpl.
           ++ exists b. split; auto. eapply W; eauto.
           ++ destruct (Wr a u x I Wu Xu) as (w & Q & D). rewrite Su in Q. eauto.
        -- rewrite (Out x X). destruct (Wr a u x I Wu Xu) as (w & Q & D). rewrite Su in Q. eauto.
    + intros a u x [Q|I] Wu Xu.
      * injection Q as <- <-. fold sp. rewrite Hn, Pos.eqb_refl. destruct (In_ x Xu) as (-> & _). unfold record. rewrite Wu. simpl. auto.
      * rewrite Hn. destruct (Pos.eqb_spec (a_space u) sp) as [Su|]; [|auto]. destruct (Dec x) as [X|X].
        -- destruct (In_ x X) as (-> & _). unfold record. destruct (a_writes v) eqn:Wv; simpl.
           ++ right. exists b. split; auto. eapply Rv; eauto.
           ++ destruct (Rd a u x I Wu Xu) as [J|J]; rewrite Su in J; auto.
        -- rewrite (Out x X). destruct (Rd a u x I Wu Xu) as [J|J]; rewrite Su in J; auto.
  - simpl. split; [|auto]. intros a u I (Su & (x & Xu & Xv) & Q). destruct (a_writes u) eqn:Wu.
    + eapply W; eauto.
    + simpl in Q. eapply Rv; eauto.
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
        fold_left (access_ok S K b) ps (Some mm) = Some m' -> exists sn', mem_inv sn' m' /\ good sn' /\ (forall t, In t sn -> In t sn') /\
          (forall p, In p ps -> In (b, p) sn') /\ (forall t, In t sn' -> (fst t <= b)%positive)).
      { clear IH F T. induction ps as [|p ps IHp]; intros sn mm Mi' Gd' Le' T.
        - simpl in T. injection T as ->. exists sn. split; [auto|]. split; [auto|]. split; [auto|]. split; [intros p []|auto].
        - cbn [fold_left] in T. destruct (access_ok S K b (Some mm) p) as [m1|] eqn:A.
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
    + intro sp. unfold look. rewrite PM.gempty. simpl; auto.
    + intros sp x. unfold hist, look. rewrite PM.gempty. simpl. split. discriminate. intros a [].
    + intros a u x [].
    + intros a u x [].
  - simpl; auto.
  - intros t b [].
  - exists seen. auto.
Qed.

Lemma good_pair seen : good seen -> forall a b u v, In (a, u) seen -> In (b, v) seen -> (a < b)%positive ->
  clash u v -> done_before a b.
Proof.
  induction seen as [|(d, w) r IH]; intros Gd a b u v A B L Q; [destruct A|]. destruct Gd as (H & Le & Gd).
  destruct B as [B|B].
  - injection B as -> ->. destruct A as [A|A]; [|eapply H; eauto]. injection A as -> _. lia.
  - destruct A as [A|A]; [|eapply IH; eauto]. injection A as -> ->. specialize (Le _ B). simpl in Le. lia.
Qed.

Theorem race_rule a b : In a (all G) -> In b (all G) -> (a < b)%positive -> conflict G a b ->
  hb (accEnd G a) b /\ hb a (accEnd G a).
Proof.
  intros Ia Ib L (u & v & x & A & B & Sp & Xu & Xv & Q). destruct data_spec as (seen & Gd & X).
  assert (St : forall x, In x (all G) -> forall p, In p (acc G x) -> In x (cStarts K)).
  { intros y I p P. assert (F := f_acc _ _ _ (facts S K Acc y I)). simpl in P. destruct (x_acc (ev y)); [destruct P|].
    rewrite PM.mem_find in F. destruct (PM.find y (starts_of K)) as [t|] eqn:E; [|discriminate]. apply index_in in E.
    apply in_map_iff in E. destruct E as (z & E & Z). injection E as -> _. auto. }
  destruct (X a u (St a Ia _ A) A) as (Sa & Oa). destruct (X b v (St b Ib _ B) B) as (Sb & _).
  assert (Cl : clash u v) by (repeat split; eauto).
  destruct (good_pair _ Gd _ _ _ _ Sa Sb L Cl) as [->|D]; [lia|]. split; auto. apply Oa.
Qed.
End DATA.
