"""The accumulators in numpy, instruction by instruction, for numbers of any width."""

from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.program.vta import Alu, Config, Memory
from wlm_dialect.runtime.vta import loops
from wlm_dialect.runtime.vta.keys import Keys, load_rows, unpack_uops
from wlm_dialect.runtime.vta.numbers import elements, is_whole, pack, unpack, wrap
from wlm_dialect.runtime.vta.plans import Part
from wlm_dialect.runtime.vta.products import Products

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
CHUNK = 1 << 14  # tile operations multiplied at a time, which bounds memory
Batch = tuple[I64, I64]  # dst and src elements of micro-ops that do not depend on one another


class Steps:
    """Executes what reads or writes ACC (depth, batch * block_out) and DRAM `data`. Equal keys share their indices."""

    def __init__(self, config: Config, data: NDArray[np.uint8], code: I64, keys: Keys, shifts: I64) -> None:
        self.config, self.code, self.keys, self.shifts = config, code, keys, shifts
        self.bits = config.number_bits(Memory.ACC)
        self.raw = {m: data[: len(data) // n * n].reshape(-1, n) for m in Memory if (n := config.element_bytes(m))}
        self.lanes = config.batch * config.block_out
        self.whole = {
            m: elements(data, config, m).reshape(-1, self.lanes)
            for m in (Memory.ACC, Memory.ACC_8BIT, Memory.OUT)
            if is_whole(config, m)
        }
        self._visits: dict[int, tuple[I64, I64, I64]] = {}
        self._batches: dict[int, list[Batch]] = {}

    def visits(self, key: int) -> tuple[I64, I64, I64]:
        """dst, src, wgt elements that key `key` visits, in order."""
        if key not in self._visits:
            row = self.code[self.keys.first[key]].tolist()
            uops = unpack_uops(self.keys.words[self.keys.start[key] : self.keys.start[key + 1]], self.shifts)
            outer, inner = np.arange(row[loops.ITER_OUT])[:, None, None], np.arange(row[loops.ITER_IN])[:, None]
            dst, src, wgt = (
                (u + outer * row[a] + inner * row[b]).reshape(-1)
                for u, a, b in zip(
                    uops,
                    (loops.DST_OUT, loops.SRC_OUT, loops.WGT_OUT),
                    (loops.DST_IN, loops.SRC_IN, loops.WGT_IN),
                    strict=True,
                )
            )
            self._visits[key] = (dst, src, wgt)
        return self._visits[key]

    def load(self, row: list[int], acc: NDArray[np.int32]) -> None:
        """LOAD ACC or ACC_8BIT."""
        memory = Memory(row[loops.MEMORY])
        if memory in self.whole:
            load_rows(row, self.whole[memory], acc)
            return
        used = row[loops.X] + (row[loops.Y] - 1) * row[loops.STRIDE]
        raw = self.raw[memory][row[loops.AT] : row[loops.AT] + used]
        near = row.copy()
        near[loops.AT] = 0
        load_rows(near, unpack(raw, self.config, memory).reshape(-1, self.lanes), acc)

    def store(self, row: list[int], acc: NDArray[np.int32]) -> None:
        """STORE: the low bits."""
        x, y, base, at, stride = (row[c] for c in (loops.X, loops.Y, loops.SRAM, loops.AT, loops.STRIDE))
        target: NDArray[Any]
        taken: NDArray[Any]
        if Memory.OUT in self.whole:
            target, taken = self.whole[Memory.OUT], acc[base : base + x * y]
        else:
            target = self.raw[Memory.OUT]
            taken = pack(acc[base : base + x * y], self.config, Memory.OUT)
        if y == 1:
            target[at : at + x] = taken
            return
        if stride >= x:
            target[np.arange(at, at + x) + stride * np.arange(y)[:, None]] = taken.reshape(y, x, taken.shape[1])
            return
        for n in range(y):  # rows overlap: the last one stays
            target[at + n * stride : at + n * stride + x] = taken[n * x : n * x + x]

    def clear(self, key: int, acc: NDArray[np.int32]) -> None:
        """GEMM with reset."""
        acc[self.visits(key)[0]] = 0

    def add_pairs(self, key: int, acc: NDArray[np.int32], src: I32, wgt: I32) -> None:
        """A GEMM from the elements it multiplies, one pair per step."""
        dst = self.visits(key)[0]
        if not len(dst):
            return
        for low in range(0, len(dst), CHUNK):
            some = slice(low, low + CHUNK)
            left = unpack(self.raw[Memory.INP][src[some]], self.config, Memory.INP)
            right = unpack(self.raw[Memory.WGT][wgt[some]], self.config, Memory.WGT)
            # wraps as int32 does, which is what is wanted
            product = np.einsum("tbi,toi->tbo", left, right).reshape(len(left), self.lanes)
            np.add.at(acc, dst[some], product)
        if self.bits < 32:
            acc[dst] = wrap(acc[dst], self.bits)

    def add_product(self, part: Part, acc: NDArray[np.int32], products: Products, record: int) -> None:
        """Part of a GEMM from a product computed before."""
        at, stride = products.at[record].tolist()
        (m, n), batch = part.dst.shape, self.config.batch
        block = np.lib.stride_tricks.as_strided(
            products.numbers[at:],
            (m, n, batch, self.config.block_out),
            tuple(products.numbers.itemsize * s for s in (batch * stride, self.config.block_out, stride, 1)),
        )
        dst = part.dst.reshape(-1)
        flat = block.reshape(m * n, self.lanes)
        if part.distinct:
            acc[dst] += flat
        else:
            np.add.at(acc, dst, flat)
        if self.bits < 32:
            acc[dst] = wrap(acc[dst], self.bits)

    def alu(self, row: list[int], key: int, acc: NDArray[np.int32]) -> None:
        """ALU, as if one micro-op ran after the other."""
        if key not in self._batches:
            dst, src, _ = self.visits(key)
            self._batches[key] = independent(dst, dst if row[loops.USE_IMM] else src)
        imm = np.int32(row[loops.IMM])
        for dst, src in self._batches[key]:
            value = alu(row[loops.ALU], acc[dst], imm if row[loops.USE_IMM] else acc[src])
            acc[dst] = wrap(value, self.bits)


def alu(op: int, x: NDArray[np.int32], y: Any) -> Any:
    """One ALU operation on 32-bit lanes; opcodes that do not exist leave `x`. Shift amounts count modulo 32."""
    match op:
        case Alu.MIN:
            return np.minimum(x, y)
        case Alu.MAX:
            return np.maximum(x, y)
        case Alu.ADD:
            return np.add(x, y)
        case Alu.MUL:
            return np.multiply(x, y)
        case Alu.SHR:
            amount = np.abs(np.int64(y) if np.ndim(y) == 0 else y.astype(np.int64)).astype(np.int32) & 31
            return np.where(y >= 0, x >> amount, x << amount)
    return x


def independent(dst: I64, src: I64) -> list[Batch]:
    """Micro-ops cut into batches: within one nothing reads or writes what another one has written."""
    if len(np.unique(dst)) == len(dst) and not np.any(np.isin(src[src != dst], dst)):
        return [(dst, src)] if len(dst) else []
    wrote: dict[int, int] = defaultdict(lambda: -1)
    read: dict[int, int] = defaultdict(lambda: -1)
    level = np.zeros(len(dst), np.int64)
    for n, (d, s) in enumerate(zip(dst.tolist(), src.tolist(), strict=True)):
        # one that only reads d earlier may share a batch: a batch reads before it writes
        level[n] = at = max(wrote[s] + 1, wrote[d] + 1, read[d])
        wrote[d] = at
        read[s] = max(read[s], at)
    order = np.argsort(level, kind="stable")
    bounds = np.searchsorted(level[order], np.arange(int(level.max()) + 2)).tolist()
    cuts = [order[low:high] for low, high in pairwise(bounds)]
    return [(dst[cut], src[cut]) for cut in cuts]
