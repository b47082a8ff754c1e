"""Programs that no pipeline makes: checker, exploration, replay and `wlm-check` agree; a slice of `make campaign`."""

import random
from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest

from tests.campaign import judge_foreign as judging
from tests.campaign.foreign import foreign_program
from tests.campaign.forge import forge
from tests.campaign.judge import Judgement, accepts, text_of
from tests.campaign.judge_foreign import judge_foreign
from wlm_dialect.check import read
from wlm_dialect.program import Kind, Program, decode_module, encode_module

SLICE = range(180)
PARTS = 6
STATES = 4_000


@cache
def judged(seed: int) -> tuple[Program, Judgement]:
    """A foreign program and what becomes of it."""
    program = foreign_program(seed)
    return program, judge_foreign(program, random.Random(seed), STATES)


@pytest.mark.parametrize("part", range(PARTS))
def test_all_witnesses_agree(part: int) -> None:
    how = Counter[str]()
    for seed in SLICE[part::PARTS]:
        _, found = judged(seed)
        assert found.how != "wrong", (seed, found.detail)
        how[found.how] += 1
    assert how["explored"] >= 3, how
    assert how["refuted"] >= 3, how


def test_a_fifth_is_proved_and_some_forgeries_are_rejected() -> None:
    found = [judged(seed)[1] for seed in SLICE]
    assert sum(j.how == "explored" for j in found) >= len(SLICE) / 5
    assert sum(j.forged for j in found) >= 10


def features(p: Program) -> Iterator[str]:
    """What is special about a program and its machine."""
    machine, kinds = p.machine, p.kind.tolist()
    barriers, firmware = machine.barriers, machine.firmware
    yield from (p.mode, machine.full_fifo, barriers.rearm, f"consume at {barriers.consume_at}")
    yield from (f"{e.kind} {e.order}" for e, tasks in zip(machine.engines, p.lists, strict=True) if len(tasks) > 1)
    targets = {machine.engines[e].kind for e, k in zip(p.target, p.kind, strict=True) if k == Kind.ENQUEUE}
    told = {
        "linked": machine.management.linked_enqueue and bool(targets),
        "by id": p.mode != "full" and firmware.service_order == "id",
        "preload": p.mode != "full" and firmware.preload > 0,
        "top-up": p.mode != "full" and firmware.top_up > 1,
        "fetch interrupt": len(p.items.done.index) > 0,
        "dispatched queue": "dma" in targets,
        "PROGRAM": Kind.PROGRAM in kinds,
        "several waits": any(len(row) > 1 for row in p.waits.lists()),
        "slots": max(p.slots.tolist()) > 1,
        "bare registers": barriers.fifo_depth == 0,
        "three instances": max(Counter(p.barriers.pid.tolist()).values()) > 2,
    }
    yield from (name for name, holds in told.items() if holds)


def test_every_option_is_among_what_is_proved() -> None:
    seen = Counter(name for seed in SLICE if judged(seed)[1].how == "explored" for name in features(judged(seed)[0]))
    orders = {
        f"{kind} {order}" for kind in ("dma", "dpu") for order in ("serial", "prefetching", "outstanding", "pool")
    }
    options = {"firmware", "partial", "full", "block", "drop", "atomic", "acknowledged", "consume at start"}
    options |= {"consume at end", "linked", "by id", "preload", "top-up", "fetch interrupt", "dispatched queue"}
    options |= {"PROGRAM", "several waits", "slots", "bare registers", "three instances"}
    assert not (orders | options) - set(seen)


def test_a_foreign_program_is_ir_like_any_other() -> None:
    for seed in SLICE[:30]:
        module = encode_module(judged(seed)[0])
        module.verify()
        (again,) = decode_module(module)
        assert str(encode_module(again)) == str(module)
        assert text_of(foreign_program(seed)) == str(module), "a seed gives one program"


def test_forgeries_are_no_nonsense() -> None:
    """Of a program that is proved, most are accepted."""
    taken = Counter[bool]()
    for seed in SLICE:
        program, found = judged(seed)
        if found.how == "explored":
            (schedule,) = read(text_of(program))
            certificate = forge(schedule, random.Random(seed))
            assert certificate is not None
            taken[accepts(program, certificate)] += 1
    assert taken[True] > 2 * taken[False], taken


def test_a_proof_without_a_certificate_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = next(s for s in SLICE if judged(s)[1].how == "explored")
    monkeypatch.setattr(judging, "certify", lambda program: "proved, but not certified")
    found = judge_foreign(judged(seed)[0], random.Random(0), STATES)
    assert (found.how, found.detail) == ("wrong", "proved, but not certified")


def test_an_accepted_forgery_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = next(s for s in SLICE if judged(s)[1].forged)
    monkeypatch.setattr(judging, "accepts", lambda program, certificate: True)
    found = judge_foreign(judged(seed)[0], random.Random(0), STATES)
    assert (found.how, found.detail) == ("wrong", "refuted, but wlm-check accepts a forged certificate")
