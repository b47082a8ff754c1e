"""Replay: find a timing under which a run of the simulator breaks the very rule that the checker says can be broken."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from wlm_dialect.errors import WlmError
from wlm_dialect.passes.checker.findings import UNDECIDED, Finding, Verdict
from wlm_dialect.passes.checker.replay import counterexamples, held_back
from wlm_dialect.program import Program
from wlm_dialect.runtime.hazards import count_hazards, range_hazards
from wlm_dialect.runtime.result import DEADLOCK, HAZARD, Hazard, RunResult
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing

SEEDS = 24  # adversarial timings to try where no proposed one shows a finding
MORE_SEEDS = 600  # where all findings are in doubt: only a run can tell then
FEW = 6  # findings that can be held back, one after the other, so that a run gets to the last
MOST_RUNS = 2_000_000  # tasks to run in all while looking for timings


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


class Replays:
    """Looks for runs that show findings. Timings that are made for no finding in particular are run once for all."""

    def __init__(self, program: Program, verdict: Verdict) -> None:
        self.program, self.verdict = program, verdict
        self.before = (*range_hazards(program), *count_hazards(program))  # seen without a run
        self.common: list[tuple[Timing, RunResult | None]] = []
        self.left = MOST_RUNS
        self.seeds = MORE_SEEDS if verdict.status == UNDECIDED else SEEDS

    def find(self, finding: Finding) -> Replay | None:
        """The first timing under which a run shows `finding`; None if no timing that was tried does."""
        for hazard in self.before:
            if same_fault(finding, hazard):
                return Replay(Timing(), hazard, run_under(self.program, None))
        for timing, result in self._runs(finding):
            if result is not None and shows(finding, result):
                return Replay(timing, _named(finding, result), result)
        return None

    def any_of(self, findings: Sequence[Finding]) -> tuple[int, Replay] | None:
        """Whichever of `findings` a run of the common timings shows, by its place.

        Of two tasks that race with a third the run names the one it sees first: the rule and that third task count.
        """
        for exact in (True, False):
            for timing, result in self._shared():
                for n, finding in enumerate(findings) if result is not None else ():
                    assert result is not None
                    if shows(finding, result, exact=exact):
                        return n, Replay(timing, _named(finding, result), result)
        return None

    def _runs(self, finding: Finding) -> Iterator[tuple[Timing, RunResult | None]]:
        shared = self._shared()
        yield next(shared)
        for delays in counterexamples(self.program, finding, self.verdict.graph):
            yield from self._past_others(finding, Timing(**asdict(delays)))
        yield from shared

    def _past_others(self, finding: Finding, timing: Timing) -> Iterator[tuple[Timing, RunResult | None]]:
        """Runs under `timing`; where there are few findings and others are met first, those are held back, too."""
        few = len(self.verdict.findings) <= FEW
        for n in range(FEW if few else 1):
            if self.left <= 0:
                return
            timing, result = self._run(timing)
            yield timing, result
            other = self._met(result)
            if not few or other is None or other is finding or self.verdict.graph is None:
                return
            held = held_back(other, self.verdict.graph, n + 1)
            timing = Timing(**{key: {**getattr(timing, key), **ticks} for key, ticks in asdict(held).items()})

    def _met(self, result: RunResult | None) -> Finding | None:
        """The finding about two events that stopped a run; None if nothing did, or something else."""
        hazard = result.hazard if result is not None else None
        if hazard is None:
            return None
        return next((f for f in self.verdict.findings if f.nodes[0] >= 0 and same_fault(f, hazard)), None)

    def _shared(self) -> Iterator[tuple[Timing, RunResult | None]]:
        for n in range(self.seeds + 2):
            if n == len(self.common):
                if n and self.left <= 0:
                    return
                self.common.append(self._run(self._timing(n)))
            yield self.common[n]

    def _timing(self, n: int) -> Timing:
        if n < 2:
            return Timing(duration=dict.fromkeys(range(len(self.program)), 1)) if n else Timing()
        return Timing.adversarial(self.program, n - 2)

    def _run(self, timing: Timing) -> tuple[Timing, RunResult | None]:
        self.left -= len(self.program)
        return timing, run_under(self.program, timing)


def shows(finding: Finding, result: RunResult, *, exact: bool = True) -> bool:
    """Whether the run went wrong in the way of `finding`. Not `exact`: with whom a task races does not matter."""
    hazard = result.hazard
    if hazard is None or result.outcome not in (HAZARD, DEADLOCK):
        return False
    if result.outcome == DEADLOCK:
        return _stuck(finding, hazard, result)
    races = not exact and finding.rule == hazard.rule == "H8" and finding.task == hazard.task
    return races or same_fault(finding, hazard)


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
