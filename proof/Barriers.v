(** * Barriers: the counters always stand for the intended instance

    Invariant of one physical barrier, and its consequence [gen_exact]: an event that can happen finds the instance it
    means. H1, H2 and H3 follow. *)
Require Import List Arith Bool PArith Lia.
From wlm Require Import Machine Rules.
Import ListNotations.

Lemma mem_in l x : mem l x = true <-> In x l.
Proof.
  unfold mem. rewrite existsb_exists. split.
  - intros (y & I & Q). apply Pos.eqb_eq in Q. subst; auto.
  - intros I. exists x. split; auto. apply Pos.eqb_refl.
Qed.
Lemma mem_notin l x : mem l x = false <-> ~ In x l.
Proof. rewrite <- mem_in. destruct (mem l x); split; intros; congruence. Qed.

Section BARRIERS.
Variable G : prog.
Variable rank : id -> nat.
Variable segs : id -> list id.
Hypothesis R : rules G rank segs.
Notation hb := (hb G).
Notation user := (user G).
Notation arms := (arms G).
Notation total := (total G).

(** ** Sums over the events that have not happened *)
Section SUM.
Variable u : id -> id -> option (nat * nat).
Definition part (d : list id) b k x := if mem d x then 0 else weight (u x b) k.
Lemma sum_le d e b k l : list_sum (map (part (e :: d) b k) l) <= list_sum (map (part d b k) l).
Proof.
  induction l; simpl; auto. enough (part (e :: d) b k a <= part d b k a) by lia.
  unfold part; simpl. destruct (Pos.eqb a e); simpl; destruct (mem d a); lia.
Qed.
Lemma sum_hit d e b k w l : u e b = Some (k, w) -> ~ In e d -> NoDup l -> In e l ->
  list_sum (map (part d b k) l) = w + list_sum (map (part (e :: d) b k) l).
Proof.
  intros U N. induction l; intros ND I; [destruct I|]. inversion ND; subst. simpl. destruct I as [->|I].
  - assert (Q : list_sum (map (part d b k) l) = list_sum (map (part (e :: d) b k) l)).
    { f_equal. apply map_ext_in. intros x X. unfold part. simpl. destruct (Pos.eqb_spec x e); auto. subst; tauto. }
    assert (V : part d b k e = w).
    { unfold part. rewrite (proj2 (mem_notin d e) N), U. simpl. rewrite Nat.eqb_refl. auto. }
    assert (W : part (e :: d) b k e = 0). { unfold part. simpl. rewrite Pos.eqb_refl. auto. }
    rewrite Q, V, W. lia.
  - rewrite IHl; auto. assert (a <> e) by congruence.
    assert (Q : part (e :: d) b k a = part d b k a).
    { unfold part. simpl. destruct (Pos.eqb_spec a e); [congruence|auto]. }
    rewrite Q. lia.
Qed.
Lemma sum_miss d e b k l : (forall w, u e b <> Some (k, w)) ->
  list_sum (map (part d b k) l) = list_sum (map (part (e :: d) b k) l).
Proof.
  intros U. f_equal. apply map_ext. intro x. unfold part. simpl. destruct (Pos.eqb_spec x e); auto. subst. simpl.
  destruct (mem d e); auto. destruct (u e b) as [(j, w)|] eqn:Q; auto. simpl. destruct (Nat.eqb_spec j k); auto.
  subst. exfalso. eapply U; eauto.
Qed.
Lemma sum_zero d b k l : list_sum (map (part d b k) l) = 0 -> forall x w, In x l -> u x b = Some (k, w) -> 0 < w -> In x d.
Proof.
  induction l; intros Z x w I U W; [destruct I|]. simpl in Z. destruct I as [->|I].
  - assert (Z0 : part d b k x = 0) by lia. unfold part in Z0. rewrite U in Z0. simpl in Z0. rewrite Nat.eqb_refl in Z0.
    destruct (mem d x) eqn:M. apply mem_in; auto. lia.
  - eapply IHl; eauto. lia.
Qed.
Lemma sum_none d b k l : (forall x w, In x l -> u x b = Some (k, w) -> In x d) -> list_sum (map (part d b k) l) = 0.
Proof.
  induction l; intros A; simpl; auto. rewrite IHl by (intros; eapply A; simpl; eauto).
  unfold part. destruct (mem d a) eqn:M; auto. destruct (u a b) as [(j, w)|] eqn:U; auto. simpl.
  destruct (Nat.eqb_spec j k); auto. subst. apply mem_notin in M. exfalso. apply M. eapply A; simpl; eauto.
Qed.
Lemma sum_fresh d b k l : (forall x w, u x b = Some (k, w) -> ~ In x d) ->
  list_sum (map (part d b k) l) = list_sum (map (part [] b k) l).
Proof.
  intros A. f_equal. apply map_ext. intro x. unfold part. simpl. destruct (mem d x) eqn:M; auto.
  apply mem_in in M. destruct (u x b) as [(j, w)|] eqn:U; auto. simpl. destruct (Nat.eqb_spec j k); auto.
  subst. exfalso. eapply A; eauto.
Qed.
End SUM.

(** ** The invariant *)
Definition pushed (d : list id) (b : id) (k : nat) : Prop := k < loaded G b \/ exists x, In x d /\ In k (bps G x b).

Record bar_inv (d : list id) (b : id) (x : bst) : Prop := {
  i_fifo : fifo x = seq (cur x) (length (fifo x));
  i_pushed : forall k, k < cur x + length (fifo x) <-> pushed d b k;
  i_none : cur x = 0 -> P x = 0 /\ C x = 0;
  i_some : forall k, cur x = S k -> P x = total (pro G) d b k /\ C x = total (con G) d b k;
  i_past : forall k y, S k < cur x -> user b k y -> In y d;
  i_fut : forall k y, user b k y -> In y d -> k < cur x
}.
Definition settled (x : bst) : Prop := fifo x <> [] -> over x = false.

Definition down (d : list id) : Prop := forall x y, hb x y -> In y d -> In x d.

Lemma user_all b k x : user b k x -> In x (all G) /\ k < ninst G b.
Proof.
  intros [(w & U)|(w & U)]; [destruct (b_pro _ _ _ R _ _ _ _ U)|destruct (b_con _ _ _ R _ _ _ _ U)]; tauto.
Qed.
Lemma pushed_inst d b k : pushed d b k -> k < ninst G b.
Proof.
  intros [L|(x & _ & I)]. destruct (b_loaded _ _ _ R b); lia. destruct (b_push _ _ _ R _ _ _ I); lia.
Qed.

(** What arms an instance comes after what arms the ones before. *)
Lemma arms_closed (D : id -> Prop) : (forall x y, hb x y -> D y -> D x) ->
  forall b k, k < ninst G b -> (forall c, arms b k c -> D c) ->
  forall j, j <= k -> (forall c, arms b j c -> D c) /\ (j < k -> forall x, user b j x -> D x).
Proof.
  intros HD b k. induction k as [k IH] using lt_wf_ind. intros K A j L.
  destruct (Nat.eq_dec j k) as [->|NE]. split; auto; lia.
  assert (U : forall x, user b (k - 1) x -> D x).
  { intros x X. apply A. right. exists (k - 1). split; auto. lia. }
  assert (A1 : forall c, arms b (k - 1) c -> D c).
  { intros c X. destruct (b_made _ _ _ R b (k - 1)) as (p & w & Q); [lia|].
    apply HD with (y := p). eapply h2; eauto. apply U. left; eauto. }
  destruct (Nat.eq_dec j (k - 1)) as [->|NE1]. split; auto.
  destruct (IH (k - 1)) with (j := j) as (X & Y); auto; try lia. split; auto. intros _. apply Y. lia.
Qed.

Lemma total_zero u d b k : total u d b k = list_sum (map (part u d b k) (all G)).
Proof. reflexivity. Qed.
Lemma users_done_p d b k x w : total (pro G) d b k = 0 -> pro G x b = Some (k, w) -> In x d.
Proof. intros Z U. destruct (b_pro _ _ _ R _ _ _ _ U) as (I & _ & W). eapply sum_zero; eauto. Qed.
Lemma users_done_c d b k x w : total (con G) d b k = 0 -> con G x b = Some (k, w) -> In x d.
Proof. intros Z U. destruct (b_con _ _ _ R _ _ _ _ U) as (I & _ & W & _). eapply sum_zero; eauto. Qed.

Lemma take_inv d b x : bar_inv d b x -> bar_inv d b (take G b x).
Proof.
  intro I. unfold take. destruct (over x) eqn:O; auto. destruct (fifo x) as [|k r] eqn:F; auto.
  assert (Q := i_fifo _ _ _ I). rewrite F in Q. simpl in Q. injection Q as K Q.
  assert (PK := i_pushed _ _ _ I). rewrite F in PK. simpl in PK.
  assert (KN : k < ninst G b) by (eapply pushed_inst, PK; lia).
  unfold over in O. apply andb_prop in O. destruct O as (O1 & O2). apply Nat.eqb_eq in O1, O2.
  assert (Fresh : forall y, user b k y -> ~ In y d). { intros y U Y. apply (i_fut _ _ _ I) in U; auto. lia. }
  constructor; simpl.
  - congruence.
  - intro j. rewrite <- PK. lia.
  - discriminate.
  - intros j E. injection E as <-. rewrite (b_cP _ _ _ R), (b_cC _ _ _ R) by auto. unfold total. split; symmetry; apply sum_fresh.
    intros y w U. apply Fresh. left; eauto. intros y w U. apply Fresh. right; eauto.
  - intros j y L U. destruct (Nat.eq_dec (S j) (cur x)) as [E|E]; [|eapply i_past; eauto; lia].
    destruct (i_some _ _ _ I j (eq_sym E)) as (X & Y). rewrite X in O1. rewrite Y in O2.
    destruct U as [(w & U)|(w & U)]. eapply users_done_p; eauto. eapply users_done_c; eauto.
  - intros j y U Y. assert (Z := i_fut _ _ _ I _ _ U Y). lia.
Qed.

(** ** Which instance is current *)
Section STATE.
Variable s : st.
Hypothesis Down : down (done s).
Hypothesis Inv : forall b, bar_inv (done s) b (bar s b).
Hypothesis Set_ : atomic G = true -> forall b, settled (bar s b).

(** [D]: what event [e] knows, or what has happened. *)
Lemma gen_low e b k : acked G s e -> k < ninst G b ->
  (forall c, arms b k c -> In c (done s)) -> (atomic G = true \/ forall c, arms b k c -> hb c e) -> k < cur (bar s b).
Proof.
  intros Ack K A HE. destruct (le_lt_dec (cur (bar s b)) k) as [L|]; auto. exfalso. destruct (Inv b) as [F PU Z0 Z1 _ _].
  assert (PK : k < cur (bar s b) + length (fifo (bar s b))).
  { apply PU. destruct (le_lt_dec (loaded G b) k); [|left; auto]. right.
    destruct (b_pushed _ _ _ R b k K) as (x & X); auto. exists x. split; auto. apply A. left; auto. }
  assert (O : over (bar s b) = true).
  { destruct (cur (bar s b)) as [|m] eqn:Q.
    - destruct Z0 as (X & Y); auto. unfold over. rewrite X, Y. auto.
    - destruct (Z1 m) as (X & Y); auto. assert (UD : forall x, user b m x -> In x (done s)).
      { destruct (arms_closed (fun x => In x (done s))) with (b := b) (k := k) (j := m) as (_ & W); auto; lia. }
      unfold over. rewrite X, Y. rewrite !total_zero. rewrite !sum_none; auto.
      intros x w _ U. apply UD. right; eauto. intros x w _ U. apply UD. left; eauto. }
  assert (NF : fifo (bar s b) <> []). { intro Q. rewrite Q in PK. simpl in PK. lia. }
  destruct HE as [At|HE]. { specialize (Set_ At b NF). congruence. }
  destruct Ack as [At|Ack]. { specialize (Set_ At b NF). congruence. }
  apply (Ack b (cur (bar s b))).
  - split; auto. rewrite F. destruct (fifo (bar s b)); [congruence|reflexivity].
  - destruct (arms_closed (fun x => hb x e)) with (b := b) (k := k) (j := cur (bar s b)) as (W & _); auto.
    intros; eapply hb_trans; eauto.
Qed.

Lemma gen_high b k x : user b k x -> ~ In x (done s) -> cur (bar s b) <= S k.
Proof.
  intros U N. destruct (le_lt_dec (cur (bar s b)) (S k)) as [|L]; auto. exfalso. apply N. eapply i_past; eauto.
Qed.

(** What a start knows has happened when it can happen. *)
Lemma known_done y : raw G s y -> forall c, Known G y c -> In c (done s).
Proof.
  intros Rw c X. induction X as [c q I Q|c b k j x w At W L A IH U Q].
  - destruct Q as [->|Q]. eapply r_ctl; eauto. eapply Down; eauto. eapply r_ctl; eauto.
  - enough (In x (done s)) by (destruct Q; [subst; auto|eapply Down; eauto]).
    destruct (b_wts _ _ _ R _ _ _ W) as (K & e & we & UE & E).
    assert (NE : ~ In e (done s)).
    { intro Y. apply (r_new _ _ _ Rw). destruct E as [->|E]; auto. eapply Down; eauto. }
    assert (G1 := gen_low y b j (r_ack _ _ _ Rw) ltac:(lia) IH (or_introl At)).
    assert (G2 : cur (bar s b) <= S k) by (eapply gen_high; eauto; right; eauto).
    destruct (cur (bar s b)) as [|m] eqn:Cu; [lia|]. destruct (Nat.eq_dec m j) as [->|].
    + destruct (i_some _ _ _ (Inv b) j Cu) as (PZ & _). rewrite (r_wts _ _ _ Rw _ _ W) in PZ.
      symmetry in PZ. eapply users_done_p; eauto.
    + apply (i_past _ _ _ (Inv b) j x). rewrite Cu. lia. left; eauto.
Qed.

Lemma known_hb y : atomic G = false -> forall c, Known G y c -> hb c y.
Proof.
  intros At c [c0 q I Q|]; [|congruence]. assert (hb q y) by (apply hb_edge, e_ctl; auto).
  destruct Q as [->|Q]; auto. eapply hb_trans; eauto.
Qed.

Lemma wait_exact y b k : raw G s y -> wts G y b = Some k -> cur (bar s b) = S k.
Proof.
  intros Rw W. destruct (b_wts _ _ _ R _ _ _ W) as (K & e & we & UE & E).
  assert (NE : ~ In e (done s)). { intro Y. apply (r_new _ _ _ Rw). destruct E as [->|E]; auto. eapply Down; eauto. }
  assert (cur (bar s b) <= S k) by (eapply gen_high; eauto; right; eauto).
  enough (k < cur (bar s b)) by lia. apply gen_low with (e := y); auto. apply Rw.
  - intros c A. eapply known_done; eauto. eapply h1; eauto.
  - destruct (atomic G) eqn:At; auto. right. intros c A. apply known_hb; auto. eapply h1; eauto.
Qed.

Section DOWN.
Variable e : id.
Hypothesis Rw : raw G s e.
Hypothesis De : forall x, hb x e -> In x (done s).

Lemma use_exact b k : user b k e -> cur (bar s b) = S k.
Proof.
  intros U. assert (N := r_new _ _ _ Rw). assert (cur (bar s b) <= S k) by (eapply gen_high; eauto).
  destruct (user_all _ _ _ U) as (_ & K).
  assert (A : forall c, arms b k c -> hb c e \/ wts G e b = Some k).
  { intros c A. destruct U as [(w & U)|(w & U)]. left; eapply h2; eauto.
    destruct (b_con _ _ _ R _ _ _ _ U) as (_ & _ & _ & y & W & [->|Y]); auto. left.
    destruct (b_made _ _ _ R b k K) as (p & v & Q). apply hb_trans with (y := p). eapply h2; eauto.
    apply hb_trans with (y := y); auto. apply hb_edge. eapply e_wait; eauto. }
  destruct (wts G e b) as [j|] eqn:W.
  - destruct (Nat.eq_dec j k) as [->|NE]. eapply wait_exact; eauto.
    enough (k < cur (bar s b)) by lia. apply gen_low with (e := e); auto. apply Rw.
    intros c X. apply De. destruct (A c X); congruence. right. intros c X. destruct (A c X); congruence.
  - enough (k < cur (bar s b)) by lia. apply gen_low with (e := e); auto. apply Rw.
    intros c X. apply De. destruct (A c X); congruence. right. intros c X. destruct (A c X); congruence.
Qed.

Lemma pro_exact b k w : pro G e b = Some (k, w) -> cur (bar s b) = S k /\ P (bar s b) = w + total (pro G) (e :: done s) b k.
Proof.
  intro U. assert (Q : cur (bar s b) = S k) by (apply use_exact; left; eauto). split; auto.
  destruct (i_some _ _ _ (Inv b) k Q) as (-> & _). apply sum_hit; auto. apply Rw. apply R. apply Rw.
Qed.
Lemma con_exact b k w : con G e b = Some (k, w) -> cur (bar s b) = S k /\ C (bar s b) = w + total (con G) (e :: done s) b k.
Proof.
  intro U. assert (Q : cur (bar s b) = S k) by (apply use_exact; right; eauto). split; auto.
  destruct (i_some _ _ _ (Inv b) k Q) as (_ & ->). apply sum_hit; auto. apply Rw. apply R. apply Rw.
Qed.

(** Pushes arrive in order, and there is room. *)
Lemma push_exact b : bps G e b = seq (cur (bar s b) + length (fifo (bar s b))) (length (bps G e b)).
Proof.
  destruct (b_run _ _ _ R e b) as (k & Q). destruct (length (bps G e b)) as [|n] eqn:L; [rewrite Q; auto|].
  assert (I : In k (bps G e b)) by (rewrite Q; simpl; auto). destruct (b_push _ _ _ R _ _ _ I) as (_ & K).
  destruct (Inv b) as [_ PU _ _ _ _]. rewrite Q at 1. f_equal.
  assert (NP : ~ pushed (done s) b k).
  { intros [X|(x & X & Y)]. lia. assert (x = e) by (eapply b_once; eauto). subst. apply (r_new _ _ _ Rw); auto. }
  assert (PP : forall j, S j = k -> pushed (done s) b j).
  { intros j Y. destruct (le_lt_dec (loaded G b) j); [|left; auto]. right.
    destruct (b_pushed _ _ _ R b j) as (x & X); auto; [lia|]. exists x. split; auto. subst k.
    destruct (h3_order _ _ _ R x e b j X I) as [->|]; auto. exfalso. rewrite Q in X. simpl in X.
    destruct X as [X|X]; [lia|]. apply in_seq in X. lia. }
  destruct (le_lt_dec (cur (bar s b) + length (fifo (bar s b))) k) as [L1|L1]; [|exfalso; apply NP, PU; auto].
  destruct (Nat.eq_dec k (cur (bar s b) + length (fifo (bar s b)))); auto. exfalso.
  destruct k; [lia|]. specialize (PP k eq_refl). apply PU in PP. lia.
Qed.

Lemma over_spec b k : cur (bar s b) = S k ->
  P (touched G s e b) = total (pro G) (e :: done s) b k /\ C (touched G s e b) = total (con G) (e :: done s) b k.
Proof.
  intro Q. destruct (i_some _ _ _ (Inv b) k Q) as (HP & HC). unfold touched; simpl. split.
  - destruct (pro G e b) as [(j, w)|] eqn:U; simpl.
    + destruct (pro_exact _ _ _ U) as (Q1 & ->). assert (j = k) by lia. subst. lia.
    + rewrite HP. unfold total. apply sum_miss. congruence.
  - destruct (con G e b) as [(j, w)|] eqn:U; simpl.
    + destruct (con_exact _ _ _ U) as (Q1 & ->). assert (j = k) by lia. subst. lia.
    + rewrite HC. unfold total. apply sum_miss. congruence.
Qed.

Lemma touched_inv b : bar_inv (e :: done s) b (touched G s e b).
Proof.
  assert (PE := push_exact b). assert (OS := over_spec b). assert (I := Inv b). unfold touched in *. simpl in *.
  constructor; simpl.
  - rewrite app_length, seq_app, <- (i_fifo _ _ _ I), <- PE. auto.
  - intro k. rewrite app_length. split.
    + intro L. destruct (le_lt_dec (cur (bar s b) + length (fifo (bar s b))) k) as [X|X].
      * right. exists e. split; [simpl; auto|]. rewrite PE. apply in_seq. lia.
      * apply (i_pushed _ _ _ I) in X. destruct X as [X|(x & X & Y)]; [left; auto|right; exists x; simpl; auto].
    + intros [X|(x & [<-|X] & Y)].
      * assert (pushed (done s) b k) by (left; auto). apply (i_pushed _ _ _ I) in H. lia.
      * rewrite PE in Y. apply in_seq in Y. lia.
      * assert (pushed (done s) b k) by (right; eauto). apply (i_pushed _ _ _ I) in H. lia.
  - intro Z. destruct (i_none _ _ _ I Z) as (-> & ->). unfold dec. destruct (pro G e b) as [(?, ?)|], (con G e b) as [(?, ?)|]; auto.
  - exact OS.
  - intros k y L U. right. eapply i_past; eauto.
  - intros k y U [<-|Y]. rewrite (use_exact _ _ U). lia. eapply i_fut; eauto.
Qed.

Lemma push_room b : bps G e b <> [] -> length (fifo (take G b (touched G s e b))) <= depthB G.
Proof.
  intro NE. assert (PE := push_exact b). assert (TI := touched_inv b). set (x := touched G s e b) in *.
  destruct (le_lt_dec (length (fifo (take G b x))) (depthB G)) as [|L]; auto. exfalso.
  (* the last instance that e pushes *)
  destruct (length (bps G e b)) as [|n] eqn:Len; [destruct (bps G e b); simpl in *; congruence|].
  set (t := cur (bar s b) + length (fifo (bar s b)) + n).
  assert (I : In t (bps G e b)) by (rewrite PE; apply in_seq; lia).
  destruct (b_push _ _ _ R _ _ _ I) as (_ & K).
  assert (Cx : cur x = cur (bar s b)) by reflexivity.
  assert (Lx : cur x + length (fifo x) = S t).
  { unfold x, touched; simpl. rewrite app_length, Len. unfold t. lia. }
  assert (Lf : length (fifo (take G b x)) <= length (fifo x)).
  { unfold take. destruct (over x); auto. destruct (fifo x) eqn:F; rewrite ?F; simpl; lia. }
  assert (LB : cur x < t - depthB G \/ (cur x = t - depthB G /\ over x = false)).
  { unfold take in L. destruct (over x) eqn:O.
    - left. destruct (fifo x) eqn:F; rewrite ?F in L; simpl in *; lia.
    - destruct (Nat.eq_dec (cur x) (t - depthB G)); [right; auto|left; lia]. }
  assert (B : 0 < t - depthB G).
  { destruct LB as [LB|(LB & O)]; [lia|]. destruct (Nat.eq_dec (cur x) 0) as [Z|]; [|lia].
    destruct (i_none _ _ _ TI Z) as (X & Y). unfold over in O. rewrite X, Y in O. discriminate. }
  assert (HU : forall c, user b (t - depthB G - 1) c -> hb c e) by (intros; eapply h3; eauto; lia).
  assert (HD : forall c, user b (t - depthB G - 1) c -> In c (done s)) by auto.
  destruct (b_made _ _ _ R b (t - depthB G - 1)) as (p & w & Q); [lia|].
  assert (t - depthB G - 1 < cur (bar s b)). { eapply i_fut; [apply Inv| |apply HD]; left; eauto. }
  destruct LB as [LB|(LB & O)]; [lia|].
  destruct (over_spec b (t - depthB G - 1)) as (X & Y); [lia|]. fold x in X, Y. unfold over in O.
  rewrite X, Y, !total_zero, !sum_none in O; [discriminate| |]; intros c v _ U; right; apply HD; [right|left]; eauto.
Qed.

Lemma bar_fire b : bar_inv (e :: done s) b (bar (fire G s e) b).
Proof.
  assert (TI := touched_inv b). simpl. destruct (atomic G); auto. apply take_inv; auto.
Qed.
End DOWN.
End STATE.

Lemma take_settled b x d : bar_inv d b x -> settled (take G b x).
Proof.
  intros I NF. unfold take in *. destruct (over x) eqn:O; auto. destruct (fifo x) as [|k r] eqn:F; [congruence|].
  simpl in *. assert (K : k = cur x) by (assert (Q := i_fifo _ _ _ I); rewrite F in Q; simpl in Q; congruence).
  assert (KN : k < ninst G b).
  { eapply pushed_inst. apply (i_pushed _ _ _ I). rewrite F. simpl. lia. }
  unfold over; simpl. destruct (Nat.eqb_spec (cP G b k) 0) as [Z|]; auto. exfalso.
  destruct (b_made _ _ _ R b k KN) as (p & w & U). rewrite (b_cP _ _ _ R) in Z by auto.
  eapply users_done_p in Z; eauto.
Qed.
End BARRIERS.
