"""Execute the tasks of a program: what each reads at its start and writes at its end, at the ticks of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.errors import SimulationError
from wlm_dialect.kernels.csr import I64
from wlm_dialect.program import Program
from wlm_dialect.program.payload import (
    STORE,
    Boundary,
    LayerWork,
    Operand,
    Payload,
    Place,
    TaskWork,
    read_payload,
)
from wlm_dialect.program.regions import Region, whole
from wlm_dialect.runtime.functional.kernels import compute
from wlm_dialect.runtime.functional.memory import Memory
from wlm_dialect.runtime.functional.order import as_channels_last, entering, in_order

Array = NDArray[Any]
Observer = Callable[[int, Array], None]
"""Called at the end of each task that makes a part of a value: the task, and what it made."""


@dataclass(frozen=True)
class _Target:
    buffer: int
    part: Region  # in the coordinates of the buffer
    box: tuple[slice, ...]  # of what the task made


@dataclass(frozen=True)
class _Task:
    """What a task does, with every question that does not depend on data answered."""

    layer: LayerWork
    work: TaskWork
    sources: tuple[tuple[int, Place | None, Operand | None, Region], ...]  # buffer, where in it, how seen, which part
    targets: tuple[_Target, ...]


class Functional:
    """A program ready to be computed any number of times, its constants in DDR.

    `constants` by the names of the payload; `dtype` of the cells. SimulationError if a constant is missing or has
    another shape; ProgramError if the program has no payload.
    """

    def __init__(self, program: Program, constants: Mapping[str, Array], dtype: str = "float32") -> None:
        self.program = program
        self.payload: Payload = read_payload(program)
        self.constants = constants
        self.memory = Memory(program, self.payload.buffers, dtype)
        self._home = {
            work.tensor: b for b, work in self.payload.buffers.items() if program.buffers.memory[b] < 0 and work.home
        }
        self._root = program.buffers.root.tolist()
        reads, writes = program.reads.lists(), program.writes.lists()
        self.tasks = {t: self._prepare(work, reads[t], writes[t]) for t, work in self.payload.tasks.items()}
        self._load_constants()

    def run(
        self, start: I64, end: I64, inputs: Mapping[str, Array], observe: Observer | None = None
    ) -> dict[str, Array]:
        """The outputs of the network, in the shapes of the network, when task t lasts from start[t] to end[t].

        Within a tick ends come first. What a task is about to write is unknown until its end.
        """
        if len(start) != len(self.program) or min(start.min(), end.min()) < 0:
            raise SimulationError(f"@{self.program.name}: a run that did not finish has no numbers")
        self.memory.poison()
        self._load_inputs(inputs)
        tasks = np.fromiter(self.tasks, np.int64, len(self.tasks))
        ticks = np.concatenate([end[tasks], start[tasks]])
        phase = np.repeat([0, 1], len(tasks))
        which = np.concatenate([tasks, tasks])
        made: dict[int, Array] = {}
        with np.errstate(all="ignore"):
            for k in np.lexsort((which, phase, ticks)).tolist():
                t = int(which[k])
                if phase[k]:
                    made[t] = self._start(self.tasks[t])
                else:
                    self._end(t, made.pop(t), observe)
        return {value.name: self._output(value) for value in self.payload.network.outputs}

    def _prepare(self, work: TaskWork, reads: list[int], writes: list[int]) -> _Task:
        layer = self.payload.layers[work.layer]
        sources: list[tuple[int, Place | None, Operand | None, Region]] = []
        if work.role == STORE:
            sources.append((self._root[reads[0]], None, None, work.part))
        elif work.role >= 0:
            operand = layer.operands[work.role]
            sources.append((self._root[reads[0]], operand.place, operand, work.part))
        else:
            for position, operand in zip(work.args, layer.operands, strict=True):
                buffer = self._root[reads[position]]
                place = operand.place if self.payload.buffers[buffer].home else None
                sources.append((buffer, place, operand, operand.rule.needs(work.part)))
        shift = layer.channel if work.role < 0 else 0
        targets = [self._target(b, work.part, shift) for b in dict.fromkeys(self._root[w] for w in writes)]
        return _Task(layer, work, tuple(sources), tuple(target for target in targets if target is not None))

    def _target(self, buffer: int, part: Region, shift: int) -> _Target | None:
        """Where in a buffer a task puts what it makes; None if the buffer holds nothing of it."""
        held = self.payload.buffers[buffer]
        moved = part._replace(c0=part.c0 + shift, c1=part.c1 + shift) if held.home else part
        common = moved.meet(held.layout.region)
        if common is None:
            return None
        box = (
            slice(common.n0 - moved.n0, common.n1 - moved.n0),
            slice(common.h0 - moved.h0, common.h1 - moved.h0),
            slice(None),
            slice(common.c0 - moved.c0, common.c1 - moved.c0),
        )
        return _Target(buffer, common, box)

    def _start(self, task: _Task) -> Array:
        """Read, compute; from here on the targets are unknown."""
        arrays = [self._read(*source) for source in task.sources]
        if task.work.role == -1:
            regions = [region for *_, region in task.sources]
            made = compute(task.layer, task.work.part, arrays, regions, self.constants)
        else:
            made = arrays[0]
        if any(np.may_share_memory(made, cells) for cells in self.memory.cells.values()):
            made = made.copy()
        for target in task.targets:
            self.memory.poison_part(target.buffer, target.part)
        return made

    def _end(self, t: int, made: Array, observe: Observer | None) -> None:
        task = self.tasks[t]
        for target in task.targets:
            self.memory.write(target.buffer, target.part, made[target.box])
        if observe is not None and task.work.role == -1:
            observe(t, made)

    def _read(self, buffer: int, place: Place | None, operand: Operand | None, region: Region) -> Array:
        """A part of an operand; in a home buffer of the tensor it is found by its place."""
        if place is None:
            return self.memory.read(buffer, region)
        if not place.reshaped:
            moved = region._replace(c0=region.c0 + place.channel, c1=region.c1 + place.channel)
            return self.memory.read(buffer, moved)
        assert operand is not None
        everything = self._value(buffer, place).reshape(-1)
        seen = as_channels_last(everything, operand.rule.view, operand.order)
        return seen[region.n0 : region.n1, region.h0 : region.h1, :, region.c0 : region.c1]

    def _value(self, buffer: int, place: Place) -> Array:
        """All elements of a value in the order of the network."""
        all_of = whole(place.shape)
        moved = all_of._replace(c0=place.channel, c1=place.channel + place.shape.c)
        return in_order(self.memory.read(buffer, moved), place.order)

    def _load_constants(self) -> None:
        for tensor, name in self.payload.network.constants.items():
            buffer = self._home.get(tensor)
            if buffer is None:
                continue  # no task reads it
            values = self.constants.get(name)
            if values is None:
                raise SimulationError(f"@{self.program.name}: constant '{name}' is not among those given")
            held = self.payload.buffers[buffer]
            r = held.layout.region
            wanted: tuple[int, ...] = (r.n1 - r.n0, r.h1 - r.h0, held.layout.w, r.c1 - r.c0)
            wanted += (held.values,) if held.values > 1 else ()
            if values.size != int(np.prod(wanted)):
                raise SimulationError(
                    f"@{self.program.name}: constant '{name}' has shape {values.shape}, but the program holds {wanted}"
                )
            self.memory.write(buffer, r, values.reshape(wanted))

    def _load_inputs(self, inputs: Mapping[str, Array]) -> None:
        for value in self.payload.network.inputs:
            given = inputs.get(value.name)
            if given is None or given.shape != value.dims:
                found = "is missing" if given is None else f"has shape {given.shape}"
                raise SimulationError(f"@{self.program.name}: input '{value.name}' {found}; it needs {value.dims}")
            buffer = self._home.get(value.place.tensor)
            if buffer is not None:
                self.memory.write(buffer, whole(value.view), entering(value, given, self.constants))

    def _output(self, value: Boundary) -> Array:
        return self._value(self._home[value.place.tensor], value.place).reshape(value.dims).copy()
