"""The runtime witness: races that a kind timing hides, and runs under latencies of every kind."""

import random
from pathlib import Path

import pytest

from tests.campaign.mutations import mutate
from tests.campaign.schedules import random_graph, random_schedule
from tests.unit.verify_schedule_cases import FULL, program
from wlm_dialect import api
from wlm_dialect.errors import SimulationError
from wlm_dialect.machine import preset
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing
from wlm_dialect.runtime.witness import KINDS, find_unordered, make_timing, stress
from wlm_dialect.tools.wlm import main

LATE = str(Path(__file__).parents[2] / "examples" / "late.mlir")
# log writes %w, which load2 writes and conv2 reads; it waits for store2, which comes after both
UNORDERED = (
    (" waits(%x) updates(%t)", " updates(%t)"),
    ("%x = barrier.configure 5 producers 1 consumers 1", "%x = barrier.configure 5 producers 1 consumers 0"),
)


def test_a_safe_program_has_no_race():
    result = run(program(FULL))
    assert result.outcome == "finished"
    assert find_unordered(result) == ()


def test_a_race_is_seen_although_its_times_were_kind():
    late_log = Timing(dispatch={14: 10_000})  # long after all the others
    subject = program(FULL, UNORDERED)
    result = run(subject, timing=late_log, engine="events")
    assert (result.outcome, result.hazard) == ("finished", None)
    found = find_unordered(result)
    assert [(h.rule, subject.names[h.task], subject.names[h.other]) for h in found] == [("H8", "log", "conv2")]
    assert found[0].text.endswith("but nothing makes it wait")


@pytest.mark.parametrize("seed", range(24))
def test_no_false_alarm_and_hardly_a_miss(seed):
    made = random_schedule(seed, 3, 30, pools=seed % 7 == 6)
    assert made is None or find_unordered(run(made.program, engine="events")) == ()
    if made is not None:
        mutant = mutate(made.program, "drop_wait", random.Random(seed))
        if mutant is not None:
            result, verdict = run(mutant, engine="events"), check(mutant)
            if result.outcome == "finished":
                racy = any(f.rule == "H8" for f in verdict.findings)
                assert racy or not find_unordered(result)
                assert verdict.status != PROVED or not find_unordered(result)


def test_races_are_looked_for_in_runs_that_finished():
    with pytest.raises(SimulationError, match=r"^@net: races are looked for in a run that finished$"):
        find_unordered(run(program(FULL), limit=10))


def test_a_graph_is_ordered_by_its_dependences():
    graph = random_graph(preset("tiny"), random.Random(1), 12)
    assert len(graph.writes.index) == 12
    assert find_unordered(run(graph)) == ()


def test_stress_runs_every_kind_and_stops_at_the_first_failure():
    calm = stress(program(FULL), 8)
    assert dict(calm.finished) == dict.fromkeys(KINDS, 2)
    assert calm.failed is None
    late = api.stress(api.load(LATE, "tiny"), 40)
    assert late.failed is not None
    assert late.hazard is not None
    assert late.hazard.rule == "H4"
    again = run(late.failed.program, timing=make_timing(late.failed.program, late.kind, late.seed), ties=late.seed)
    assert again.hazard == late.hazard
    racy = stress(program(FULL, UNORDERED), 4)
    assert racy.hazard is not None
    assert racy.hazard.rule == "H8"
    with pytest.raises(SimulationError, match=r"^0 runs show nothing; ask for 1 at least$"):
        stress(program(FULL), 0)


def test_lazy_dmas_outlast_everything_else():
    subject = program(FULL)
    lazy = Timing.lazy(subject, 3)
    dma = [subject.engine_name(t).startswith("dma") for t in range(len(subject))]
    assert all(lazy.duration[t] == 1 for t in range(len(subject)) if not dma[t])
    assert min(lazy.duration[t] for t in range(len(subject)) if dma[t]) > len(subject)
    assert lazy == Timing.lazy(subject, 3)


def test_the_command_says_how_to_repeat_a_failure(capsys):
    assert main(["run", LATE, "--stress", "8"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("@five, full: H4: task 6 'conv1' on dpu0 is at head at tick ")
    repeated = lines[-1].removeprefix("repeat it with ").split()
    assert main(["run", LATE, *repeated]) == 2
    assert lines[-2].removeprefix("@five, full: H4: ") in capsys.readouterr().out
    managed = LATE.replace("late", "managed")
    assert main(["run", managed, "--stress", "4"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "@five, full: 1 adversarial, 1 heavy, 1 lazy, 1 uniform: all finished, twice each; no race by happens-before"
    )
