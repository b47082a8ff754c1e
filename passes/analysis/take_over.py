"""SYNC DMAs that take barriers over where more of them are in use at once, in program order, than there may be."""

from bisect import bisect_right

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.editing import Insertion, insert_tasks, sync_insertion
from wlm_dialect.program import Barriers, Program

_SPARE = 8  # a relay frees up to one in so many barriers beyond those it must, where they are needed much later


def joined_up(program: Program, limit: int, *, relays: bool = True) -> Program | None:
    """The program with at most `limit` barriers in use at once, or None where too few can be taken over.

    Where there is room a SYNC waits for barriers that have been updated by all and updates one in their place. Else,
    with `relays`, a queue that ends its tasks in order *relays*: a SYNC waits for what has updated some barriers so
    far, and later ones update new barriers in their place, each just before its next user. In between, the order of the
    queue stands for all of them.
    """
    return _Sweep(program, limit, relays).result()


class _Sweep:
    """One pass over the program in order, with the set of barriers in use; takes barriers over as it goes."""

    def __init__(self, program: Program, limit: int, relays: bool) -> None:
        self.program = program
        self.limit = limit
        self.producers, self.consumers = program.producers.lists(), program.consumers.lists()
        self.waits, self.updates = program.waits.lists(), program.updates.lists()
        self.produced = [row[-1] if row else -1 for row in self.producers]
        self.last = [
            c[-1] if c else p for c, p in zip(self.consumers, self.produced, strict=True)
        ]  # last use of each barrier
        self.opened: list[list[int]] = [[] for _ in range(len(program))]
        for v, row in enumerate(self.producers):
            if row:
                self.opened[row[0]].append(v)
        self.live: set[int] = set()
        self.joined: set[int] = set()  # barriers that stand for others, updated by a SYNC
        self.before = [0] * len(program)  # barriers in use just before each task
        self.room = 0  # the last task before which fewer than `limit` are
        self.tasks: list[Insertion] = []
        self.late: dict[int, Insertion] = {}  # per relayed barrier; come after those of `tasks` at the same place
        dmas = program.machine.engines_of("dma")
        self.engine = program.machine.engine_index[dmas[0].name]
        self.relay = self._idlest([e.name for e in dmas if relays and e.ends_in_order and not e.firmware])

    def result(self) -> Program | None:
        for t in range(len(self.program)):
            if len(self.live) + len(self.opened[t]) > self.limit:
                self._close(t)
            self._count(t, len(self.live))
            self.live.update(self.opened[t])
            while len(self.live) > self.limit:
                self._close(t)
                if len(self.live) > self.limit and not self._take_over(t) and not self._relay(t):
                    return None
        if not self.tasks:
            return self.program
        barriers = Barriers.virtual(len(self.last), self.program.barriers.tail)
        changed = self.program.with_(waits=Csr.of(self.waits), updates=Csr.of(self.updates), barriers=barriers)
        return insert_tasks(changed, [*self.tasks, *self.late.values()]).program

    def _idlest(self, names: list[str]) -> int:
        engines = [self.program.machine.engine_index[name] for name in names]
        return min(engines, key=lambda e: int(self.program.cycles[self.program.lists[e]].sum()), default=-1)

    def _close(self, task: int) -> None:
        self.live = {v for v in self.live if self.last[v] >= task}

    def _count(self, task: int, barriers: int) -> None:
        self.before[task] = barriers
        if barriers < self.limit:
            self.room = task

    def _take_over(self, task: int) -> bool:
        """Put a SYNC where a barrier is left for its update, and let it stand for those needed last."""
        place, live = self.room, self.live
        complete = [v for v in live if self.produced[v] < place and self.consumers[v] and self.consumers[v][-1] >= task]
        need = len(live) - self.limit + 1
        if len(complete) < max(2, need):
            return False
        complete.sort(key=lambda v: (-min(c for c in self.consumers[v] if c >= place), v))
        chosen = complete[: max(2, need)]
        moved = sorted({c for v in chosen for c in self.consumers[v] if c >= place})
        joined = self._declare([], moved, place - 1, moved[-1])
        self.joined.add(joined)
        for c in moved:
            self.waits[c] = sorted({joined if w in chosen else w for w in self.waits[c]})
        for v in chosen:
            self.consumers[v] = [c for c in self.consumers[v] if c < place]
            self.last[v] = place
        live.difference_update(chosen)
        live.add(joined)
        for t in range(place + 1, task + 1):
            self._count(t, self.before[t] - len(chosen) + 1)
        waits = tuple(sorted(chosen))
        self.tasks.append(sync_insertion(self.program.machine, place, self.engine, waits, (joined,)))
        return True

    def _relay(self, task: int) -> bool:
        """Free the barriers that are used again latest: a queue waits for them, and stands for them until then.

        It waits before `task`, and for what `task` itself updates, all in one barrier, right behind it.
        """
        if self.relay < 0:
            return False
        need = len(self.live) - self.limit
        quiet, updated = self._by_next_use(task)
        if len(quiet) < need:
            chosen = [*quiet, *updated[: need - len(quiet) + 1]]  # one more for what `task` updates instead
            if len(chosen) <= need:
                return False
        else:
            spare = sum(use > task + self.limit for use, _ in quiet)
            chosen = quiet[: max(need, min(spare, self.limit // _SPARE))]
        began = [v for _, v in chosen if self._began_before(v, task)]
        self._wait_for(began, task)
        for use, v in chosen:
            self._reopen(v, task, use)
            self.live.discard(v)
        if chosen[-1] in updated:
            self._update_one({v for _, v in chosen}, task)
        self._count(task, self.before[task] - len(began))
        return True

    def _by_next_use(self, task: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(next use, barrier) of those in use that `task` has nothing to do with, and of those it updates: far first.

        Only those that somebody waits for later.
        """
        quiet: list[tuple[int, int]] = []
        updated: list[tuple[int, int]] = []
        for v in self.live - {self.program.barriers.tail, *self.waits[task]}:
            if self.consumers[v] and self.consumers[v][-1] > task:
                rows = (self.producers[v], self.consumers[v])
                use = min(row[i] for row in rows if (i := bisect_right(row, task)) < len(row))
                (updated if v in self.updates[task] else quiet).append((use, v))
        for found in (quiet, updated):
            found.sort(key=lambda pair: (-pair[0], pair[1]))
        return quiet, updated

    def _began_before(self, barrier: int, task: int) -> bool:
        """Whether something updates the barrier before `task`, and not just in front of it to relay another one."""
        relayed = self.late.get(barrier)
        return relayed.before < task if relayed else barrier in self.joined or self.producers[barrier][0] < task

    def _reopen(self, barrier: int, task: int, use: int) -> None:
        """A barrier, updated by a SYNC, for those who use this one behind `task`, the first of them being `use`."""
        late = self.producers[barrier][bisect_right(self.producers[barrier], task) :]
        moved = self.consumers[barrier][bisect_right(self.consumers[barrier], task) :]
        again = barrier
        if self._began_before(barrier, task):
            again = self._declare([], [], task, task)
            for users, rows in ((late, self.updates), (moved, self.waits)):
                for t in users:
                    rows[t] = sorted(again if v == barrier else v for v in rows[t])
            self.producers[barrier] = [t for t in self.producers[barrier] if t < task]
            self.consumers[barrier] = [t for t in self.consumers[barrier] if t < task]
            self.last[barrier] = task
        self.producers[again], self.consumers[again] = late, moved
        self.produced[again], self.last[again] = max([use, *late]), moved[-1]
        self.opened[use].append(again)
        self.late[again] = sync_insertion(self.program.machine, use, self.relay, (), (again,))

    def _update_one(self, barriers: set[int], task: int) -> None:
        """Let `task` update one barrier in place of these, which the relaying queue waits for right behind it."""
        one = self._declare([task], [], task, task)
        self.updates[task] = [*(v for v in self.updates[task] if v not in barriers), one]
        self.live.add(one)
        self._wait_for([one], task + 1)

    def _wait_for(self, barriers: list[int], task: int) -> None:
        """SYNCs on the relaying queue, each with as many waits as it may have."""
        most = self.program.machine.engines[self.relay].max_waits or max(1, len(barriers))
        for i in range(0, len(barriers), most):
            waits = tuple(sorted(barriers[i : i + most]))
            self.tasks.append(sync_insertion(self.program.machine, task, self.relay, waits))

    def _declare(self, producers: list[int], consumers: list[int], produced: int, last: int) -> int:
        self.producers.append(producers)
        self.consumers.append(consumers)
        self.produced.append(produced)
        self.last.append(last)
        return len(self.last) - 1
