(** * Firmware: interrupts are served in the order in which they certainly arrive *)
Require Import List Arith Bool PArith Lia.
From wlm Require Import Machine Rules Barriers.
Import ListNotations.

Section FIRMWARE.
Variable G : prog.
Variable rank : id -> nat.
Variable segs : id -> list id.
Hypothesis R : rules G rank segs.
Notation hb := (hb G).
Notation causes := (causes G).

(** [a] certainly arrives before [b]. *)
Definition earlier (a b : id) : Prop := exists f,
  (forall x, causes a x -> causes b (f x)) /\ (forall x, causes a x -> x = f x -> (a < b)%positive) /\
  (forall x, causes a x -> x <> f x -> hb x (f x)).

Fixpoint ord (l : list id) : Prop :=
  match l with [] => True | b :: m => (forall c, In c (b :: m) -> ~ earlier c b) /\ ord m end.

Lemma ord_filter p l : ord l -> ord (filter p l).
Proof.
  induction l as [|b m IH]; simpl; auto. intros (A & B). destruct (p b); auto. simpl. split; auto.
  intros c [<-|I]; auto. apply filter_In in I. apply A. tauto.
Qed.
Lemma ord_app l m : ord l -> ord m -> (forall b c, In b l -> In c m -> ~ earlier c b) -> ord (l ++ m).
Proof.
  induction l as [|b l IH]; simpl; auto. intros (A & B) M X. split; [|apply IH; auto].
  intros c [<-|I]; auto. apply in_app_or in I. destruct I; auto.
Qed.

Record pq_inv (d l : list id) : Prop := {
  p_in : forall h, In h l <-> (In h (hand G) /\ (forall x, causes h x -> In x d) /\ ~ In (hnd G h) d);
  p_ord : ord l
}.

Section STATE.
Variable s : st.
Hypothesis Down : down G (done s).
Hypothesis Bar : forall b, bar_inv G (done s) b (bar s b).
Hypothesis Set_ : atomic G = true -> forall b, settled (bar s b).
Hypothesis Inv : pq_inv (done s) (pq s).

Lemma turn_in h : turn G h (pq s) -> In h (pq s).
Proof. unfold turn. destruct (byid G); [tauto|]. destruct (pq s); simpl; intro H; [discriminate|]. injection H; auto. Qed.

Lemma edge_raise e h x : raw G s e -> serves G e = Some h -> causes h x -> In x (done s).
Proof. intros Rw S X. apply (r_turn _ _ _ Rw) in S. apply turn_in, (p_in _ _ Inv) in S. apply S; auto. Qed.

Lemma serve_order a b f : raw G s (hnd G b) -> In a (hand G) -> In b (hand G) ->
  (forall x, causes a x -> causes b (f x)) -> (forall x, causes a x -> x = f x -> (a < b)%positive) ->
  (forall x, causes a x -> x <> f x -> hb x (f x)) -> (byid G = true -> (a < b)%positive) -> In (hnd G a) (done s).
Proof.
  intros Rw Ia Ib F E H By. destruct (f_hnd _ _ _ R b Ib) as (Sb & _). assert (T := r_turn _ _ _ Rw _ Sb).
  assert (Ca : forall x, causes a x -> In x (done s)).
  { intros x X. assert (Y : In (f x) (done s)) by (eapply edge_raise; eauto).
    destruct (Pos.eq_dec x (f x)) as [Q|Q]; [congruence|]. eapply Down; eauto. }
  destruct (in_dec Pos.eq_dec (hnd G a) (done s)) as [|N]; auto. exfalso.
  assert (Pa : In a (pq s)) by (apply (p_in _ _ Inv); auto).
  assert (Ea : earlier a b) by (exists f; auto). unfold turn in T. destruct (byid G).
  - destruct T as (_ & T). specialize (T _ Pa). specialize (By eq_refl). lia.
  - assert (O := p_ord _ _ Inv). destruct (pq s) as [|c m]; [discriminate|]. injection T as ->. destruct O as (O & _).
    eapply O; eauto.
Qed.

Section FIRE.
Variable e : id.
Hypothesis Rw : raw G s e.
Hypothesis De : forall x, hb x e -> In x (done s).

Lemma raised_spec h : In h (hand G) -> raised G s e h = true <-> (forall x, causes h x -> In x (e :: done s)) /\ causes h e.
Proof.
  intros Ih. unfold raised, Machine.causes. destruct (src G h) as [(b, k)|f] eqn:Q.
  - rewrite !andb_true_iff, Nat.eqb_eq. assert (K := f_src _ _ _ R _ _ _ Ih Q). split.
    + intros ((T & Cu) & O). assert (U : user G b k e).
      { unfold touches in T. destruct (pro G e b) as [(j, w)|] eqn:U.
        - assert (Z : user G b j e) by (left; eauto). assert (Y := use_exact _ _ _ R s Down Bar Set_ e Rw De b j Z).
          assert (j = k) by lia. subst; auto.
        - destruct (con G e b) as [(j, w)|] eqn:V; [|discriminate].
          assert (Z : user G b j e) by (right; eauto). assert (Y := use_exact _ _ _ R s Down Bar Set_ e Rw De b j Z).
          assert (j = k) by lia. subst; auto. }
      split; auto. destruct (over_spec _ _ _ R s Down Bar Set_ e Rw De b k Cu) as (HP & HC).
      unfold over in O. apply andb_prop in O. destruct O as (OP & OC). apply Nat.eqb_eq in OP, OC.
      rewrite HP in OP. rewrite HC in OC. intros x [(w & X)|(w & X)].
      eapply users_done_p; eauto. eapply users_done_c; eauto.
    + intros (D & U). assert (Cu := use_exact _ _ _ R s Down Bar Set_ e Rw De b k U). repeat split; auto.
      * unfold touches. destruct U as [(w & U)|(w & U)]; rewrite U; auto. destruct (pro G e b); auto.
      * destruct (over_spec _ _ _ R s Down Bar Set_ e Rw De b k Cu) as (HP & HC).
        unfold over. rewrite HP, HC, !total_zero, !sum_none; auto;
        intros x w _ X; apply D; [right|left]; eauto.
  - rewrite Pos.eqb_eq. split; [intros ->; split; [intros x ->; simpl; auto|auto]|intros (_ & ->); auto].
Qed.

Lemma new_last c b : In c (hand G) -> raised G s e c = true -> (forall x, causes b x -> In x (e :: done s)) ->
  ((c < b)%positive -> ~ causes b e) -> ~ earlier c b.
Proof.
  intros Ic Rc Cb N (f & F & E & H). apply raised_spec in Rc; auto. destruct Rc as (_ & Ce).
  assert (Y := F e Ce). destruct (Pos.eq_dec e (f e)) as [Q|Q].
  - apply (N (E e Ce Q)). rewrite <- Q in Y. auto.
  - destruct (Cb _ Y) as [|Z]; [congruence|]. apply (r_new _ _ _ Rw). eapply Down; eauto.
Qed.

Lemma pq_fire : pq_inv (e :: done s) (pq (fire G s e)).
Proof.
  assert (N := r_new _ _ _ Rw). constructor.
  - intro h. simpl. rewrite in_app_iff, !filter_In, (p_in _ _ Inv). split.
    + intros [((Ih & Ch & Nh) & S)|(Ih & Rh)].
      * repeat split; auto. intros [Q|Q]; auto. subst e. destruct (f_hnd _ _ _ R h Ih) as (Sh & _).
        unfold served in S. rewrite Sh, Pos.eqb_refl in S. discriminate.
      * apply raised_spec in Rh; auto. destruct Rh as (Ch & Ce). repeat split; auto.
        assert (X : hb e (hnd G h)).
        { apply hb_edge. destruct (f_hnd _ _ _ R h Ih) as (Sh & _). eapply e_raise; eauto. }
        intros [Q|Q]; apply N. rewrite <- Q in X. auto. eapply Down; eauto.
    + intros (Ih & Ch & Nh). destruct (raised G s e h) eqn:Rh; [right; auto|left].
      assert (Ce : ~ causes h e). { intro Ce. assert (raised G s e h = true); [|congruence]. apply raised_spec; auto. }
      repeat split; auto.
      * intros x X. destruct (Ch x X) as [<-|]; tauto.
      * unfold served. destruct (serves G e) as [i|] eqn:Se; auto. destruct (Pos.eqb_spec h i); auto. subst i. exfalso.
        destruct (f_serves _ _ _ R _ _ (r_all _ _ _ Rw) Se) as (Q & _). apply Nh. left; auto.
  - simpl. apply ord_app.
    + apply ord_filter, Inv.
    + assert (FO := f_order _ _ _ R). assert (Sub : forall h, In h (hand G) -> In h (hand G)) by auto. revert FO Sub.
      generalize (hand G) at 1 2 4. intros l FO Sub. induction l as [|b l IH]; simpl; auto.
      assert (IHl : ord (filter (raised G s e) l)).
      { apply IH. intros a c k m E I. apply (FO a c (b :: k) m); auto. rewrite E. auto. intros; apply Sub; simpl; auto. }
      destruct (raised G s e b) eqn:Rb; auto. simpl. split; auto.
      assert (Cb := Rb). apply raised_spec in Cb; [|apply Sub; simpl; auto]. destruct Cb as (Cb & _).
      intros c [<-|I].
      * apply new_last; auto. apply Sub; simpl; auto. lia.
      * apply filter_In in I. destruct I as (I & Rc). apply new_last; auto. apply Sub; simpl; auto.
        assert (b < c)%positive by (apply (FO b c [] l); auto). lia.
    + intros b c Ib Ic. apply filter_In in Ib, Ic. destruct Ib as (Ib & _), Ic as (Ic & Rc).
      apply (p_in _ _ Inv) in Ib. destruct Ib as (_ & Cb & _). apply new_last; auto. intros x X. right; auto.
Qed.
End FIRE.
End STATE.
End FIRMWARE.
