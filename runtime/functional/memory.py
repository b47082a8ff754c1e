"""DDR and the CMX of each tile as flat arrays, and parts of tensors in them.

A memory is an array of cells, one for each element of the machine: byte b of the machine is cell b / element_bytes.
With cells of as many bytes (float16 on a machine of 2) it is the memory byte for byte; wider cells (float32) hold the
same program at the same addresses with more digits.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.errors import SimulationError
from wlm_dialect.program import Program
from wlm_dialect.program.layout import Layout
from wlm_dialect.program.model import DDR
from wlm_dialect.program.payload import BufferWork
from wlm_dialect.program.regions import Region

Array = NDArray[Any]
DTYPES: Mapping[str, type[np.floating[Any]]] = {"float32": np.float32, "float16": np.float16}


class Memory:
    """All memories of a program. `dtype` is a key of `DTYPES`; arithmetic is float32 whatever the cells are."""

    def __init__(self, program: Program, works: Mapping[int, BufferWork], dtype: str = "float32") -> None:
        if dtype not in DTYPES:
            raise SimulationError(f"cells of type '{dtype}', but there are {', '.join(DTYPES)}")
        self.element_bytes = program.machine.compute.element_bytes
        self.works = works
        self.dtype = DTYPES[dtype]
        buffers = program.buffers
        self.roots = np.nonzero(buffers.root == np.arange(len(buffers)))[0].tolist()
        self.kept = {b for b in self.roots if buffers.role[b] == "constant"}
        self.space: dict[int, int] = {}
        self.low: dict[int, int] = {}
        self.size: dict[int, int] = {}
        ends: dict[int, int] = {}
        for b in self.roots:
            memory, address, size = int(buffers.memory[b]), int(buffers.address[b]), int(buffers.size[b])
            if address < 0:  # not allocated: a memory of its own
                memory, address = -2 - b, 0
            self.space[b], self.low[b] = memory, address // self.element_bytes
            self.size[b] = -(-size // self.element_bytes)
            ends[memory] = max(ends.get(memory, 0), self.low[b] + self.size[b])
        self.cells = {memory: np.full(end, np.nan, self.dtype) for memory, end in ends.items()}

    @property
    def bytes(self) -> int:
        """Bytes of all cells."""
        return sum(cells.nbytes for cells in self.cells.values())

    def peak(self) -> dict[int, int]:
        """Per memory (DDR = -1, else the tile) the bytes of the machine up to the highest cell in use."""
        return {m: len(c) * self.element_bytes for m, c in self.cells.items() if m >= DDR}

    def poison(self) -> None:
        """Nothing is known of any cell but those of constants."""
        for memory, cells in self.cells.items():
            if memory != DDR:
                cells[:] = np.nan
        for b in self.roots:
            if b not in self.kept:
                self._cells(b)[:] = np.nan

    def read(self, buffer: int, part: Region) -> Array:
        """Elements of a part, within the region of the buffer: (n, h, w, c) or (n, h, w, c, values), float32.

        A view of the memory where the part lies in one block of channels.
        """
        pieces = [block[box] for block, box, _ in self._blocks(buffer, part)]
        found = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=3)
        return found if found.dtype == np.float32 else found.astype(np.float32)

    def write(self, buffer: int, part: Region, values: Array) -> None:
        """Elements of a part, within the region of the buffer, in the form that `read` yields."""
        for block, box, channels in self._blocks(buffer, part):
            block[box] = values[:, :, :, channels]

    def poison_part(self, buffer: int, part: Region) -> None:
        """Nothing is known of this part any more."""
        for block, box, _ in self._blocks(buffer, part):
            block[box] = np.nan

    def _cells(self, buffer: int) -> Array:
        low = self.low[buffer]
        cells: Array = self.cells[self.space[buffer]][low : low + self.size[buffer]]
        return cells

    def _blocks(self, buffer: int, part: Region) -> list[tuple[Array, Any, slice]]:
        """Per block of channels that `part` meets: the block, the part within it, the channels within the part."""
        work = self.works[buffer]
        at: Layout = work.layout
        r, cells = at.region, self._cells(buffer)
        n, h, values = r.n1 - r.n0, r.h1 - r.h0, work.values
        out: list[tuple[Array, Any, slice]] = []
        for c0, c1 in zip(at.bounds, at.bounds[1:], strict=False):
            low, high = max(c0, part.c0), min(c1, part.c1)
            if low >= high:
                continue
            base = (c0 - r.c0) * n * h * at.w * values
            shape = (n, h, at.w, c1 - c0) if values == 1 else (n, h, at.w, c1 - c0, values)
            block = cells[base : base + n * h * at.w * (c1 - c0) * values].reshape(shape)
            rows = slice(part.h0 - r.h0, part.h1 - r.h0)
            box = (slice(part.n0 - r.n0, part.n1 - r.n0), rows, slice(None), slice(low - c0, high - c0))
            out.append((block, box, slice(low - part.c0, high - part.c0)))
        return out
