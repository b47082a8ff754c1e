"""Verification: the checker's verdict, backed by a run of the simulator for what it refutes."""

from wlm_dialect.verification.verification import Verification, verify

__all__ = ["Verification", "verify"]
