"""Certificates that claim all that `wlm-check` lets one claim, of programs that nobody has proved.

The compiler's own certificates claim what a proof needs. Somebody else may order events differently, and name every
derived order that passes; whether all of that together still proves nothing false is what this is after.
"""

import random
from collections import defaultdict

from wlm_dialect.check import FORMAT, Certificate, RejectedError, Schedule, seal
from wlm_dialect.check.events import HANDLER, START, Events
from wlm_dialect.check.rules import Proof
from wlm_dialect.check.structure import structure
from wlm_dialect.check.text import Instance


def forge(schedule: Schedule, rng: random.Random) -> Certificate | None:
    """A certificate with a random order of events; None if they cannot all happen, or a rule without order is broken.

    What is urgent may come first, as in the machine, or at any time: `wlm-check` does not ask.
    """
    try:
        structure(schedule)
    except RejectedError:
        return None
    events = Events(schedule)
    order = _order(events, rng, urgent_first=rng.random() < 0.7)
    if len(order) < len(events.before):
        return None
    proof, extra = Proof(events), []
    for here in order:
        claims = _claims(proof, here)
        if claims:
            extra.append([here, claims])
        clock = proof.known([*events.before[here], *(other for _, other in claims)])
        fits = (c for c, n in enumerate(proof.count) if c < len(clock) and clock[c] == n)
        proof.add(here, next(fits, len(proof.count)), claims)
    certificate: Certificate = {
        "format": FORMAT,
        "program": schedule.name,
        "schedule": schedule.digest(),
        "chains": len(proof.count),
        "order": [[here, proof.chain[here]] for here in order],
        "extra": extra,
        "steps": [[t, steps] for t in range(len(schedule.tasks)) if (steps := _steps(proof, t))],
        "apart": [],
    }
    certificate["seal"] = seal(certificate)
    return certificate


def _order(events: Events, rng: random.Random, *, urgent_first: bool) -> list[int]:
    """All events that can happen, in a random order in which they can."""
    missing = {here: len(set(before)) for here, before in events.before.items()}
    after: dict[int, list[int]] = defaultdict(list)
    for here, before in events.before.items():
        for other in sorted(set(before)):
            after[other].append(here)
    ready, out = [here for here, count in missing.items() if not count], list[int]()
    while ready:
        urgent = [here for here in ready if here in events.joins] if urgent_first else []
        here = rng.choice(urgent or ready)
        ready.remove(here)
        out.append(here)
        for other in after[here]:
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    return out


def _claims(proof: Proof, here: int) -> list[list[object]]:
    """All derived orders that may be claimed of an event, those included that need others first."""
    events, known = proof.events, list(proof.events.before[here])
    done = list(proof.rank)
    claims: list[list[object]] = []
    if here % 8 == HANDLER:
        claims += [["serve", other] for other in done if proof.served(other, here)]
    if here in events.joins or here % 8 == START:
        return claims
    found = True
    while found:
        fresh = [x for x in done if x in events.joins and x not in known and proof.joined(x, here, known)]
        found = bool(fresh)
        known += fresh[:1]
        claims += [["join", x] for x in fresh[:1]]
    return claims


def _steps(proof: Proof, task: int) -> list[list[int]]:
    """For a task with several waits all instances that may be said to be armed when it starts (H1)."""
    events = proof.events
    waits, known = events.schedule.tasks[task].waits, list(events.control[task])
    out: list[Instance] = []
    if len(waits) < 2 or events.schedule.machine.barriers.rearm != "atomic":
        return []
    candidates = [(p, j) for p, k in waits for j in range(k + 1)]
    found = True
    while found:
        fresh = [v for v in candidates if v not in out and all(proof.under(x, known) for x in events.arms(v))]
        found = bool(fresh)
        out += fresh
        known += [x for v in fresh for x in events.users[v].producers]
    return [list(v) for v in out]
