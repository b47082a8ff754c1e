"""Pass `wlm-place-programs`."""

from dataclasses import dataclass, replace

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import Csr, int32
from wlm_dialect.passes.analysis.estimate import Estimate, estimate, quiet_place
from wlm_dialect.passes.analysis.order import task_order
from wlm_dialect.passes.analysis.refills import first_places, last_places, refill_queues
from wlm_dialect.passes.analysis.reuse import over_codes
from wlm_dialect.passes.analysis.spacing import spaced
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.editing import Insertion, insert_tasks
from wlm_dialect.program import Kind, Program, WorkItems
from wlm_dialect.program.model import IRQ_LIFTED


@dataclass(frozen=True)
class PlaceProgramsPass(ProgramPass):
    """Full mode: fill the barrier FIFOs at bootstrap, insert the DMAs that refill them, and link the DMA lists.

    Instance k of a barrier may be pushed once instance k - B - 1 is over (H3), and must be there before its consumers
    are at head (H1) and its producers end (H2). On a given DMA queue that is a window of places, known from clocks; the
    refill waits for nothing. Windows that overlap share one DMA. All refills of one barrier sit on one queue, in order.

    Precondition: phase physical, assigned for mode full. Postcondition: phase managed, mode full; no interrupt is on
    but that of the tail barrier.
    """

    name = "wlm-place-programs"
    phases = ("physical",)

    def transform(self, program: Program) -> Program:
        barriers = program.barriers
        irq = np.zeros(len(barriers), np.int32)
        if barriers.tail >= 0:
            irq[barriers.tail] = IRQ_LIFTED
        program = program.with_(barriers=replace(barriers, irq=irq))
        loaded = np.nonzero(barriers.instance <= program.machine.barriers.fifo_depth)[0]
        order = np.lexsort((barriers.instance[loaded], barriers.pid[loaded]))
        program = program.with_(bootstrap=loaded[order].astype(np.int32))
        if len(loaded) < len(barriers):
            program = insert_tasks(program, _Refills(program).insertions()).program
        return program.with_(phase="managed", mode="full", items=_boot_items(program))


def _linked(program: Program, engine: int) -> int:
    """Length of the list up to the first task that an enqueue pushes."""
    pushed = program.low[(program.kind == Kind.ENQUEUE) & (program.target == engine)]
    return int(pushed.min(initial=len(program.lists[engine])))


def _boot_items(program: Program) -> WorkItems:
    dmas = [e for e, m in enumerate(program.machine.engines) if m.kind == "dma"]
    engines = [e for e in dmas if len(program.lists[e]) and _linked(program, e)]
    # in the order in which the IR lists them: by first task
    engines.sort(key=lambda e: int(program.lists[e][0]))
    n = len(engines)
    highs = [_linked(program, e) for e in engines]
    return WorkItems(int32(engines), np.zeros(n, np.int32), int32(highs), Csr.empty(n), Csr.empty(n))


def refillable(program: Program) -> bool:
    """Whether every instance that bootstrap does not load has a place for its refill (phase physical)."""
    loaded = program.barriers.instance <= program.machine.barriers.fifo_depth
    return bool(loaded.all()) or not isinstance(_Refills(program).places(), int)


@dataclass(frozen=True)
class Window:
    """Where the push of an instance may stand on one queue: before the tasks at positions [low, high]."""

    barrier: int
    low: int
    high: int


class _Refills:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.machine = program.machine
        self.times: Estimate = estimate(program)
        self.previous = program.barriers.previous.tolist()
        self.queues = refill_queues(program)
        order = task_order(program)
        self.first = first_places(program, order, self.queues, over_codes(program, order)).T.tolist()
        early = spaced(program, order)
        self.last = last_places(program, early, self.queues, early.heads).T.tolist()
        late = np.nonzero(program.barriers.instance > self.machine.barriers.fifo_depth)[0].tolist()
        self.refills: dict[int, list[int]] = {}  # physical barrier -> instances that bootstrap does not load, in order
        for v in late:
            self.refills.setdefault(int(program.barriers.pid[v]), []).append(v)

    def places(self) -> dict[int, list[Window]] | int:
        """Windows per queue; or the physical barrier that has no place."""
        chosen: dict[int, list[Window]] = {q: [] for q in self.queues}
        for pid, refills in sorted(self.refills.items()):
            found = self._choose_queue(refills)
            if found is None:
                return pid
            chosen[found[0]] += found[1]
        return chosen

    def insertions(self) -> list[Insertion]:
        chosen = self.places()
        if isinstance(chosen, int):
            raise ScheduleError(
                f"@{self.program.name}: no DMA queue has a place for the refills of physical barrier {chosen} [H3]; "
                "use a machine with deeper barrier FIFOs (barriers.fifo_depth) or a DMA queue that ends tasks in order"
            )
        out: list[Insertion] = []
        for queue, windows in chosen.items():
            out += self._batches(queue, windows)
        return out

    def _choose_queue(self, refills: list[int]) -> tuple[int, list[Window]] | None:
        """The queue with the widest narrowest window, if there is one on which all windows exist.

        What an enqueue pushes had better not grow, because its FIFO could turn out full: the part of a list that is
        linked from the start is tried first.
        """
        for linked in (True, False):
            best: tuple[int, int, list[Window]] | None = None
            for i, queue in enumerate(self.queues):
                length = _linked(self.program, queue) if linked else len(self.program.lists[queue])
                windows = [self._window(i, v, length) for v in refills]
                slack = min(w.high - w.low for w in windows)
                if slack >= 0 and (best is None or slack > best[0]):
                    best = (slack, queue, windows)
            if best is not None:
                return best[1], best[2]
        return None

    def _window(self, index: int, barrier: int, length: int) -> Window:
        former = barrier
        for _ in range(self.machine.barriers.fifo_depth + 1):
            former = self.previous[former]
        return Window(barrier, self.first[index][former], min(length - 1, self.last[index][barrier]))

    def _batches(self, queue: int, windows: list[Window]) -> list[Insertion]:
        """Cover all windows with few DMAs: the tightest deadline decides, everything that fits rides along."""
        entering = sorted(windows, key=lambda w: (w.low, w.barrier), reverse=True)
        waiting = {w.barrier for w in windows}
        active: list[Window] = []
        out: list[Insertion] = []
        placed: dict[int, int] = {}  # physical barrier -> place of its last push: they land in order (H3)
        pid = self.program.barriers.pid
        for due in sorted(windows, key=lambda w: (w.high, w.low, w.barrier)):
            while due.barrier in waiting:
                while entering and entering[-1].low <= due.high:
                    active.append(entering.pop())
                batch = self._riders(active, waiting)
                low, high = max(w.low for w in batch), min(w.high for w in batch)
                low = max(low, *(placed.get(int(pid[w.barrier]), 0) for w in batch))
                place = quiet_place(self.times, self.program.lists[queue], low, high, late=True)
                placed.update((int(pid[w.barrier]), place) for w in batch)
                out.append(self._insertion(queue, place, [w.barrier for w in batch]))
                active = [w for w in active if w.barrier in waiting]
        return out

    def _riders(self, active: list[Window], waiting: set[int]) -> list[Window]:
        """Windows for one DMA, per barrier in order and at most as deep as a transfer reaches; no longer `waiting`."""
        depth: dict[int, int] = {}
        batch: list[Window] = []
        for w in sorted(active, key=lambda w: w.barrier):
            pid = int(self.program.barriers.pid[w.barrier])
            in_order = self.previous[w.barrier] not in waiting
            if in_order and depth.get(pid, 0) < self.machine.management.program_depth:
                depth[pid] = depth.get(pid, 0) + 1
                waiting.discard(w.barrier)
                batch.append(w)
        return batch

    def _insertion(self, queue: int, place: int, instances: list[int]) -> Insertion:
        barriers = self.program.barriers
        rows = sorted(instances, key=lambda v: (int(barriers.pid[v]), v))
        pids = [int(barriers.pid[v]) for v in rows]
        deepest = max(pids.count(p) for p in set(pids))
        size = (max(pids) - min(pids) + 1) * deepest * self.machine.management.program_bytes
        engine = self.machine.engines[queue]
        return Insertion(
            int(self.program.lists[queue][place]),
            queue,
            f"program {len(rows)} barriers",
            Kind.PROGRAM,
            self.machine.transfer_ticks(engine, size),
            size,
            programs=tuple(rows),
        )
