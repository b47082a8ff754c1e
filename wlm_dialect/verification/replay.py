"""Replay: find a timing under which a run of the simulator breaks the very rule that the checker says can be broken."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain

from wlm_dialect.errors import WlmError
from wlm_dialect.passes.checker.findings import Finding, Verdict
from wlm_dialect.passes.checker.replay import counterexamples
from wlm_dialect.program import Program
from wlm_dialect.runtime.hazards import count_hazards, range_hazards
from wlm_dialect.runtime.result import DEADLOCK, HAZARD, Hazard, RunResult
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing

SEEDS = 24  # adversarial timings to try where no proposed one shows a finding
MOST_RUNS = 2_000_000  # tasks to run in all while looking for one timing


@dataclass(frozen=True, eq=False)
class Replay:
    """A run that goes wrong as a finding says: same rule, task and instance."""

    timing: Timing
    hazard: Hazard
    result: RunResult | None  # None: the program cannot even be loaded


def run_under(program: Program, timing: Timing | None) -> RunResult | None:
    """A run by event loop; None if the program cannot even be loaded."""
    try:
        return run(program, timing=timing, engine="events")
    except WlmError:
        return None


def find_replay(program: Program, verdict: Verdict, finding: Finding) -> Replay | None:
    """The first timing under which a run shows `finding`; None if no timing that was tried does."""
    for hazard in chain(range_hazards(program), count_hazards(program)):
        if same_fault(finding, hazard):
            return Replay(Timing(), hazard, run_under(program, None))
    left = MOST_RUNS
    for timing in _timings(program, verdict, finding):
        result = run_under(program, timing)
        if result is not None and shows(finding, result):
            assert result.hazard is not None
            return Replay(timing, _named(finding, result), result)
        left -= len(program)
        if left <= 0:
            break
    return None


def _timings(program: Program, verdict: Verdict, finding: Finding) -> Iterator[Timing]:
    yield Timing()
    for delays in counterexamples(program, finding, verdict.graph):
        yield Timing(**asdict(delays))
    yield Timing(duration=dict.fromkeys(range(len(program)), 1))
    for seed in range(SEEDS):
        yield Timing.adversarial(program, seed)


def shows(finding: Finding, result: RunResult) -> bool:
    """Whether the run went wrong in the way of `finding`."""
    hazard = result.hazard
    if hazard is None or result.outcome not in (HAZARD, DEADLOCK):
        return False
    if result.outcome == DEADLOCK:
        return _stuck(finding, hazard, result)
    return same_fault(finding, hazard)


def _stuck(finding: Finding, hazard: Hazard, result: RunResult) -> bool:
    """Who waits for one another has not ended; who waits for nothing that comes has not started."""
    if finding.cycle:
        return all(result.end[t] < 0 for t in finding.cycle)
    if finding.task < 0 or finding.nodes[0] >= 0 or finding.rule not in ("H6", "H7", "H11"):
        return same_fault(finding, hazard)
    never_pushed = finding.rule == "H6" and result.enqueued[finding.task] < 0
    return bool(result.start[finding.task] < 0 and (finding.rule != "H6" or never_pushed))


def same_fault(finding: Finding, hazard: Hazard) -> bool:
    """Whether rule, task and instance are the same; a finding that names no task stands for any, and so on."""
    if finding.rule != hazard.rule:
        return False
    match finding.rule:
        case "H5":  # the finding is about the task whose descriptor goes, the hazard about the fetch
            return (finding.task, finding.other) == (hazard.other, hazard.task)
        case "H3":
            return finding.barrier in (hazard.barrier, hazard.found)
        case "H8":
            return (finding.task, finding.other) == (hazard.task, hazard.other)
        case "H4":
            return finding.task == hazard.task
        case "H10":
            return finding.barrier == hazard.barrier
        case "H6" if finding.barrier >= 0:
            return finding.barrier == hazard.barrier
        case _:
            return _agree(finding.task, hazard.task) and _agree(finding.barrier, hazard.barrier)


def _agree(wanted: int, found: int) -> bool:
    return wanted in (-1, found)


def _named(finding: Finding, result: RunResult) -> Hazard:
    """The hazard, for a deadlock with the task of the finding: a run names one of those that are stuck."""
    assert result.hazard is not None
    if result.outcome == DEADLOCK and finding.task >= 0:
        return replace(result.hazard, rule=finding.rule, task=finding.task)
    return result.hazard
