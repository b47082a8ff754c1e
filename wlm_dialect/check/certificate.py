"""Certificates: a JSON object that is sealed, names its schedule and proves it.

Keys: `format`, `program`, `schedule` (digest), `chains` (their number), `order` ([event, chain], chain -1: none; all
events, in an order in which they can happen), `extra` ([event, [[kind, earlier event], ...]], kind "serve": firmware
serves it before, "join": it happens as soon as it can, and all it waits for comes before), `steps` ([task, instances]
for tasks with several waits, rule H1), `apart` ([event, later event, events between them that take time], bounded
re-arming), `seal` (digest of the rest). Events are numbered as in `events`.
"""

import hashlib
import json
from typing import Any

from wlm_dialect.check.events import Events
from wlm_dialect.check.rules import Proof
from wlm_dialect.check.structure import RejectedError, need, structure
from wlm_dialect.check.text import Schedule

FORMAT = 1
Certificate = dict[str, Any]


def seal(certificate: Certificate) -> str:
    """SHA-256 over a certificate without its seal."""
    content = {key: value for key, value in certificate.items() if key != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def check(schedule: Schedule, certificate: Certificate) -> Proof:
    """Raises RejectedError unless the certificate proves the schedule; returns the clocks."""
    need(certificate.get("format") == FORMAT, f"this version reads certificates of format {FORMAT}")
    need(certificate.get("seal") == seal(certificate), "the seal does not fit: the certificate was changed")
    need(certificate.get("schedule") == schedule.digest(), "the certificate is for another schedule")
    structure(schedule)
    try:
        return _prove(schedule, certificate)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise RejectedError(f"the certificate is malformed: {error!r}") from error


def _prove(schedule: Schedule, certificate: Certificate) -> Proof:
    proof = Proof(Events(schedule))
    extra = {here: orders for here, orders in certificate["extra"]}
    for here, chain in certificate["order"]:
        proof.add(here, chain, extra.get(here, []))
    steps = {t: [(p, k) for p, k in found] for t, found in certificate["steps"]}
    proof.rules(steps, {(first, then): path for first, then, path in certificate["apart"]})
    return proof
