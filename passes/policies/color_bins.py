"""Policy `color-bins`: each type of engine its own physical barriers, after npu_compiler's colour binning of 2025.

Reuse along one engine is free of surprises: it looks at its barriers in order. So a barrier belongs to the engine type
that looks at barriers least often around it, and takes turns with others of that type.
"""

from collections import Counter
from dataclasses import dataclass

from wlm_dialect.passes.analysis.uses import last_use
from wlm_dialect.passes.policies.round_robin import round_robin
from wlm_dialect.program import Program

_MANY = 20
"""Barriers from which the least share of a type is half as large again."""


def color_bins(program: Program, count: int) -> list[int] | None:
    """Physical barrier per virtual one; where the bins and their neighbours have none, all goes by round robin."""
    steps = steps_of(program)
    types = types_of(program, steps)
    pids = _Bins(program, bin_sizes(types, program.barriers.tail, count), types, steps).chosen()
    return round_robin(program, count) if pids is None else pids


def steps_of(program: Program) -> list[int]:
    """Per task its batch: the tasks that are ready once all of the batch before have run. No durations."""
    step = [0] * len(program)
    lifted = [0] * len(program.barriers)
    latest = [-1] * len(program.machine.engines)
    waits, updates, after = program.waits.lists(), program.updates.lists(), program.after.lists()
    for t, e in enumerate(program.engine.tolist()):
        ready = max([latest[e] + 1, *(lifted[v] for v in waits[t]), *(step[a] + 1 for a in after[t])])
        step[t] = latest[e] = ready
        for v in updates[t]:
            lifted[v] = max(lifted[v], ready + 1)
    return step


def types_of(program: Program, steps: list[int]) -> list[str]:
    """Per barrier the engine type that owns it: of the engines that use it the one with the longest hop.

    A hop is the number of steps from the task before those that use the barrier, or to the one behind; the first task
    of an engine has come the longest way. All DPUs are one type, all SHAVEs too, a DMA queue is one.
    """
    owner = [""] * len(program.barriers)
    longest = [-1] * len(program.barriers)
    waits, updates = program.waits.lists(), program.updates.lists()
    far = max(steps, default=0) + 2
    for tasks, model in zip(program.lists, program.machine.engines, strict=True):
        users = [t for t in tasks.tolist() if waits[t] or updates[t]]
        kind = model.name if model.kind == "dma" else model.kind
        for v, (first, last) in _spans(users, waits, updates).items():
            before = steps[users[first]] - steps[users[first - 1]] if first else far
            behind = steps[users[last + 1]] - steps[users[last]] if last + 1 < len(users) else 0
            hop = max(before, behind)
            if hop > longest[v]:
                owner[v], longest[v] = kind, hop
    return owner


def _spans(users: list[int], waits: list[list[int]], updates: list[list[int]]) -> dict[int, tuple[int, int]]:
    """Barrier -> the first and the last of the `users` that use it."""
    out: dict[int, tuple[int, int]] = {}
    for i, t in enumerate(users):
        for v in (*waits[t], *updates[t]):
            out[v] = (out[v][0] if v in out else i, i)
    return out


def bin_sizes(types: list[str], tail: int, count: int) -> dict[str, int]:
    """Physical barriers per type, `count` at most; the tail is in no bin.

    Half of all is shared evenly (half as much again for a type with many barriers), the rest by the number of barriers;
    what rounding leaves goes where most barriers share one.
    """
    wanted = Counter(kind for v, kind in enumerate(types) if v != tail and kind)
    order = sorted(wanted, key=lambda kind: (-wanted[kind], kind))
    sizes = dict.fromkeys(order, 0)
    left = count
    for kind in order:
        least = -(-count // (2 * len(order)))
        least += least // 2 if wanted[kind] > _MANY else 0
        sizes[kind] = min(wanted[kind], least, left)
        left -= sizes[kind]
    rest, total = left, sum(wanted.values())
    for kind in order:
        share = (2 * rest * wanted[kind] + total) // (2 * total)  # to the nearest
        more = min(share, wanted[kind] - sizes[kind], left)
        sizes[kind] += more
        left -= more
    if order:
        sizes[max(order, key=lambda kind: wanted[kind] / max(1, sizes[kind]))] += left
    return sizes


@dataclass
class _Bins:
    """Greedy choice in order of first use."""

    program: Program
    sizes: dict[str, int]
    types: list[str]
    steps: list[int]

    def chosen(self) -> list[int] | None:
        """Physical barrier per virtual one, or None."""
        self.bins: dict[str, list[int]] = {}
        for kind, size in self.sizes.items():
            first = sum(len(b) for b in self.bins.values())
            self.bins[kind] = list(range(first, first + size))
        total = sum(self.sizes.values())
        self.released, self.quiet, self.current = [-1] * total, [-1] * total, [-1] * total
        self.used = [0] * total
        producers, consumers = self.program.producers.lists(), self.program.consumers.lists()
        last = last_use(self.program)
        self.waits = self.program.waits.lists()
        pids: list[int] = []
        for v, row in enumerate(producers):
            pid = self._pick(v, row, self._relatives(v, pids, producers))
            if pid < 0:
                return None
            pids.append(pid)
            self.released[pid], self.current[pid] = last[v], v
            self.quiet[pid] = max((self.steps[t] for t in consumers[v] or row), default=-1)
            self.used[pid] += 1
        return pids

    def _relatives(self, barrier: int, pids: list[int], producers: list[list[int]]) -> set[int]:
        """Physical barriers of its parents and grandparents: what its producers waited on, and theirs."""
        waits = self.waits
        parents = {u for t in producers[barrier] for u in waits[t]}
        grand = {w for u in parents for t in producers[u] for w in waits[t]}
        return {pids[u] for u in parents | grand if u < len(pids)}

    def _pick(self, barrier: int, made: list[int], taken: set[int]) -> int:
        """The least used of the own bin that is free, else of the other bins, least used bin first; -1 if none is."""
        first = made[0] if made else len(self.program)
        step = min((self.steps[t] for t in made), default=0)

        def free(row: list[int]) -> list[int]:
            return [p for p in row if self.released[p] < first and self.quiet[p] <= step and p not in taken]

        own = self.bins.get(self.types[barrier], [])
        found = free(own)
        if not found:
            others = sorted((b for b in self.bins.values() if b is not own), key=lambda b: sum(self.used[p] for p in b))
            found = next((row for row in map(free, others) if row), [])
        return min(found, key=lambda p: (self.used[p], self.current[p])) if found else -1
