"""Pass `wlm-merge-barriers`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.program import Barriers, Program


@dataclass(frozen=True)
class MergeBarriersPass(ProgramPass):
    """Merge virtual barriers that have the same producers, or the same consumers: no task starts later.

    Precondition: phase virtual. Postcondition: the order of tasks is unchanged; barriers are fewer or equal. Slot
    limits may be exceeded: wlm-split-barriers comes after.
    """

    name = "wlm-merge-barriers"
    phases = ("virtual",)

    def transform(self, program: Program) -> Program:
        for users in ("producers", "consumers"):
            program = _merge(program, users)
        return program


def _merge(program: Program, users: str) -> Program:
    table: Csr = getattr(program, users)
    first: dict[tuple[int, ...], int] = {}
    target = []
    for v, row in enumerate(table.lists()):
        mergeable = row and v != program.barriers.tail
        target.append(first.setdefault(tuple(row), v) if mergeable else v)
    return renamed(program, target) if len(set(target)) < len(target) else program


def renamed(program: Program, target: list[int]) -> Program:
    """Barrier v becomes `target[v]`; barriers nobody uses disappear and the rest is numbered anew, in order."""

    def rows(table: Csr) -> list[list[int]]:
        return [sorted({target[v] for v in row}) for row in table.lists()]

    waits, updates = rows(program.waits), rows(program.updates)
    used = sorted({v for table in (waits, updates) for row in table for v in row})
    number = {v: i for i, v in enumerate(used)}
    tail = program.barriers.tail
    return program.with_(
        waits=Csr.of([[number[v] for v in row] for row in waits]),
        updates=Csr.of([[number[v] for v in row] for row in updates]),
        barriers=Barriers.virtual(len(used), number.get(target[tail], -1) if tail >= 0 else -1),
    )


def ordered_by_first_use(program: Program) -> Program:
    """Number the barriers by the first task that updates them: the order in which later passes meet them."""
    producers = program.producers.lists()
    key = [(row[0] if row else len(program), v) for v, row in enumerate(producers)]
    rank = np.zeros(len(key), np.int32)
    rank[[v for _, v in sorted(key)]] = np.arange(len(key), dtype=np.int32)
    tail = program.barriers.tail

    def rows(table: Csr) -> Csr:
        return Csr.of([sorted(rank[row].tolist()) for row in table.lists()])

    return program.with_(
        waits=rows(program.waits),
        updates=rows(program.updates),
        barriers=Barriers.virtual(len(key), int(rank[tail]) if tail >= 0 else -1),
    )
