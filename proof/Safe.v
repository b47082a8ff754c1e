(** * The theorem

    [accept p h = true], which the kernel of Coq computes, implies that program [p] is safe: for every interleaving of
    its events, hence for every timing. The statement uses the machine ([Machine.v]) and what a program means on it
    ([Elaborate.v]), nothing of the checker. *)
Require Import List Arith Bool PArith.
From wlm Require Import Machine Rules Barriers Soundness Progress Tables Clocks Check Sound Accept Elaborate Certify Structure.
Import ListNotations.

Definition meaning (p : program) : prog := prog_of (elaborate p (view_of p)).
Definition accept (p : program) (h : hint) : bool :=
  let v := view_of p in let S := elaborate p v in
  structure_ok p v && check S (certify p v S h).

Record safe_program (p : program) : Prop := {
  (* H1 to H6, H8: whatever can happen is no hazard *)
  no_hazard : forall s e, reach (meaning p) s -> enabled (meaning p) s e -> ~ hazard (meaning p) s e;
  (* H7: while something is left, something can happen; and nothing happens twice *)
  no_deadlock : forall s, reach (meaning p) s -> (exists e, In e (all (meaning p)) /\ ~ In e (done s)) ->
    (exists e, enabled (meaning p) s e) \/ (atomic (meaning p) = false /\ exists b k, pending s b k);
  finite : forall s, reach (meaning p) s -> NoDup (done s) /\ length (done s) <= length (all (meaning p));
  (* H10: when the tail lifts, all tasks have ended *)
  completion : forall s, reach (meaning p) s -> let (b, k) := tail (meaning p) in
    cur (bar s b) = S k -> P (bar s b) = 0 -> forall e, In e (ends (meaning p)) -> In e (done s);
  (* H11: in the end every instance was used, counters are zero, FIFOs empty, no interrupt pending *)
  clean_end : forall s, reach (meaning p) s -> (forall e, In e (all (meaning p)) -> In e (done s)) ->
    (forall b, bar s b = Bst (ninst (meaning p) b) 0 0 []) /\ (forall q, que s q = []) /\ pq s = [];
  (* one behaviour: an event finds the same instances and comes after the same events in every run; what has happened
     determines counters and FIFOs *)
  same_instances : forall s e b k, reach (meaning p) s -> enabled (meaning p) s e ->
    user (meaning p) b k e \/ wts (meaning p) e b = Some k -> cur (bar s b) = S k;
  same_order : forall s e, reach (meaning p) s -> enabled (meaning p) s e -> forall x, hb (meaning p) x e -> In x (done s);
  same_states : atomic (meaning p) = true -> forall s t, reach (meaning p) s -> reach (meaning p) t ->
    (forall x, In x (done s) <-> In x (done t)) -> (forall b, bar s b = bar t b) /\ (forall q, que s q = que t q)
}.

Theorem accepted_is_safe p h : accept p h = true -> safe_program p.
Proof.
  unfold accept. intro H. apply andb_prop in H. destruct H as (_ & H). apply check_accepted in H.
  assert (R := check_rules _ _ H). constructor.
  - intros s e. eapply safe; eauto.
  - intros s Rs U. eapply live; eauto.
  - intros s Rs. split. apply (v_nodup _ _ _ (reach_inv _ _ _ R s Rs)). eapply bounded; eauto.
  - intros s Rs. assert (X := complete _ _ _ R s Rs). unfold meaning in *. destruct (tail _) as (b, k). exact X.
  - intros s Rs D. eapply clean; eauto.
  - intros s e b k. eapply Progress.instances; eauto.
  - intros s e. eapply Progress.order; eauto.
  - intros At s t. eapply same_state; eauto.
Qed.

Print Assumptions accepted_is_safe.
