"""Firmware that keeps instances in the barrier FIFOs: checker, certificates, exploration and runs agree about it."""

import os
import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given

from tests.campaign.judge import disagreement
from tests.campaign.mutations import OPERATORS, mutate
from tests.campaign.schedules import lowered, random_graph, random_machine
from tests.oracles import promela, smt
from tests.oracles.explore import explore
from tests.oracles.schedule import read_schedule
from tests.property.strategies import Case, cases
from tests.property.test_pipelines import assert_faithful, campaign, compiled, timings
from wlm_dialect.check import RejectedError
from wlm_dialect.check import check as accept
from wlm_dialect.errors import ScheduleError
from wlm_dialect.machine import MachineModel
from wlm_dialect.passes.checker.certificate import certify, schedule_of
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Program, encode_module
from wlm_dialect.program.model import IRQ_OVER
from wlm_dialect.runtime.run import run
from wlm_dialect.verification import verify

SCALE = int(os.environ.get("CAMPAIGN_SCALE", "1"))
STATES = 6_000
MODES = ("firmware", "partial")
DEPTHS = ((1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 4))  # preload, top_up


def topped(machine: MachineModel, preload: int, top_up: int) -> MachineModel:
    """The machine with FIFOs that hold the preload, and firmware that keeps them filled."""
    deep = machine.with_(**{"barriers.fifo_depth": max(machine.barriers.fifo_depth, preload)})
    return deep.with_(**{"firmware.preload": preload}).with_(**{"firmware.top_up": top_up})


def schedules(seeds: range, least: int, most: int) -> Iterator[tuple[str, Program]]:
    """Small schedules on few barriers, each with three mutants."""
    for seed in seeds:
        rng = random.Random(seed)
        machine = random_machine(rng, pools=seed % 4 == 3).with_(**{"barriers.count": rng.randrange(2, 4)})
        graph = random_graph(topped(machine, *DEPTHS[seed % len(DEPTHS)]), rng, rng.randint(least, most))
        made = lowered(graph, MODES[seed % 2])
        if made is not None:
            yield f"{seed}", made
            for operator in rng.sample(sorted(OPERATORS), 3):
                mutant = mutate(made, operator, rng)
                if mutant is not None:
                    yield f"{seed} {operator}", mutant


def topped_up(program: Program) -> bool:
    """Whether firmware programs an instance behind one that is not over yet."""
    behind = (program.programmer >= 0) & (program.programmer != program.barriers.previous)
    return bool(behind.any())


def test_exploration_agrees_fault_by_fault() -> None:
    counts = Counter[str]()
    for name, subject in schedules(range(60 * SCALE), 6, 11):
        answer = explore(read_schedule(str(encode_module(subject)), subject.machine), STATES)
        verdict = verify(subject, replays=1)
        assert not disagreement(subject, verdict, answer), name
        counts[verdict.status] += 1
        counts["topped up"] += topped_up(subject)
        counts["cut"] += answer.cut
    assert min(counts["proved"], counts["refuted"], counts["topped up"]) > 20, counts


def test_certificates_agree() -> None:
    counts = Counter[bool]()
    for name, subject in schedules(range(100, 100 + 40 * SCALE), 4, 14):
        schedule = schedule_of(subject)
        try:
            accept(schedule, certify(schedule))
            accepted = True
        except (RejectedError, ScheduleError):
            accepted = False
        assert accepted == (check(subject).status == PROVED), name
        counts[accepted] += 1
    assert min(counts.values()) > 20, counts


@pytest.mark.parametrize("mode", MODES)
@given(case=cases())
@campaign(40)
def test_a_program_with_top_ups_is_proved_and_does_what_the_graph_says(mode: str, case: Case) -> None:
    preload, top_up = DEPTHS[len(case.rows) % len(DEPTHS)]
    graph = case.graph.with_(machine=topped(case.machine, preload, top_up))
    program = compiled(graph, mode)
    assert check(program).status == PROVED
    loaded = set(program.bootstrap.tolist())
    for v, (instance, programmer) in enumerate(zip(program.barriers.instance, program.programmer, strict=True)):
        assert (v in loaded) == (instance <= preload) == (programmer < 0)
        assert programmer < 0 or program.barriers.irq[programmer] == IRQ_OVER
    for timing in timings(program):
        assert_faithful(graph, program, run(program, timing=timing))


def test_oracles_that_cannot_tell_say_so() -> None:
    subject = next(made for _, made in schedules(range(8), 6, 9) if topped_up(made))
    s = read_schedule(str(encode_module(subject)), subject.machine)
    with pytest.raises(AssertionError, match="top-ups are not in the model"):
        promela.tables(s)
    pytest.importorskip("z3", reason="z3 is not installed (extra proof)")
    with pytest.raises(AssertionError, match="top-ups are not encoded"):
        smt.has_hazard(s)
