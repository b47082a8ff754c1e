"""`GraphBuilder`: task graphs in Python. Everything is checked when it is said, with a message that says where."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from wlm_dialect.dialects.task import ROLES
from wlm_dialect.errors import FrontendError, did_you_mean
from wlm_dialect.kernels.csr import int32, int64
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Buffers, Program
from wlm_dialect.program.conflicts import drop_implied, find_dependences, spans
from wlm_dialect.program.model import DDR, Draft

LIMIT = 1 << 48
"""The largest number of ticks or bytes a task may have: sums of a million of them still fit 64 bits."""


@dataclass(frozen=True)
class BufferRef:
    """A buffer of a builder, or a byte range of one."""

    builder: "GraphBuilder"
    index: int

    def view(self, offset: int, size: int) -> "BufferRef":
        """Bytes [offset, offset + size) of this buffer."""
        return self.builder.view(self, offset, size)


@dataclass(frozen=True)
class TaskRef:
    """A task of a builder."""

    builder: "GraphBuilder"
    index: int


class GraphBuilder:
    """Collects buffers and tasks; `build` makes the program.

    Tasks are added in an order of execution. A task follows the tasks of `after`, and every earlier task that touches
    bytes it touches if one of the two writes them: the same bytes of a buffer, or of a memory once buffers have
    addresses.
    """

    def __init__(self, machine: MachineModel, name: str = "graph") -> None:
        if not name or not name.replace("_", "a").isalnum() or name[0].isdigit():
            raise FrontendError(f"graph name '{name}': a name is letters, digits and '_', and starts with no digit")
        self.machine = machine
        self.draft = Draft(name, machine)
        self._buffers: list[tuple[str, int, int, int, int, int, str]] = []
        self._names: set[str] = set()

    def buffer(
        self,
        name: str,
        size: int,
        *,
        tile: int | None = None,
        role: str = "scratch",
        address: int | None = None,
    ) -> BufferRef:
        """A memory object of `size` bytes, in DDR or in the CMX of `tile`."""
        where = f"buffer '{name}'"
        self._integer(f"{where}: size", size, 1)
        memory = DDR if tile is None else tile
        limit = self.machine.memory.ddr_bytes
        if tile is not None:
            self._integer(f"{where}: tile", tile, 0)
            limit = self.machine.memory.cmx_bytes
            if tile >= self.machine.tiles:
                raise FrontendError(
                    f"{where}: tile {tile}, but machine '{self.machine.name}' has {self.machine.tiles} tiles"
                )
        if role not in ROLES:
            raise FrontendError(f"{where}: role '{role}'{did_you_mean(role, ROLES)}")
        if address is not None:
            self._integer(f"{where}: address", address, 0)
        end = size + (address or 0)
        if end > limit:
            called = "DDR" if tile is None else f"the CMX of tile {tile}"
            raise FrontendError(f"{where}: ends at byte {end}, but {called} has {limit} bytes")
        index = len(self._buffers)
        self._buffers.append((name, memory, index, 0, size, -1 if address is None else address, role))
        return BufferRef(self, index)

    def view(self, source: BufferRef, offset: int, size: int) -> BufferRef:
        """Bytes [offset, offset + size) of a buffer or view."""
        name, memory, root, low, room, address, role = self._buffers[self._own(source, f"view of {source}")]
        self._integer(f"view of '{name}': offset", offset, 0)
        self._integer(f"view of '{name}': size", size, 1)
        if offset + size > room:
            raise FrontendError(f"view [{offset}, {offset + size}) of '{name}', which has {room} bytes")
        self._buffers.append((name, memory, root, low + offset, size, address, role))
        return BufferRef(self, len(self._buffers) - 1)

    def task(
        self,
        engine: str,
        name: str,
        cycles: int,
        after: Iterable[TaskRef] = (),
        reads: Iterable[BufferRef] = (),
        writes: Iterable[BufferRef] = (),
        slots: int = 1,
        bytes: int = 0,
    ) -> TaskRef:
        """A unit of work of `cycles` ticks on `engine`; `bytes` is what a DMA moves."""
        where = f"task '{name}'"
        index = self.machine.engine_index.get(engine)
        if index is None:
            raise FrontendError(
                f"{where}: machine '{self.machine.name}' has no engine '{engine}'"
                f"{did_you_mean(engine, self.machine.engine_index)}"
            )
        if self.machine.engines[index].firmware:
            raise FrontendError(f"{where}: engine '{engine}' is reserved for firmware; use another DMA engine")
        if not name or name in self._names:
            raise FrontendError(f"{where}: {'there is a task of that name already' if name else 'a name is missing'}")
        self._integer(f"{where}: cycles", cycles, 1)
        self._integer(f"{where}: slots", slots, 1)
        self._integer(f"{where}: bytes", bytes, 0)
        self._check_slots(where, slots)
        self._names.add(name)
        return TaskRef(
            self,
            self.draft.add(
                index,
                name,
                cycles,
                slots=slots,
                bytes=bytes,
                after=[self._own(a, f"{where}: after") for a in after],
                reads=[self._own(b, f"{where}: reads") for b in reads],
                writes=[self._own(b, f"{where}: writes") for b in writes],
            ),
        )

    def build(self) -> Program:
        """The program in phase graph, with the dependences that follow from memory."""
        if not self._names:
            raise FrontendError(f"graph '{self.draft.name}' holds no task")
        buffers = make_buffers(self._buffers)
        draft = Draft(**vars(self.draft))
        found = find_dependences(draft.reads, draft.writes, spans(buffers))
        draft.after = list(drop_implied([[*a, *b] for a, b in zip(draft.after, found, strict=True)]))
        return draft.finish(buffers=buffers)

    def _check_slots(self, where: str, slots: int) -> None:
        b = self.machine.barriers
        limit = min(b.max_producers, b.max_consumers, b.max_sum - 1)
        if slots > limit:
            raise FrontendError(f"{where}: {slots} slots, but a barrier of '{self.machine.name}' counts up to {limit}")

    def _own(self, ref: Any, where: str) -> int:
        if not isinstance(ref, BufferRef | TaskRef) or ref.builder is not self:
            raise FrontendError(f"{where}: {ref!r} is nothing that this builder made")
        return ref.index

    @staticmethod
    def _integer(where: str, value: object, least: int) -> None:
        if type(value) is not int:
            raise FrontendError(f"{where}: expected an integer, got {value!r}")
        if value < least:
            raise FrontendError(f"{where} is {value} but must be at least {least}")
        if value > LIMIT:
            raise FrontendError(f"{where} is {value} but must be at most {LIMIT}")


def make_buffers(rows: Sequence[tuple[str, int, int, int, int, int, str]]) -> Buffers:
    """A table from rows of (name, memory, root, offset, size, address, role)."""
    if not rows:
        return Buffers.none()
    names, memory, root, offset, size, address, role = zip(*rows, strict=True)
    return Buffers(names, int32(memory), int32(root), int64(offset), int64(size), int64(address), role)
