"""Certificates of random schedules: what is proved is accepted, what is refuted is not, tampering is noticed."""

import json
import random
from collections.abc import Callable

import pytest

from tests.campaign.mutations import OPERATORS, mutate
from tests.campaign.schedules import random_schedule
from wlm_dialect.check import Certificate, RejectedError, check, seal
from wlm_dialect.check.events import Events
from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.checker.certificate import certify, schedule_of
from wlm_dialect.passes.verify_schedule import PROVED
from wlm_dialect.passes.verify_schedule import check as verify
from wlm_dialect.program import Program

SEEDS = range(40)


def accepted(program: Program) -> bool:
    schedule = schedule_of(program)
    try:
        check(schedule, certify(schedule))
    except (RejectedError, ScheduleError):  # no run, or no proof
        return False
    return True


@pytest.mark.parametrize("first", range(0, len(SEEDS), 8))
def test_verdicts_agree(first: int) -> None:
    """The checker and `wlm-check` share no code above the machine model."""
    refuted = 0
    for seed in SEEDS[first : first + 8]:
        made = random_schedule(seed, 3, 12, pools=seed % 4 == 3)
        if made is None:
            continue
        rng = random.Random(seed)
        mutants = [mutate(made.program, name, rng) for name in rng.sample(sorted(OPERATORS), 3)]
        for program in [made.program, *(m for m in mutants if m is not None)]:
            assert accepted(program) == (verify(program).status == PROVED), (seed, program.mode)
            refuted += verify(program).status != PROVED
    assert refuted > 3


@pytest.mark.parametrize("seed", [0, 1, 3, 4])
def test_acknowledged_rearming(seed: int) -> None:
    made = random_schedule(seed, 6, 14)
    assert made is not None
    program = made.program.with_(
        machine=made.program.machine.with_(**{"barriers.rearm_delta": 0, "barriers.rearm": "acknowledged"})
    )
    assert accepted(program) == (verify(program).status == PROVED)


def _swap(c: Certificate, rng: random.Random, events: Events) -> None:
    """An event before one that it waits for."""
    place = {here: i for i, (here, _) in enumerate(c["order"])}
    here = rng.choice([h for h, before in events.before.items() if before])
    i, j = place[here], place[rng.choice(events.before[here])]
    c["order"][i], c["order"][j] = c["order"][j], c["order"][i]


def _drop(c: Certificate, rng: random.Random, events: Events) -> None:
    del c["order"][rng.randrange(len(c["order"]))]


def _repeat(c: Certificate, rng: random.Random, events: Events) -> None:
    c["order"].append(rng.choice(c["order"]))


def _invent(c: Certificate, rng: random.Random, events: Events) -> None:
    c["order"].insert(rng.randrange(len(c["order"])), [8 * rng.randrange(1, 9_000) + 7, 0])


def _claim(c: Certificate, rng: random.Random, events: Events) -> None:
    """A derived order that nothing justifies: an end before a start it has nothing to do with."""
    i = rng.randrange(1, len(c["order"]))
    plain = [here for here, _ in c["order"][:i] if here not in events.joins and here % 8 != 6]
    c["extra"].append([c["order"][i][0], [[rng.choice(["join", "serve"]), rng.choice(plain or [0])]]])


def _chain(c: Certificate, rng: random.Random, events: Events) -> None:
    """A chain that does not exist yet and leaves a gap."""
    c["order"][rng.randrange(len(c["order"]) // 2)][1] = c["chains"] + rng.randrange(1, 9)


def _borrow(c: Certificate, rng: random.Random, events: Events) -> None:
    c["schedule"] = c["schedule"][::-1] + str(rng.randrange(9))


def _spoil(c: Certificate, rng: random.Random, events: Events) -> None:
    row = rng.choice(c["order"])
    row[rng.randrange(2)] = rng.choice([None, "8", [8], 1e300, {}])


TAMPERINGS = (_swap, _drop, _repeat, _invent, _claim, _chain, _borrow, _spoil)


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda f: f.__name__[1:])
def test_tampering_is_noticed(tamper: Callable[[Certificate, random.Random, Events], None]) -> None:
    """Sealed again by whoever tampered; without a new seal the first look shows it."""
    rejected = 0
    for seed in range(12):
        made = random_schedule(seed, 5, 12)
        if made is None or verify(made.program).status != PROVED:
            continue
        schedule = schedule_of(made.program)
        base, events = json.dumps(certify(schedule)), Events(schedule)
        for n in range(12):
            forged = json.loads(base)
            tamper(forged, random.Random(1_000 * seed + n), events)
            with pytest.raises(RejectedError, match="the seal does not fit"):
                check(schedule, forged)
            forged["seal"] = seal(forged)
            with pytest.raises(RejectedError):
                check(schedule, forged)
            rejected += 1
    assert rejected >= 72
