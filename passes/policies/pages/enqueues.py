"""Enqueue DMAs of the baseline, after npu_compiler's rule: pages 0 and 1 at once, later ones a page ahead.

A task is pushed together with the one before it if that one protects it: no older instance of what it waits on can be
seen any more when its predecessor has ended. Else it gets a new enqueue DMA: in front of the last DMA that the
management queue has on the page before its own, with the waits of that DMA. Whether a predecessor or a place protects a
task is asked of clocks, where upstream trusts the page.
"""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.analysis.known_orders import past_codes
from wlm_dialect.passes.analysis.order import Order, fetchers, task_order
from wlm_dialect.program import Kind, Program

Need = tuple[int, int]
"""A lane and a code on it that must be known, as in `HappensBefore`."""


@dataclass
class Enqueue:
    """Tasks [low, high) of an engine, pushed in front of position `place // 2` of the management queue.

    An odd place says: with the waits of the DMA there.
    """

    engine: int
    low: int
    high: int
    place: int
    first: int  # the first task that it pushes


class Planner:
    """Where enqueues go in a program (phase physical) whose management queue is `queue`."""

    def __init__(self, program: Program, task_page: list[int], queue: int) -> None:
        self.program = program
        self.page = task_page
        self.queue = queue
        self.listed: list[int] = program.lists[queue].tolist()
        self.order: Order = task_order(program)
        self.past = past_codes(program, self.order)
        self.ends = np.ascontiguousarray(self.order.ends[program.lists[queue]].T)
        self.previous = program.barriers.previous.tolist()
        self.producers, self.consumers = program.producers.lists(), program.consumers.lists()
        self.waits = program.waits.lists()
        self.fetch: list[int] = fetchers(program).tolist()
        self.programmed = {v: t for t, row in enumerate(program.programs.lists()) for v in row}
        self.page_place = self._page_places()

    def enqueues(self) -> list[Enqueue]:
        """All of them, in the order of the management queue."""
        out: list[Enqueue] = []
        for e, model in enumerate(self.program.machine.engines):
            if model.descriptor_slots:
                out += self._engine(e, self.program.lists[e].tolist())
        return sorted(out, key=lambda q: (q.place, q.first))

    def _page_places(self) -> list[int]:
        """Per page the place of new enqueues: behind the burst of fetches, or in front of the last DMA of the page
        before, but not in front of a DMA that programs the page."""
        listed, kind = self.listed, self.program.kind
        burst = next((i for i, t in enumerate(listed) if kind[t] != Kind.FETCH or len(self.waits[t])), len(listed))
        pages = 1 + max(self.page, default=0)
        last: list[int] = [-1] * pages
        programs: list[int] = [-1] * pages
        for i, t in enumerate(listed):
            last[self.page[t]] = i
            if kind[t] == Kind.PROGRAM:
                programs[self.page[t]] = i
        out = [2 * burst] * pages
        for p in range(2, pages):
            place = 2 * last[p - 1] + 1 if last[p - 1] > programs[p - 1] else 2 * programs[p - 1] + 2
            out[p] = max(out[p - 1], place)
        return out

    def _engine(self, engine: int, tasks: list[int]) -> list[Enqueue]:
        depth = self.program.machine.engines[engine].fifo_depth
        out: list[Enqueue] = []
        for i, t in enumerate(tasks):
            needs = self._needs(t)
            together = bool(out) and self._at_head(t, needs)
            floor = max(out[-1].place if out else 0, self._room(tasks, i, depth))
            place = floor if together else max(floor, self._place(t, needs))
            if out and place == out[-1].place and self._fits(out[-1], tasks, i, depth):
                out[-1].high = i + 1
                continue
            if together:
                place = self._spacious(tasks, i, depth, place)
            out.append(Enqueue(engine, i, i + 1, min(place, 2 * len(self.listed)), t))
        return out

    def _fits(self, running: Enqueue, tasks: list[int], index: int, depth: int) -> bool:
        """Whether one enqueue may reach from the start of the running one to `index`."""
        linked = self.program.machine.management.linked_enqueue
        one_chain = not linked or self.fetch[tasks[index]] == self.fetch[tasks[running.low]]
        return one_chain and index - running.low < depth

    def _room(self, tasks: list[int], index: int, depth: int) -> int:
        """The first place behind the task that has to leave the FIFO before this one is pushed."""
        if index < depth:
            return 0
        task = tasks[index - depth]
        if self.program.machine.full_fifo == "drop":
            return self._first_place((int(self.order.lane[task]), int(self.order.at[task])))
        return 2 * int(np.searchsorted(self.program.lists[self.queue], task))

    def _spacious(self, tasks: list[int], index: int, depth: int, place: int) -> int:
        """A place, not too late for the task, at which half of the FIFO is free, so that more can be pushed at once."""
        if index < depth:
            return place
        last = 2 * int(np.searchsorted(self.program.lists[self.queue], tasks[index]))
        return max(place, min(last, self._room(tasks, index + depth // 2, depth)))

    def _needs(self, task: int) -> list[Need]:
        """What must be over when the task is at head: its fetch, the former instances of what it waits on, the DMAs
        that program it."""
        order = self.order
        if self.fetch[task] < 0:
            raise ScheduleError(
                f"task '{self.program.names[task]}' is never fetched; run wlm-insert-page-fetches first [H4]"
            )
        made = [self.fetch[task], *(self.programmed[v] for v in self.waits[task] if v in self.programmed)]
        out = [(int(order.lane[t]), int(order.at[t])) for t in made]
        for v in self.waits[task]:
            former = self.previous[v]
            if former >= 0:
                lonely = int(not self.consumers[former])
                users = self.consumers[former] or self.producers[former]
                out += [(int(order.lane[t]), int(self.past[t, lonely])) for t in users]
        return out

    def _at_head(self, task: int, needs: list[Need]) -> bool:
        """Whether the predecessor of the task protects it."""
        row = self.order.heads[task]
        return all(row[lane] >= code for lane, code in needs)

    def _place(self, task: int, needs: list[Need]) -> int:
        """The place after the rule; where that does not protect the task, the first one behind it that does."""
        place = self.page_place[self.page[task]]
        late = [need for need in needs if not self._known(place, need)]
        return max([place, *(self._first_place(need) for need in late)])

    def _known(self, place: int, need: Need) -> bool:
        """Whether an enqueue at a place knows it, from the DMA before it and, at odd places, what it waits for."""
        lane, code = need
        at, waits = divmod(place, 2)
        if waits and lane != self.order.lane[self.listed[at]]:
            return bool(self.ends[lane, at] >= code)
        return bool(at and self.ends[lane, at - 1] >= code)

    def _first_place(self, need: Need) -> int:
        return 2 * int(np.searchsorted(self.ends[need[0]], need[1])) + 2
