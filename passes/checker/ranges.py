"""Who pushes, fetches and programs what: ranges of lists and instances, resolved to tasks and counted."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.kernels.csr import I32
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import IRQ_OVER


def expand(low: I32, high: I32) -> tuple[I32, I32]:
    """All integers of the half-open ranges, with the row each comes from."""
    count = np.maximum(high - low, 0).astype(np.int64)
    row = np.repeat(np.arange(len(low), dtype=np.int32), count)
    first = np.cumsum(count) - count
    value = np.arange(int(count.sum()), dtype=np.int64) - np.repeat(first - low, count)
    return row, value.astype(np.int32)


def _owner(size: int, key: I32, owner: I32) -> I32:
    """First owner of each key, -1 without one."""
    out = np.full(size, -1, np.int32)
    out[key[::-1]] = owner[::-1]
    return out


@dataclass(frozen=True, eq=False)
class Ranges:
    """The management of a program, resolved. Task arrays have shape (tasks,), barrier arrays (barriers,); -1 = none."""

    program: Program

    def _tasks(self, engine: I32, low: I32, high: I32) -> tuple[I32, I32]:
        """(row, task) of list ranges, clipped to the lists."""
        p = self.program
        by_engine = np.argsort(p.engine, kind="stable").astype(np.int32)
        bounds = np.searchsorted(p.engine[by_engine], np.arange(len(p.machine.engines) + 1)).astype(np.int32)
        first, size = bounds[engine], bounds[engine + 1] - bounds[engine]
        row, value = expand(first + np.clip(low, 0, size), first + np.clip(high, 0, size))
        return row, by_engine[value]

    @cached_property
    def item_tasks(self) -> tuple[I32, I32]:
        """(work item, task it pushes) in order of declaration."""
        items = self.program.items
        return self._tasks(items.engine, items.low, items.high)

    @cached_property
    def enqueues(self) -> I32:
        """The ENQUEUE tasks."""
        return np.nonzero(self.program.kind == Kind.ENQUEUE)[0].astype(np.int32)

    @cached_property
    def enqueue_tasks(self) -> tuple[I32, I32]:
        """(ENQUEUE task, task it pushes)."""
        p, e = self.program, self.enqueues
        row, task = self._tasks(p.target[e], p.low[e], p.high[e])
        return e[row], task

    @cached_property
    def fetches(self) -> I32:
        """The FETCH tasks."""
        return np.nonzero(self.program.kind == Kind.FETCH)[0].astype(np.int32)

    @cached_property
    def fetch_tasks(self) -> tuple[I32, I32]:
        """(FETCH task, task whose descriptor it brings)."""
        p, f = self.program, self.fetches
        row, task = self._tasks(p.target[f], p.low[f], p.high[f])
        return f[row], task

    @cached_property
    def item_of(self) -> I32:
        """The work item that pushes a task."""
        item, task = self.item_tasks
        return _owner(len(self.program), task, item)

    @cached_property
    def enqueue_of(self) -> I32:
        """The ENQUEUE that pushes a task that no work item pushes."""
        enqueue, task = self.enqueue_tasks
        out = _owner(len(self.program), task, enqueue)
        out[self.item_of >= 0] = -1
        return out

    @cached_property
    def fetch_of(self) -> I32:
        """The FETCH that brings a task's descriptor."""
        fetch, task = self.fetch_tasks
        return _owner(len(self.program), task, fetch)

    @cached_property
    def boot_item(self) -> NDArray[np.bool_]:
        """Work items that are pushed at bootstrap."""
        items = self.program.items
        return np.asarray(np.diff(items.at.start) + np.diff(items.done.start) == 0, np.bool_)

    @cached_property
    def loaded(self) -> NDArray[np.bool_]:
        """Instances loaded at bootstrap."""
        out = np.zeros(len(self.program.barriers), bool)
        out[self.program.bootstrap] = True
        return out

    @cached_property
    def program_of(self) -> I32:
        """The PROGRAM task that pushes an instance that bootstrap does not load."""
        table = self.program.programs
        out = _owner(len(self.program.barriers), table.index, table.rows())
        out[self.loaded] = -1
        return out

    @cached_property
    def interrupting(self) -> I32:
        """Instances whose handler firmware runs, ascending; none in full mode."""
        if self.program.mode == "full":
            return np.zeros(0, np.int32)
        return np.nonzero(self.program.barriers.irq == IRQ_OVER)[0].astype(np.int32)

    @cached_property
    def armed_by_firmware(self) -> NDArray[np.bool_]:
        """Instances that the handler of an earlier one pushes."""
        out = np.zeros(len(self.program.barriers), bool)
        late = np.nonzero(self.program.programmer >= 0)[0]
        out[late] = np.isin(self.program.programmer[late], self.interrupting)
        return out

    @cached_property
    def first_of_entry(self) -> NDArray[np.bool_]:
        """Whether a task begins a FIFO entry; the others are linked behind their predecessor."""
        p = self.program
        first = np.ones(len(p), bool)
        before = p.predecessor
        has = np.nonzero(before >= 0)[0]
        enqueue, item = self.enqueue_of, self.item_of
        if p.machine.management.linked_enqueue:
            first[has] &= (enqueue[has] < 0) | (enqueue[has] != enqueue[before[has]])
        linked = (item[has] >= 0) & (item[has] == item[before[has]]) & self.whole_lists[p.engine[has]]
        first[has] &= ~linked
        return first

    @cached_property
    def whole_lists(self) -> NDArray[np.bool_]:
        """Engines whose bootstrap items are linked lists: the DMA channels of full mode. Shape (engines,)."""
        kinds = [e.kind == "dma" and self.program.mode == "full" for e in self.program.machine.engines]
        return np.array(kinds, bool)

    @cached_property
    def entry(self) -> I32:
        """Which entry of its engine's FIFO a task belongs to."""
        p = self.program
        out = np.zeros(len(p), np.int32)
        for tasks in p.lists:
            out[tasks] = np.cumsum(self.first_of_entry[tasks]) - 1
        return out

    @cached_property
    def entry_firsts(self) -> tuple[I32, ...]:
        """Per engine the first task of each FIFO entry."""
        return tuple(tasks[self.first_of_entry[tasks]] for tasks in self.program.lists)

    def depth_before(self, task: int | I32) -> I32:
        """First task of the entry that must have left the FIFO before the entry of `task` fits; -1 = it fits anyway."""
        p = self.program
        tasks = np.atleast_1d(np.asarray(task, np.int32))
        out = np.full(len(tasks), -1, np.int32)
        for e, model in enumerate(p.machine.engines):
            mine = np.nonzero(p.engine[tasks] == e)[0]
            at = self.entry[tasks[mine]] - model.fifo_depth
            fits = at >= 0
            out[mine[fits]] = self.entry_firsts[e][at[fits]]
        return out

    @cached_property
    def landing(self) -> tuple[I32, I32]:
        """(ENQUEUE, first task of an entry) where the push of the entry lands with the end of an ENQUEUE that may wait.

        So do the last entry of a range, and those behind which all fit anyway: heads come after pushes and ends.
        """
        opens = np.nonzero((self.enqueue_of >= 0) & self.first_of_entry)[0].astype(np.int32)
        opens = opens[np.lexsort((self.program.position[opens], self.enqueue_of[opens]))]
        owner, waits = self.enqueue_of[opens], self.depth_before(opens) >= 0
        last = np.append(owner[1:] != owner[:-1], True)[: len(owner)]
        total = np.concatenate([[0], np.cumsum(waits)])  # how many may wait, up to each
        range_end = np.nonzero(last)[0][np.cumsum(last) - last]
        fits = total[range_end + 1] == total[1:]
        return owner[fits], opens[fits]
