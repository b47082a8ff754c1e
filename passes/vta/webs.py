"""Webs: the instructions that have to agree where in a scratchpad their data are.

A web joins who writes elements of a scratchpad and who reads what was written, until nobody reads it any more. All
instructions of a web can move to other elements together, and nothing else notices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wlm_dialect.kernels.csr import I32
from wlm_dialect.passes.vta.races import elements_of, index_of
from wlm_dialect.program.vta import Accesses, Memory


@dataclass(frozen=True, eq=False)
class Webs:
    """The webs of one scratchpad, in the order of their first instructions."""

    memory: Memory
    members: tuple[tuple[int, ...], ...]
    of: dict[int, int]  # instruction -> its web; those that do not use the scratchpad are missing
    previous: tuple[int, ...]  # per web the latest one before it that used some of its elements, or -1
    fixed: tuple[bool, ...]  # reads elements that nobody wrote: what is there comes from elsewhere
    extent: int  # elements [0, extent) are used


def find_webs(memory: Memory, accesses: Sequence[Accesses], depth: int) -> Webs:
    """The webs of `memory`; every instruction that uses it is in one."""
    parent: dict[int, int] = {}
    writer = np.full(depth, -1, np.int32)
    user = np.full(depth, -1, np.int32)
    unwritten: set[int] = set()
    follows: list[tuple[int, int]] = []  # (instruction, who used its elements before)
    extent = 0
    for i, access in enumerate(accesses):
        reads, writes = elements_of(access.reads, memory), elements_of(access.writes, memory)
        for elements in (reads, writes):
            if elements is not None:
                parent.setdefault(i, i)
                extent = max(extent, int(elements[-1]) + 1)
                follows += [(i, other) for other in _values(user, elements)]
        if reads is not None:
            for other in np.unique(writer[index_of(reads)]).tolist():
                if other >= 0:
                    _join(parent, i, other)
                else:
                    unwritten.add(i)
        if writes is not None:
            writer[index_of(writes)] = i
        for elements in (reads, writes):
            if elements is not None:
                user[index_of(elements)] = i
    return _numbered(memory, parent, follows, unwritten, extent)


def _values(table: I32, elements: I32) -> list[int]:
    found = np.unique(table[index_of(elements)])
    out: list[int] = found[found >= 0].tolist()
    return out


def _numbered(
    memory: Memory, parent: dict[int, int], follows: list[tuple[int, int]], unwritten: set[int], extent: int
) -> Webs:
    number: dict[int, int] = {}
    of: dict[int, int] = {}
    members: list[list[int]] = []
    for i in parent:
        root = _find(parent, i)
        if root not in number:
            number[root] = len(members)
            members.append([])
        of[i] = number[root]
        members[of[i]].append(i)
    previous = [-1] * len(members)
    for i, other in follows:
        if of[other] != of[i]:
            previous[of[i]] = max(previous[of[i]], of[other])
    fixed = [False] * len(members)
    for i in unwritten:
        fixed[of[i]] = True
    return Webs(memory, tuple(tuple(m) for m in members), of, tuple(previous), tuple(fixed), extent)


def _find(parent: dict[int, int], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


def _join(parent: dict[int, int], i: int, j: int) -> None:
    a, b = sorted((_find(parent, i), _find(parent, j)))
    parent[b] = a
