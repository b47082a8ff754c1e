"""`wlm-check`: certificates of safe schedules, validated against the text of the IR by code that shares nothing with
the compiler above the machine model and the error classes."""

from wlm_dialect.check.certificate import FORMAT, Certificate, check, seal
from wlm_dialect.check.structure import RejectedError
from wlm_dialect.check.text import Schedule, read

__all__ = ["FORMAT", "Certificate", "RejectedError", "Schedule", "check", "read", "seal"]
