"""`Sheet`: tasks, queues, barriers and pages as plain lists, which the steps of the baseline edit in place."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wlm_dialect.errors import ScheduleError


@dataclass
class Sheet:
    """A task graph cut into pages. Tasks and barriers are indices; what is inserted gets the next ones.

    A *boundary task* of page p is a task of page p that updates a barrier of a later page.
    """

    size: int  # barriers per page
    queue: list[int]  # of each task
    lists: list[list[int]]  # tasks of each queue, in order
    waits: list[list[int]]
    updates: list[list[int]]
    barrier_page: list[int]
    dma: list[bool]  # whether a queue is a DMA queue; the first that has tasks is "P0 DDR"
    ordered: list[bool]  # whether the tasks of a queue end in order
    sync: frozenset[int] = frozenset()  # tasks at which the control graph is split
    tail: int = -1  # the barrier that ends the program; -1 = none
    quiet: frozenset[int] = frozenset()  # other barriers that keep their producers without consumers
    names: tuple[str, ...] = ()  # of the tasks; without, they are numbered
    channel: int = -1  # the DMA queue that carries management; -1 = the first that has tasks
    pushed: dict[int, int] = field(default_factory=dict)  # fetch -> the first task of its group, pushed behind it
    max_waits: tuple[int, ...] = ()  # per queue the barriers that a task may wait on, 0 = any; without, any
    producers: list[list[int]] = field(default_factory=list)
    consumers: list[list[int]] = field(default_factory=list)
    task_page: list[int] = field(default_factory=list)
    original: int = 0  # number of tasks before any was inserted
    place: list[float] = field(default_factory=list)  # sorts tasks by where they stand: originals are whole numbers
    on_page: list[list[int]] = field(default_factory=list)  # tasks of each page, sorted by place
    page_barriers: list[list[int]] = field(default_factory=list)  # barriers of each page, ascending

    def __post_init__(self) -> None:
        self.producers = [[] for _ in self.barrier_page]
        self.consumers = [[] for _ in self.barrier_page]
        for t, (waits, updates) in enumerate(zip(self.waits, self.updates, strict=True)):
            for v in waits:
                self.consumers[v].append(t)
            for v in updates:
                self.producers[v].append(t)
        self.original = len(self.queue)
        self.place = self.place or [float(t) for t in range(len(self.queue))]
        self.places = sorted(self.place)
        self.task_page = [0] * len(self.queue)
        self._page_tasks()
        self._repeat_waits()
        self.on_page = [[] for _ in range(self.pages)]
        for t in sorted(range(len(self.queue)), key=self.place.__getitem__):
            self.on_page[self.task_page[t]].append(t)
        self.page_barriers = [[] for _ in range(self.pages)]
        for v, p in enumerate(self.barrier_page):
            self.page_barriers[p].append(v)

    def _page_tasks(self) -> None:
        """A task is on the latest page of its wait barriers, and not on an earlier one than the task before it (R4)."""
        for listed in self.lists:
            page = 0
            for t in listed:
                page = max([page, *(self.barrier_page[v] for v in self.waits[t])])
                self.task_page[t] = page

    def _repeat_waits(self) -> None:
        """Where ends are not in order, a task without a wait on its page waits on what one before it waits on."""
        for q, listed in enumerate(self.lists):
            latest, page = -1, 0
            for t in [] if self.ordered[q] else listed:
                here = [v for v in self.waits[t] if self.barrier_page[v] == self.task_page[t]]
                if here:
                    latest, page = min(here), self.task_page[t]
                elif latest >= 0 and page == self.task_page[t]:
                    self.add_wait(t, latest)

    @property
    def pages(self) -> int:
        """Number of pages, at least one."""
        return max(self.barrier_page, default=0) + 1

    def name(self, task: int) -> str:
        """What messages call a task."""
        return f"'{self.names[task]}'" if task < len(self.names) else f"task {task}"

    @property
    def inserted(self) -> range:
        """The tasks that were inserted."""
        return range(self.original, len(self.queue))

    def add_update(self, task: int, barrier: int) -> None:
        """Make `task` a producer of `barrier`."""
        if barrier not in self.updates[task]:
            self.updates[task] = sorted([*self.updates[task], barrier])
            self.producers[barrier].append(task)

    def drop_update(self, task: int, barrier: int) -> None:
        """`task` is no producer of `barrier` any more."""
        self.updates[task].remove(barrier)
        self.producers[barrier].remove(task)

    def add_wait(self, task: int, barrier: int) -> None:
        """Make `task` a consumer of `barrier`."""
        if barrier not in self.waits[task]:
            self.waits[task] = sorted([*self.waits[task], barrier])
            self.consumers[barrier].append(task)

    def drop_wait(self, task: int, barrier: int) -> None:
        """`task` is no consumer of `barrier` any more."""
        self.waits[task].remove(barrier)
        self.consumers[barrier].remove(task)

    def insert_task(self, queue: int, page: int, waits: Iterable[int], updates: Iterable[int]) -> int:
        """A dummy DMA behind all tasks of its queue up to `page`, in the program just before the last task of the page.

        Nothing that it can wait for comes after it on its queue: tasks there are on later pages. ScheduleError if so
        many stand at one place that it cannot be told from its neighbours (over 40).
        """
        listed = self.lists[queue]
        at = bisect_right(listed, page, key=self.task_page.__getitem__)
        limits = [*self.on_page[page][-1:], *listed[at : at + 1]]
        return self.insert_at(queue, at, page, min((self.place[t] for t in limits), default=-1.0), waits, updates)

    def insert_at(
        self, queue: int, at: int, page: int, before: float, waits: Iterable[int], updates: Iterable[int]
    ) -> int:
        """A DMA at position `at` of its queue, in the program right before place `before` (negative: anywhere)."""
        listed = self.lists[queue]
        if before < 0:
            before = self.place[listed[at]] if at < len(listed) else self.places[-1] + 1
        place = self._room(self.place[listed[at - 1]] if at else -1.0, before)
        task = len(self.queue)
        self.place.append(place)
        insort(self.places, place)
        self.queue.append(queue)
        self.task_page.append(page)
        self.waits.append([])
        self.updates.append([])
        listed.insert(at, task)
        insort(self.on_page[page], task, key=self.place.__getitem__)
        for v in waits:
            self.add_wait(task, v)
        for v in updates:
            self.add_update(task, v)
        return task

    def _room(self, behind: float, before: float) -> float:
        """A place right before `before`, but behind `behind` in any case."""
        if behind >= before:
            at = bisect_right(self.places, behind)
            low, high = behind, self.places[at] if at < len(self.places) else behind + 1
        else:
            at = bisect_left(self.places, before)
            low, high = self.places[at - 1] if at else -1.0, before
        place = (low + high) / 2
        if not low < place < high:
            raise ScheduleError(f"policy 'pages': too many dummies at one place, behind {self.name(int(low))}")
        return place

    def may_wait(self, task: int) -> bool:
        """Whether the task may wait on one barrier more."""
        limit = self.max_waits[self.queue[task]] if self.max_waits else 0
        return not limit or len(self.waits[task]) < limit

    def insert_barrier(self, page: int) -> int:
        """A barrier without users at the end of a page."""
        self.barrier_page.append(page)
        self.producers.append([])
        self.consumers.append([])
        self.page_barriers[page].append(len(self.barrier_page) - 1)
        return len(self.barrier_page) - 1

    def chain(self, task: int) -> int:
        """What tells queues apart: tasks of a queue that are not ended in order are a queue each."""
        queue = self.queue[task]
        return queue if self.ordered[queue] else -1 - task

    @property
    def first_dma(self) -> int:
        """The DMA queue that carries management, "P0 DDR" upstream: the first that has tasks, or -1, if none is set."""
        if self.channel >= 0:
            return self.channel
        return next((q for q, listed in enumerate(self.lists) if self.dma[q] and listed), -1)

    def next_of(self, task: int) -> int:
        """The task behind it on its queue, or -1."""
        listed = self.lists[self.queue[task]]
        at = self.index_on_queue(task) + 1
        return listed[at] if at < len(listed) else -1

    def index_on_queue(self, task: int) -> int:
        """Where the task is in the list of its queue: the lists are sorted by place."""
        listed = self.lists[self.queue[task]]
        return bisect_left(listed, self.place[task], key=self.place.__getitem__)

    def anchor(self, task: int) -> int:
        """The earliest wait barrier, on the page of `task`, of the task or of the nearest before it on its queue."""
        listed, page = self.lists[self.queue[task]], self.task_page[task]
        for i in range(self.index_on_queue(task), -1, -1):
            t = listed[i]
            if self.task_page[t] != page:
                break
            here = [v for v in self.waits[t] if self.barrier_page[v] == page]
            if here:
                return min(here)
            if not self.ordered[self.queue[task]]:
                break
        return -1

    def needed_anchor(self, task: int) -> int:
        """`anchor`; ScheduleError if there is none, which only pages that are not legal yet can have."""
        found = self.anchor(task)
        if found < 0:
            raise ScheduleError(f"policy 'pages': {self.name(task)} has no barrier on its page to wait on")
        return found

    def reached(self, starts: Iterable[int], last_page: int, *, listed: bool = False) -> set[int]:
        """Tasks up to `last_page` that start after the end of one of `starts`, along queues and barriers.

        With `listed` also those that merely stand behind, on a queue without order or a fetch: they must not come
        before, either.
        """
        seen: set[int] = set()
        lifted: set[int] = set()
        work = list(starts)
        while work:
            t = work.pop()
            following = self.next_of(t) if listed or self.ordered[self.queue[t]] else -1
            found = [following] if following >= 0 else []
            if listed and t in self.pushed:
                found.append(self.pushed[t])
            for v in self.updates[t]:
                if v not in lifted:
                    lifted.add(v)
                    found += self.consumers[v]
            for c in found:
                if c not in seen and self.task_page[c] <= last_page:
                    seen.add(c)
                    work.append(c)
        return seen

    def followers(self, barriers: Iterable[int], last_page: int) -> set[int]:
        """Tasks up to `last_page` that cannot start, or stand behind one that cannot, before these barriers lift."""
        waiting = {t for v in barriers for t in self.consumers[v]}
        return waiting | self.reached(waiting, last_page, listed=True)


def split_barriers(count: int, size: int, synced: Sequence[bool]) -> list[int]:
    """Page of each barrier: a new page every `size` barriers, and at each that a sync task updates (`synced`).

    Raises ScheduleError if a page cannot hold two barriers.
    """
    if size < 2:
        raise ScheduleError(f"policy 'pages': a page of {size} barriers leaves no room between its first and its last")
    out: list[int] = []
    page, used = 0, 0
    for v in range(count):
        if used and (used == size or synced[v]):
            page, used = page + 1, 0
        out.append(page)
        used += 1
    return out


def illegal_tasks(sheet: Sheet) -> list[int]:
    """Tasks that wait on another page than their own, or update one that is not theirs or the next (R2, R3)."""
    page = sheet.barrier_page
    return [
        t
        for t, p in enumerate(sheet.task_page)
        if any(page[v] != p for v in sheet.waits[t]) or any(not p <= page[v] <= p + 1 for v in sheet.updates[t])
    ]


def boundary_tasks(sheet: Sheet, page: int) -> list[int]:
    """The boundary tasks of a page, in program order."""
    return [t for t in sheet.on_page[page] if any(sheet.barrier_page[v] > page for v in sheet.updates[t])]


def outermost(sheet: Sheet, tasks: Sequence[int], *, last: bool) -> list[int]:
    """Of these tasks, in program order, the first or the last of each queue, in program order."""
    chosen: dict[int, int] = {}
    for t in tasks:
        if last:
            chosen[sheet.chain(t)] = t
        else:
            chosen.setdefault(sheet.chain(t), t)
    return sorted(chosen.values(), key=lambda t: sheet.place[t])
