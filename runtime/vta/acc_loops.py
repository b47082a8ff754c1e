"""The inner loops over the accumulators, as those of `loops`: plain Python that numba compiles unchanged.

They call nothing of `loops`: numba keeps what it compiled until this very file changes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from wlm_dialect.runtime.vta.loops import (
    ACC,
    ACC_8BIT,
    ADD,
    ALU,
    ALU_OP,
    AT,
    BOTTOM,
    DST_IN,
    DST_OUT,
    GEMM,
    IMM,
    ITER_IN,
    ITER_OUT,
    LEFT,
    LOAD,
    MAX,
    MEMORY,
    MIN,
    MUL,
    OP,
    RESET,
    RIGHT,
    SRAM,
    SRC_IN,
    SRC_OUT,
    STORE,
    STRIDE,
    TOP,
    USE_IMM,
    Array,
    X,
    Y,
)


def load_acc(row: Array, acc: Array, dram: Array) -> None:
    """LOAD ACC or ACC_8BIT; `dram` holds their elements as numbers."""
    width = row[LEFT] + row[X] + row[RIGHT]
    height = row[TOP] + row[Y] + row[BOTTOM]
    at = row[SRAM]
    if width * height != row[X] * row[Y]:
        acc[at : at + width * height] = 0
    for y in range(row[Y]):
        low = at + (row[TOP] + y) * width + row[LEFT]
        source = row[AT] + y * row[STRIDE]
        for x in range(row[X]):
            for lane in range(acc.shape[1]):
                acc[low + x, lane] = dram[source + x, lane]


def store(row: Array, acc: Array, dram: Array) -> None:
    """STORE: the low 8 bits."""
    at = row[SRAM]
    for y in range(row[Y]):
        target = row[AT] + y * row[STRIDE]
        for x in range(row[X]):
            for lane in range(acc.shape[1]):
                dram[target + x, lane] = np.int8(acc[at, lane] & 0xFF)
            at += 1


def clear(row: Array, uops: Array, low: int, high: int, shifts: Array, acc: Array) -> None:
    """GEMM with reset."""
    for o in range(row[ITER_OUT]):
        for n in range(row[ITER_IN]):
            base = o * row[DST_OUT] + n * row[DST_IN]
            for u in range(low, high):
                acc[base + (np.int64(uops[u]) >> shifts[0] & shifts[3])] = 0


def multiply_pairs(
    row: Array,
    uops: Array,
    low: int,
    high: int,
    shifts: Array,
    acc: Array,
    inp: Array,
    wgt: Array,
    pair_src: Array,
    pair_wgt: Array,
    at: int,
) -> int:
    """A GEMM from its pairs, each an element of INP and one of WGT; the place after its last pair."""
    outputs, inputs = wgt.shape[1], wgt.shape[2]
    batch = inp.shape[1]
    for o in range(row[ITER_OUT]):
        for n in range(row[ITER_IN]):
            base = o * row[DST_OUT] + n * row[DST_IN]
            for u in range(low, high):
                dst = base + (np.int64(uops[u]) >> shifts[0] & shifts[3])
                src, weight = pair_src[at], pair_wgt[at]
                at += 1
                for b in range(batch):
                    for c in range(outputs):
                        total = np.int32(0)
                        for k in range(inputs):
                            total += np.int32(inp[src, b, k]) * np.int32(wgt[weight, c, k])
                        acc[dst, b * outputs + c] += total
    return at


def add_product(part: Array, plan_dst: Array, acc: Array, product: Array, at: int, stride: int, outputs: int) -> None:
    """Add a block of a matrix product, at `product[at]` with `stride` numbers per row, to the accumulators; 0: none."""
    rows, columns = part[6], part[7]
    if stride == 0:
        return
    batch = acc.shape[1] // outputs
    for m in range(rows):
        for n in range(columns):
            dst = plan_dst[part[4] + m * columns + n]
            for b in range(batch):
                low = at + (m * batch + b) * stride + n * outputs
                for c in range(outputs):
                    acc[dst, b * outputs + c] += product[low + c]


def alu(row: Array, uops: Array, low: int, high: int, shifts: Array, acc: Array) -> None:
    """ALU: strictly one micro-op after the other."""
    lanes, op, imm = acc.shape[1], row[ALU], row[IMM]
    shift = imm & 31 if imm >= 0 else (-imm) & 31
    for o in range(row[ITER_OUT]):
        for n in range(row[ITER_IN]):
            dst_base = o * row[DST_OUT] + n * row[DST_IN]
            src_base = o * row[SRC_OUT] + n * row[SRC_IN]
            for u in range(low, high):
                word = np.int64(uops[u])
                d = dst_base + (word >> shifts[0] & shifts[3])
                if row[USE_IMM]:
                    if op == MIN:
                        for lane in range(lanes):
                            acc[d, lane] = min(acc[d, lane], imm)
                    elif op == MAX:
                        for lane in range(lanes):
                            acc[d, lane] = max(acc[d, lane], imm)
                    elif op == ADD:
                        for lane in range(lanes):
                            acc[d, lane] += imm
                    elif op == MUL:
                        for lane in range(lanes):
                            acc[d, lane] *= imm
                    elif imm >= 0:
                        for lane in range(lanes):
                            acc[d, lane] >>= shift
                    else:
                        for lane in range(lanes):
                            acc[d, lane] <<= shift
                    continue
                s = src_base + (word >> shifts[1] & shifts[4])
                if op == MIN:
                    for lane in range(lanes):
                        acc[d, lane] = min(acc[d, lane], acc[s, lane])
                elif op == MAX:
                    for lane in range(lanes):
                        acc[d, lane] = max(acc[d, lane], acc[s, lane])
                elif op == ADD:
                    for lane in range(lanes):
                        acc[d, lane] += acc[s, lane]
                elif op == MUL:
                    for lane in range(lanes):
                        acc[d, lane] *= acc[s, lane]
                else:
                    for lane in range(lanes):
                        amount = np.int64(acc[s, lane])
                        if amount >= 0:
                            acc[d, lane] >>= amount & 31
                        else:
                            acc[d, lane] <<= (-amount) & 31


def accumulate(
    code: Array,
    order: Array,
    key: Array,
    uops: Array,
    start: Array,
    shifts: Array,
    acc: Array,
    acc_dram: Array,
    narrow_dram: Array,
    part_of: Array,
    parts: Array,
    plan_dst: Array,
    product: Array,
    product_at: Array,
    inp: Array,
    wgt: Array,
    pair_src: Array,
    pair_wgt: Array,
) -> None:
    """Everything that reads or writes ACC, in order. `product_at[r]`: where record r begins and its numbers per row."""
    records, pairs = 0, 0
    for n in range(len(order)):
        i = order[n]
        row = code[i]
        op = row[OP]
        if op == STORE and row[X] > 0:
            store(row, acc, narrow_dram)
        elif op == LOAD and row[X] > 0:
            if row[MEMORY] == ACC:
                load_acc(row, acc, acc_dram)
            elif row[MEMORY] == ACC_8BIT:
                load_acc(row, acc, narrow_dram)
        elif op == ALU_OP:
            k = key[i]
            alu(row, uops, start[k], start[k + 1], shifts, acc)
        elif op == GEMM:
            k = key[i]
            if row[RESET]:
                clear(row, uops, start[k], start[k + 1], shifts, acc)
            elif part_of[k] == part_of[k + 1]:
                pairs = multiply_pairs(
                    row, uops, start[k], start[k + 1], shifts, acc, inp, wgt, pair_src, pair_wgt, pairs
                )
            for p in range(part_of[k], part_of[k + 1]):
                add_product(
                    parts[p], plan_dst, acc, product, product_at[records, 0], product_at[records, 1], wgt.shape[1]
                )
                records += 1


HELPERS: tuple[Callable[..., Any], ...] = (load_acc, store, clear, multiply_pairs, add_product, alu)
ENTRIES: tuple[Callable[..., Any], ...] = (accumulate,)
