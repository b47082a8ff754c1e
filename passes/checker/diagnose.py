"""From obligations that do not hold to findings: exact answers, certainty, words and stories."""

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.passes.checker.events import Event, EventGraph
from wlm_dialect.passes.checker.exact import Search, StaleWait, blocks, ended, servers_suffice, stale_wait
from wlm_dialect.passes.checker.findings import Finding, Names
from wlm_dialect.passes.checker.repairs import Repairs
from wlm_dialect.passes.checker.rules import Obligations

Indices = NDArray[np.intp]
MOST_REPAIRS = 60  # findings that get a suggestion: one costs more than all clocks of a small program


class Diagnosis:
    """Checks obligations and explains what fails. On events that a deadlock keeps from happening there are none."""

    def __init__(self, graph: EventGraph) -> None:
        self.graph = graph
        self.names = Names(graph)
        self.search = Search(graph)
        self.repairs = Repairs(graph)
        self._repairs_left = MOST_REPAIRS
        self._optimistic: EventGraph | None = None
        self._optimistic_search: Search | None = None

    def findings(self, table: Obligations) -> list[Finding]:
        """What is wrong with one rule, in program order."""
        if not len(table):
            return []
        # an event does not come before itself: what it causes comes after all that it does
        open_ = ~self.graph.precedes(table.first, table.then) | (table.first == table.then)
        failed = np.nonzero(open_ & ~self.graph.never(table.then))[0]
        failed = np.array([i for i in failed.tolist() if not _ended(self.graph, *_pair(table, i))], np.intp)
        if self.graph.inexact:
            failed = np.array([i for i in failed.tolist() if not self._found(table, i)], np.intp)
        out = self._stale_waits(table, failed) if table.rule == "H1" else self._plain(table, failed)
        if table.rule in ("H1", "H2") and self._delta:
            out += self._too_close(table, failed)
        return out

    @property
    def _delta(self) -> int:
        return self.graph.program.machine.barriers.rearm_delta

    @property
    def _preload(self) -> int:
        return self.graph.program.machine.firmware.preload

    def _found(self, table: Obligations, i: int) -> bool:
        first, then = _pair(table, i)
        return first != then and self.search.precedes(first, then) is True

    def _doubt(self, first: int, then: int) -> str:
        """The side condition without which a failed obligation would be certain; empty = it is certain."""
        graph = self.graph
        if graph.inexact and self.search.left <= 0:
            return "more is in flight than clocks record, and the search was cut short"
        by_id = graph.program.machine.firmware.service_order == "id" and len(graph.handler_source) > 1
        if not graph.relaxed or (not by_id and servers_suffice(graph, then)):
            return ""
        if self._optimistic is None:
            self._optimistic = EventGraph(graph.program, graph.ranges, optimistic=True)
            if not self._optimistic.clocks.cyclic:
                self._optimistic_search = Search(self._optimistic)
        if self._optimistic_search is not None:
            ordered = self._optimistic.clocks.before(first, then) or _ended(self._optimistic, first, then)
            if not ordered and self._optimistic_search.precedes(first, then) is False:
                return ""
        if by_id:
            return "firmware serves by id: who is served first depends on who is pending"
        return "servers of a pool: which one takes a task depends on timing"

    def _repair(self, rule: str, first: int, then: int, task: int, barrier: int) -> str:
        self._repairs_left -= 1
        return self.repairs.suggest(rule, first, then, task, barrier) if self._repairs_left >= 0 else ""

    def _plain(self, table: Obligations, failed: Indices) -> list[Finding]:
        """One finding per task, barrier and other task: the first cause stands for all."""
        seen: set[tuple[int, int, int]] = set()
        out: list[Finding] = []
        for i in failed.tolist():
            key = (int(table.task[i]), int(table.barrier[i]), int(table.other[i]))
            if key not in seen:
                seen.add(key)
                first, then = _pair(table, i)
                text, story = self._text(table.rule, first, then, *key)
                names = self.names.event(first), self.names.event(then)
                doubt, repair = self._doubt(first, then), self._repair(table.rule, first, then, *key[:2])
                out.append(Finding(table.rule, text, *key, *names, story, doubt, (first, then), repair=repair))
        return out

    def _stale_waits(self, table: Obligations, failed: Indices) -> list[Finding]:
        """H1; with several waits a task is in danger only if all can read zero, one of them too early."""
        causes: dict[tuple[int, int], int] = {}
        for i in failed.tolist():
            causes.setdefault((int(table.task[i]), int(table.barrier[i])), i)
        p, rearm = self.graph.program, self.graph.program.machine.barriers.rearm
        several = np.diff(p.waits.start) > 1
        safe: dict[int, tuple[bool, bool]] = {}  # as the machine is, and if re-arming were atomic
        out: list[Finding] = []
        for (task, barrier), i in causes.items():
            if several[task] and task not in safe:  # where clocks forget something, what they know still proves
                atomic = stale_wait(self.graph, task, atomic=True) is None
                exact = atomic if rearm == "atomic" else stale_wait(self.graph, task, atomic=False) is None
                safe[task] = (exact, atomic)
            if several[task] and safe[task][0] and rearm != "bounded":
                continue
            first, then = _pair(table, i)
            text, story = self._stale_text(first, task, barrier)
            names = self.names.event(first), self.names.event(then)
            doubt, repair = self._doubt(first, then), self._repair("H1", first, then, task, barrier)
            if several[task] and safe[task][1]:
                doubt = f"re-arming is {rearm}: a barrier may read zero after the last use of an instance"
            out.append(Finding("H1", text, task, barrier, -1, *names, story, doubt, (first, then), repair=repair))
        return out

    def _too_close(self, table: Obligations, failed: Indices) -> list[Finding]:
        """Bounded re-arming: some path must certainly take as long as the barrier may need.

        Longer to an end: within a tick ends come before barriers take their next instance, heads after.
        """
        broken, ticks = set(failed.tolist()), self._delta + (table.rule == "H2")
        out: list[Finding] = []
        for i in range(len(table)):
            first, then = _pair(table, i)
            # programmed by the handler of the instance before it is armed when that step ends: nothing was waiting
            at_once = self.graph.kind_of(first)[0] == Event.HANDLER and not self._preload
            if i in broken or at_once or self.search.apart(first, then, ticks):
                continue
            task, barrier = int(table.task[i]), int(table.barrier[i])
            text = (
                f"{self.names.event(then)} may come less than {ticks} ticks after {self.names.event(first)}: "
                f"{self.names.barrier(barrier)} may still be re-arming"
            )
            doubt = "bounded re-arming: each task counts for one tick"
            out.append(Finding(table.rule, text, task, barrier, -1, self.names.event(first), "", (), doubt))
        return out

    def _text(
        self, rule: str, first: int, then: int, task: int, barrier: int, other: int
    ) -> tuple[str, tuple[str, ...]]:
        n = self.names
        because = f"because nothing orders {n.event(first)}{self._role(first, barrier)} before it"
        match rule:
            case "H2":
                return self._stale_update_text(because, first, task, barrier)
            case "H3" if other >= 0 or task < 0:
                return f"{n.barrier(barrier)} may be pushed before the instance before it, {because}", ()
            case "H3":
                depth = self.graph.program.machine.barriers.fifo_depth
                return f"{n.task(task)} may push {n.barrier(barrier)} while its FIFO still holds {depth}, {because}", ()
            case "H4":
                return f"{n.task(task)} may be at head before its descriptor is fetched, {because}", ()
            case "H5":
                return f"{n.task(other)} may overwrite the descriptor of {n.task(task)}, which may not have ended", ()
            case "H6" if self.graph.kind_of(then)[0] == Event.TRANSFER or self.graph.kind_of(first)[1] == other < 0:
                return f"{n.task(other)} may push before its turn, {because}", ()
            case "H6":
                return self._room_text(because, first, task, other), ()
            case "H8":
                return f"{n.task(task)} may start before {n.task(other)} ends, although {self._shared(task, other)}", ()
            case _:
                return f"{n.barrier(barrier)} may lift before {n.task(task)} has ended", ()

    def _shared(self, task: int, other: int) -> str:
        return "it depends on it" if other in self.graph.program.after[task].tolist() else "they touch the same data"

    def _role(self, first: int, barrier: int) -> str:
        """Why `first` matters to an instance: it uses one of the instances before, or pushes it."""
        kind, task = self.graph.kind_of(first)
        p = self.graph.program
        if kind not in (Event.START, Event.END):
            return ""
        pushes = p.programs[task].tolist()
        users = p.waits[task].tolist() + (p.updates[task].tolist() if kind == Event.END else [])
        for depth in range(p.machine.barriers.fifo_depth + 2):
            if barrier < 0:
                return ""
            if depth == 0 and barrier in pushes:
                return f" (it programs {self.names.barrier(barrier)})"
            if depth > 0 and barrier in users:
                verb = "waits on" if barrier in p.waits[task].tolist() else "updates"
                return f" (it {verb} {self.names.barrier(barrier)})"
            barrier = int(p.barriers.previous[barrier])
        return ""

    def _room_text(self, because: str, first: int, task: int, other: int) -> str:
        n = self.names
        depth = self.graph.program.machine.engines[int(self.graph.program.engine[task])].fifo_depth
        if self.graph.kind_of(first)[0] == Event.HEAD:
            return f"{n.task(task)} is pushed at once with {n.task(other)}, but the work FIFO has depth {depth}"
        return (
            f"{n.task(task)} may be pushed while {n.task(other)} is still queued and the work FIFO (depth {depth}) "
            f"is full, {because}"
        )

    def _stale_text(self, first: int, task: int, barrier: int) -> tuple[str, tuple[str, ...]]:
        n = self.names
        text = (
            f"{n.task(task)} may be at head before {n.barrier(barrier)} is armed, "
            f"because nothing orders {n.event(first)}{self._role(first, barrier)} before it"
        )
        found = stale_wait(self.graph, task, atomic=True) or StaleWait(
            barrier, int(self.graph.program.barriers.previous[barrier])
        )
        pid = int(self.graph.program.barriers.pid[barrier])
        reads = f"still holds {n.barrier(found.found)}" if found.found >= 0 else "was never armed"
        return text, (
            f"delay {n.event(first)}",
            f"{n.task(task)} is at head; barrier {pid} {reads} and reads zero",
            f"{n.task(task)} starts before the producers of {n.barrier(barrier)} have ended",
        )

    def _stale_update_text(self, because: str, first: int, task: int, barrier: int) -> tuple[str, tuple[str, ...]]:
        n = self.names
        pid = int(self.graph.program.barriers.pid[barrier])
        text = f"{n.task(task)} may end before {n.barrier(barrier)} is armed, {because}"
        return text, (
            f"delay {n.event(first)}",
            f"{n.task(task)} ends and decrements barrier {pid}, which does not hold {n.barrier(barrier)} yet",
        )


def _pair(table: Obligations, i: int) -> tuple[int, int]:
    return int(table.first[i]), int(table.then[i])


def _ended(graph: EventGraph, first: int, then: int) -> bool:
    """Whether `first` is the end of an ENQUEUE all of whose causes come before `then`."""
    return first != then and blocks(graph, first) and ended(graph, graph.kind_of(first)[1], then)


def find_cycles(graph: EventGraph, limit: int = 20) -> list[list[int]]:
    """Deadlocks that do not follow from one another: nodes in causal order, the first again at the end.

    Each is a shortest cycle through one of its events, `limit` at most. What is stuck behind one is left out.
    """
    if not graph.clocks.cyclic:
        return []
    before, own = graph.predecessors, set(graph.impossible.tolist())
    stuck = set(graph.clocks.stuck.tolist())
    after: dict[int, list[int]] = {}
    for node in stuck:
        for x in before[node].tolist():
            if x in stuck and x != node:
                after.setdefault(x, []).append(node)
    missing = {n: sum(1 for x in before[n].tolist() if x in stuck and x != n) for n in stuck}
    _release(sorted(own), after, missing, stuck)
    cycles: list[list[int]] = []
    while stuck and len(cycles) < limit:
        # walking back from a stuck event to stuck events only must come round
        node, seen = min(stuck), set[int]()
        while node not in seen:
            seen.add(node)
            node = min(x for x in before[node].tolist() if x in stuck)
        cycle = _shortest(graph, node, stuck)
        cycles.append(cycle)
        _release(cycle[:-1], after, missing, stuck)
    return cycles


def _release(nodes: list[int], after: dict[int, list[int]], missing: dict[int, int], stuck: set[int]) -> None:
    """Take events out of `stuck`, and those that waited for nothing else."""
    queue = [n for n in nodes if n in stuck]
    stuck.difference_update(queue)
    for node in queue:
        for x in after.get(node, []):
            missing[x] -= 1
            if missing[x] == 0 and x in stuck:
                stuck.discard(x)
                queue.append(x)


def _shortest(graph: EventGraph, node: int, stuck: set[int]) -> list[int]:
    back: dict[int, int] = {}
    queue = [node]
    for at in queue:
        for x in graph.predecessors[at].tolist():
            if x == node:
                path = [node, at]
                while path[-1] != node:
                    path.append(back[path[-1]])
                return path
            if x in stuck and x not in back:
                back[x] = at
                queue.append(x)
    raise AssertionError("the event lies on a cycle")
