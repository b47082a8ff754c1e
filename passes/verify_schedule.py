"""Pass `wlm-verify-schedule`, and `check`, which it calls."""

from dataclasses import dataclass

from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.checker.conditions import side_conditions
from wlm_dialect.passes.checker.diagnose import Diagnosis, find_cycles
from wlm_dialect.passes.checker.events import Event, EventGraph
from wlm_dialect.passes.checker.findings import PROVED, REFUTED, UNDECIDED, Finding, Names, Verdict
from wlm_dialect.passes.checker.ranges import Ranges
from wlm_dialect.passes.checker.rules import Obligations, obligations
from wlm_dialect.passes.checker.servers import unserved
from wlm_dialect.passes.checker.structure import structure_findings
from wlm_dialect.program import Program

__all__ = ["PROVED", "REFUTED", "UNDECIDED", "Finding", "Verdict", "VerifySchedulePass", "check"]

_LISTED = 20
_STRUCTURAL = (
    ("H6", "each task is enqueued once, each instance programmed once, each descriptor fetched once"),
    ("H7", "no deadlock: the event graph has no cycle, every wait has a producer"),
    ("H9", "counts equal the slots of the users; counters, waits and slots are within their limits"),
    ("H11", "nothing is left over at the end: the program can run again"),
)


def check(program: Program) -> Verdict:
    """Prove that a managed program is free of hazards H1-H11 for every timing, or say what is wrong.

    Everything wrong is listed, by rule. Where the program deadlocks (H7), rules about order are checked for what still
    happens. Raises ScheduleError unless the program is managed.
    """
    if program.phase != "managed":
        raise ScheduleError(
            f"@{program.name} is in phase {program.phase}; only a managed program can be verified: "
            "run one of the pipelines firmware, partial, full first"
        )
    graph = EventGraph(program, Ranges(program))
    findings = structure_findings(graph)
    findings += [_deadlock(graph, nodes) for nodes in find_cycles(graph)]
    findings += [_unserved(graph, task) for task in (() if graph.clocks.cyclic else unserved(graph))]
    diagnosis = Diagnosis(graph)
    tables = obligations(graph)
    findings += [finding for table in tables for finding in diagnosis.findings(table)]
    findings.sort(key=lambda f: int(f.rule[1:]))
    return Verdict(
        program.name,
        _status(findings),
        tuple(findings),
        _properties(findings, tables),
        side_conditions(program),
        _counts(graph, tables),
        graph=graph if findings else None,
    )


def _deadlock(graph: EventGraph, nodes: list[int]) -> Finding:
    text = f"deadlock: each of these events waits for the one before: {Names(graph).path(nodes)}"
    tasks = [
        index for kind, index in map(graph.kind_of, nodes) if kind in (Event.ENQ, Event.HEAD, Event.START, Event.END)
    ]
    return Finding("H7", text, cycle=tuple(dict.fromkeys(tasks)))


def _unserved(graph: EventGraph, task: int) -> Finding:
    text = f"deadlock: {Names(graph).task(task)} never comes to head: tasks before it keep every server of its pool"
    return Finding("H7", text, task, cycle=(task,))


def _status(findings: list[Finding]) -> str:
    if not findings:
        return PROVED
    return UNDECIDED if all(f.undecided for f in findings) else REFUTED


def _properties(findings: list[Finding], tables: list[Obligations]) -> tuple[str, ...]:
    """What holds: a rule counts as proved only if nothing was found against it, and none without order (H7)."""
    broken = {f.rule for f in findings}
    if "H7" in broken:
        return ()
    lines = [(t.rule, f"{t.what} ({len(t)} orders)") for t in tables if len(t)]
    lines += _STRUCTURAL
    kept = [(int(rule[1:]), f"{rule}: {text}") for rule, text in lines if rule not in broken]
    return tuple(text for _, text in sorted(kept, key=lambda row: row[0]))


def _counts(graph: EventGraph, tables: list[Obligations]) -> dict[str, int]:
    clocks = graph.clocks
    return {
        "tasks": len(graph.program),
        "instances": len(graph.program.barriers),
        "events": len(clocks.network),
        "edges": len(clocks.network.predecessors.index),
        "chains": clocks.lines.shape[1] + clocks.base.shape[1],
        "orders": sum(len(t) for t in tables),
    }


@dataclass(frozen=True)
class VerifySchedulePass(ProgramPass):
    """Prove each managed task graph safe for every timing (H1-H11); the IR does not change.

    Raises ScheduleError that lists what is wrong (at most 20 findings), with exit code 2 if the program is refuted and
    3 if it is undecided.

    Precondition: phase managed. Postcondition: none of the hazards is possible.
    """

    name = "wlm-verify-schedule"
    phases = ("managed",)

    def transform(self, program: Program) -> Program:
        require_safe(check(program))
        return program


def require_safe(verdict: Verdict) -> None:
    """ScheduleError unless the verdict is "proved"."""
    if verdict.status == PROVED:
        return
    shown = [f"{f}" for f in verdict.findings[:_LISTED]]
    hidden = len(verdict.findings) - len(shown)
    if hidden:
        shown.append(f"and {hidden} more findings")
    error = ScheduleError("\n".join([f"@{verdict.program} is {verdict.status}: {shown[0]}", *shown[1:]]))
    error.exit_code = 2 if verdict.status == REFUTED else 3
    raise error
