"""Which tasks of a program are ordered, by dependences, barriers and engines; what `wlm diff` compares."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from wlm_dialect.program import Program


def task_keys(program: Program) -> list[str]:
    """A name per task that another program can be searched for: `conv1 on dpu0`, with a number if it occurs again."""
    seen: Counter[str] = Counter()
    keys: list[str] = []
    for t, name in enumerate(program.names):
        key = f"{name} on {program.engine_name(t)}"
        seen[key] += 1
        keys.append(key if seen[key] == 1 else f"{key} (#{seen[key]})")
    return keys


def direct_orders(program: Program) -> Iterator[tuple[int, int]]:
    """Pairs (a, b) with end(a) before start(b): by `after`, by a barrier, or as neighbours on an engine in order."""
    producers, waits, after = program.producers.lists(), program.waits.lists(), program.after.lists()
    engines, predecessor = program.engine.tolist(), program.predecessor.tolist()
    for b in range(len(program)):
        sources = dict.fromkeys(after[b])
        for v in waits[b]:
            sources.update(dict.fromkeys(producers[v]))
        pred = predecessor[b]
        if pred >= 0 and program.machine.engines[engines[b]].ends_in_order:
            sources[pred] = None
        for a in sources:
            yield a, b


class Ordering:
    """Answers end(a) before start(b), for programs whose direct orders point forward in program order.

    Row b of a table (tasks, chains) holds the last position of each chain that precedes b. An engine that ends its
    tasks in order is one chain, every other task a chain of its own, found by search through direct orders instead.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._in_order = np.array([e.ends_in_order for e in program.machine.engines])
        self._before = np.full((len(program), len(program.machine.engines)), -1, np.int32)
        self._loose: list[frozenset[int]] = [frozenset()] * len(program)
        engines, position = program.engine.tolist(), program.position.tolist()
        for a, b in direct_orders(program):  # grouped by b, ascending: row a is complete
            np.maximum(self._before[b], self._before[a], out=self._before[b])
            self._loose[b] |= self._loose[a]
            if self._in_order[engines[a]]:
                self._before[b, engines[a]] = max(self._before[b, engines[a]], position[a])
            else:
                self._loose[b] |= {a}

    def ordered(self, a: int, b: int) -> bool:
        """end(a) precedes start(b) under every timing of what the program itself orders."""
        engine = int(self._program.engine[a])
        if self._in_order[engine]:
            return bool(self._before[b, engine] >= self._program.position[a])
        return a in self._loose[b]
