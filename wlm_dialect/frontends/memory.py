"""CMX in step time: how early each load may be issued, and with it the order in which buffers get their memory.

Step k stands for "while step k computes". A load that is issued at an earlier step than the one that needs it overlaps
the compute tasks in between; it may be issued as early as memory allows, nearer loads before farther ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wlm_dialect.frontends.emit import Stream
from wlm_dialect.kernels.csr import I64
from wlm_dialect.machine import MachineModel
from wlm_dialect.program.model import DDR

AHEAD = 48  # steps a load may run ahead


@dataclass(frozen=True)
class Unit:
    """Buffers that get their memory together, and the tasks that may run from then on."""

    buffers: tuple[int, ...]
    tasks: tuple[int, ...]
    at: int  # step at which the memory is given
    step: int  # step that needs it; not before `at`


@dataclass
class _Lives:
    """Per buffer the steps [first, last] in which it is live; per load the buffers that it fills."""

    first: dict[int, int]
    last: dict[int, int]
    filled: dict[int, list[int]]  # task -> buffers


def plan_units(
    stream: Stream, machine: MachineModel, after: Sequence[Sequence[int]], fill: Sequence[int]
) -> list[Unit]:
    """All buffers and tasks in the order in which memory is given out.

    Memory given out in this order, to each step when the ones before it are over, never takes more of a CMX than
    `fill[step]` percent, or what the step needs without any look-ahead. `after` are the dependences through data alone.
    """
    lives = _lives(stream)
    issue = _issue(stream, machine, after, lives, fill)
    units: list[tuple[int, int, Unit]] = []
    own: list[list[int]] = [[] for _ in stream.fresh]
    loaded: set[int] = set()
    for i, task in enumerate(stream.tasks):
        if i in lives.filled:
            loaded.update(lives.filled[i])
            units.append((issue[i], task.step, Unit(tuple(lives.filled[i]), (i,), issue[i], task.step)))
        else:
            own[task.step].append(i)
    for s, fresh in enumerate(stream.fresh):
        units.append((s, -1, Unit(tuple(b for b in fresh if b not in loaded), tuple(own[s]), s, s)))
    units.sort(key=lambda u: u[:2])
    return [u for _, _, u in units]


def _lives(stream: Stream) -> _Lives:
    """Without any look-ahead: from the step where a buffer appears to the last step that touches it."""
    buffers = stream.buffers
    first = {b: s for s, fresh in enumerate(stream.fresh) for b in fresh}
    last = dict(first)
    filled: dict[int, list[int]] = {}
    for i, task in enumerate(stream.tasks):
        for view in (*task.reads, *task.writes):
            b = buffers.root[view]
            if b in last:
                last[b] = max(last[b], task.step)
        targets = [b for b in task.writes if buffers.memory[b] != DDR]
        if not task.cycles and targets:
            filled[i] = targets
    return _Lives(first, last, filled)


def _issue(
    stream: Stream, machine: MachineModel, after: Sequence[Sequence[int]], lives: _Lives, fill: Sequence[int]
) -> list[int]:
    """The step at which each task is issued; lengthens `lives` to match."""
    buffers, tasks = stream.buffers, stream.tasks
    steps = len(stream.fresh)
    used = {t: np.zeros(steps + 1, np.int64) for t in range(machine.tiles)}
    for b in lives.first:
        used[buffers.memory[b]][lives.first[b] : lives.last[b] + 1] += _room(buffers.size[b])
    limit = [machine.memory.cmx_bytes * percent // 100 for percent in fill]
    _keep_outputs(stream, lives, used, limit)
    issue = [t.step for t in tasks]
    for i, targets in lives.filled.items():
        step = tasks[i].step
        # Data made by a store of step k is there after step k.
        earliest = max([step - AHEAD, 0, *(tasks[p].step + 1 for p in after[i])])
        at = step
        need = [(used[buffers.memory[b]], _room(buffers.size[b])) for b in targets]
        while at > earliest and all(u[at - 1] + size <= limit[at - 1] for u, size in need):
            at -= 1
        for b, (u, size) in zip(targets, need, strict=True):
            u[at:step] += size
            lives.first[b] = at
        issue[i] = at
    return issue


def _keep_outputs(stream: Stream, lives: _Lives, used: dict[int, I64], limit: Sequence[int]) -> None:
    """What a step makes stays for one more step where there is room, so that its store overlaps the next one."""
    loaded = {b for targets in lives.filled.values() for b in targets}
    for b in lives.first:
        if b in loaded or b in stream.resident or lives.last[b] + 1 >= len(stream.fresh):
            continue
        u, size = used[stream.buffers.memory[b]], _room(stream.buffers.size[b])
        if u[lives.last[b] + 1] + size <= limit[lives.last[b] + 1]:
            lives.last[b] += 1
            u[lives.last[b]] += size


def _room(size: int) -> int:
    return -(-size // 64) * 64
