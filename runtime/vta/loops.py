"""The inner loops of execution, one instruction and one element at a time: plain Python that numba compiles unchanged.

Numbers here are int8 in INP and WGT and int32 in ACC, as in almost every VTA; `steps` executes all others. `code` has
the columns of `image.COLUMNS`. Every index was checked before: `find_keys` and `image` refuse what lies outside.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

OP, MEMORY, SRAM, AT, Y, X, STRIDE, TOP, BOTTOM, LEFT, RIGHT = range(11)
RESET, BEGIN, END, ITER_OUT, ITER_IN, DST_OUT, DST_IN, SRC_OUT, SRC_IN, WGT_OUT, WGT_IN, ALU, USE_IMM, IMM = range(
    11, 25
)
LOAD, STORE, GEMM, FINISH, ALU_OP = range(5)
UOP, WGT, INP, ACC, OUT, ACC_8BIT = range(6)
MIN, MAX, ADD, SHR, MUL = range(5)
FULL = -1  # `find_keys`: the room for micro-ops was too small
PRIME = 1099511628211

Array = NDArray[Any]


def run_modules(flat: Any, bounds: Any, pops: Any, pushes: Any, queues: Any, heads: Any, out: Any) -> int:
    """Let load, compute and store execute in turn until none can go on; the number of instructions executed.

    `flat` holds the lists of the modules, list m in [bounds[m], bounds[m + 1]); `pops` and `pushes` have a row of four
    per instruction. Updates `queues`, `heads` and `out`.
    """
    done = 0
    moved = True
    while moved:
        moved = False
        for m in range(3):
            at = heads[m]
            while at < bounds[m + 1]:
                i = flat[at]
                pop, push = pops[i], pushes[i]
                if queues[0] < pop[0] or queues[1] < pop[1] or queues[2] < pop[2] or queues[3] < pop[3]:
                    break
                for q in range(4):
                    queues[q] += push[q] - pop[q]
                out[done] = i
                done += 1
                at += 1
                moved = True
            heads[m] = at
    return done


def clear_padded(row: Array, target: Array) -> Any:
    """Zeroes what a LOAD fills, if there is padding in it; elements per line of that box."""
    width = row[LEFT] + row[X] + row[RIGHT]
    height = row[TOP] + row[Y] + row[BOTTOM]
    if width * height != row[X] * row[Y]:
        target[row[SRAM] : row[SRAM] + width * height] = 0
    return width


def load_uops(row: Array, words: Array, uops: Array) -> None:
    """LOAD UOP."""
    width = clear_padded(row, uops)
    for y in range(row[Y]):
        low = row[SRAM] + (row[TOP] + y) * width + row[LEFT]
        source = row[AT] + y * row[STRIDE]
        for x in range(row[X]):
            uops[low + x] = words[source + x]


def same_key(code: Array, i: int, j: int, uops: Array, snap: Array, start: int) -> bool:
    """Whether GEMM or ALU instruction `i` does what `j` did when its micro-ops were copied to `snap[start:]`."""
    if code[i, OP] != code[j, OP]:
        return False
    for c in range(RESET, IMM + 1):
        if code[i, c] != code[j, c]:
            return False
    begin = code[i, BEGIN]
    for u in range(code[i, END] - begin):
        if uops[begin + u] != snap[start + u]:
            return False
    return True


def in_range(row: Array, uops: Array, shifts: Array, depths: Array) -> Any:
    """Whether all elements that a GEMM or ALU instruction visits exist. `depths`: UOP, WGT, INP, ACC."""
    if row[END] <= row[BEGIN] or row[ITER_OUT] == 0 or row[ITER_IN] == 0:
        return True
    if row[END] > depths[UOP]:
        return False
    dst, src, wgt = 0, 0, 0
    for u in range(row[BEGIN], row[END]):
        word = np.int64(uops[u])
        dst = max(dst, word >> shifts[0] & shifts[3])
        src = max(src, word >> shifts[1] & shifts[4])
        wgt = max(wgt, word >> shifts[2] & shifts[5])
    last_out, last_in = row[ITER_OUT] - 1, row[ITER_IN] - 1
    if dst + last_out * row[DST_OUT] + last_in * row[DST_IN] >= depths[ACC]:
        return False
    top = src + last_out * row[SRC_OUT] + last_in * row[SRC_IN]
    if row[OP] == ALU_OP:
        return row[USE_IMM] != 0 or top < depths[ACC]
    if row[RESET]:
        return True
    return top < depths[INP] and wgt + last_out * row[WGT_OUT] + last_in * row[WGT_IN] < depths[WGT]


def find_keys(
    code: Array,
    insns: Array,
    words: Array,
    uops: Array,
    shifts: Array,
    depths: Array,
    table: Array,
    hashes: Array,
    first: Array,
    start: Array,
    snap: Array,
    key: Array,
    fault: Array,
) -> int:
    """Number what GEMM and ALU instructions do: `key[i]`, equal for equal loop nests over equal micro-ops.

    Executes LOAD UOP on `uops` on the way. `first[k]` is the first instruction of key k, `snap[start[k]:start[k + 1]]`
    its micro-ops. `table` (a power of two, filled with -1) is hashed into. Returns the number of keys, or FULL if
    `snap` is; sets `fault[0]` to an instruction that reaches outside a scratchpad and stops there.
    """
    keys, used = 0, 0
    size = len(table) - 1
    start[0] = 0
    for n in range(len(insns)):
        i = insns[n]
        op = code[i, OP]
        if op == LOAD and code[i, MEMORY] == UOP and code[i, X] > 0:
            load_uops(code[i], words, uops)
        if op != GEMM and op != ALU_OP:
            continue
        h = op
        for c in range(RESET, IMM + 1):
            h = (h ^ code[i, c]) * PRIME
        begin, end = code[i, BEGIN], min(code[i, END], depths[UOP])
        for u in range(begin, end):
            h = (h ^ np.int64(uops[u])) * PRIME
        slot = (h ^ (h >> 29)) & size
        while table[slot] >= 0:
            k = table[slot]
            if hashes[k] == h and same_key(code, i, first[k], uops, snap, start[k]):
                break
            slot = (slot + 1) & size
        if table[slot] < 0:
            if not in_range(code[i], uops, shifts, depths):
                fault[0] = i
                return keys
            count = max(0, end - begin)
            if used + count > len(snap):
                return FULL
            snap[used : used + count] = uops[begin : begin + count]
            used += count
            table[slot] = keys
            hashes[keys] = h
            first[keys] = i
            keys += 1
            start[keys] = used
        key[i] = table[slot]
    return keys


def load_ids(row: Array, ids: Array) -> None:
    """LOAD INP or WGT: each scratchpad element becomes the number of an element of the image; 0 is padding."""
    width = clear_padded(row, ids)
    for y in range(row[Y]):
        low = row[SRAM] + (row[TOP] + y) * width + row[LEFT]
        source = row[AT] + y * row[STRIDE]
        for x in range(row[X]):
            ids[low + x] = source + x


def take_class(ids: Array, wanted: Array, low: int, high: int, k: int, seen: Array, found: Array, table: Array) -> Any:
    """The number of the list `ids[wanted[low:high]]`, equal for equal lists of rows of `k`.

    `seen` collects the lists; `found[c]` = (start in `seen`, length, hash, k) of list c; `found[-1]` = (room used in
    `seen`, lists) so far; `table` is hashed into.
    """
    at, count, classes = found[-1, 0], high - low, found[-1, 1]
    now, picked = seen[at : at + count], wanted[low:high]
    for n in range(count):
        now[n] = ids[picked[n]]
    if classes and found[classes - 1, 1] == count and found[classes - 1, 3] == k:
        # most often it is the list before once more
        other, differ = seen[found[classes - 1, 0] :], np.int32(0)
        for n in range(count):
            differ |= now[n] ^ other[n]
        if differ == 0:
            return classes - 1
    h = count
    for n in range(count):
        h = (h ^ now[n]) * PRIME
    slot = (h ^ (h >> 29)) & (len(table) - 1)
    while table[slot] >= 0:
        c = table[slot]
        if found[c, 2] == h and found[c, 1] == count and found[c, 3] == k:
            other, differ = seen[found[c, 0] :], np.int32(0)
            for n in range(count):
                differ |= now[n] ^ other[n]
            if differ == 0:
                return c
        slot = (slot + 1) & (len(table) - 1)
    table[slot] = classes
    found[classes, 0], found[classes, 1], found[classes, 2], found[classes, 3] = at, count, h, k
    found[-1, 0], found[-1, 1] = at + count, classes + 1
    return classes


def gather(
    code: Array,
    order: Array,
    key: Array,
    inp: Array,
    wgt: Array,
    uops: Array,
    start: Array,
    shifts: Array,
    part_of: Array,
    parts: Array,
    plan_src: Array,
    plan_wgt: Array,
    rows: tuple[Array, Array, Array],
    columns: tuple[Array, Array, Array],
    record: Array,
    pair_src: Array,
    pair_wgt: Array,
) -> tuple[int, int]:
    """Follow INP and WGT through their LOADs and write down what every GEMM multiplies; (records, pairs) made.

    A GEMM whose key has parts (`part_of[k]:part_of[k + 1]` of `parts`, columns as `operands.PART`) makes a record per
    part: (row class, column class). Any other makes a pair of elements per micro-op and iteration, in order.
    """
    records, pairs = 0, 0
    for n in range(len(order)):
        i = order[n]
        op = code[i, OP]
        if op == LOAD and code[i, X] > 0:
            if code[i, MEMORY] == INP:
                load_ids(code[i], inp)
            elif code[i, MEMORY] == WGT:
                load_ids(code[i], wgt)
        elif op == GEMM and code[i, RESET] == 0:
            k = key[i]
            for p in range(part_of[k], part_of[k + 1]):
                part = parts[p]
                record[records, 0] = take_class(inp, plan_src, part[0], part[1], part[8], rows[0], rows[1], rows[2])
                record[records, 1] = take_class(
                    wgt, plan_wgt, part[2], part[3], part[8], columns[0], columns[1], columns[2]
                )
                records += 1
            if part_of[k] == part_of[k + 1]:
                pairs = pair_up(code[i], uops, start[k], start[k + 1], shifts, inp, wgt, pair_src, pair_wgt, pairs)
    return records, pairs


def pair_up(
    row: Array,
    uops: Array,
    low: int,
    high: int,
    shifts: Array,
    inp: Array,
    wgt: Array,
    pair_src: Array,
    pair_wgt: Array,
    at: int,
) -> int:
    """Write down what each step of a GEMM's loop nest multiplies, from place `at`; the place after the last."""
    for o in range(row[ITER_OUT]):
        for n in range(row[ITER_IN]):
            src = o * row[SRC_OUT] + n * row[SRC_IN]
            weight = o * row[WGT_OUT] + n * row[WGT_IN]
            for u in range(low, high):
                word = np.int64(uops[u])
                pair_src[at] = inp[src + (word >> shifts[1] & shifts[4])]
                pair_wgt[at] = wgt[weight + (word >> shifts[2] & shifts[5])]
                at += 1
    return at


def fetch_matrix(ids: Array, numbers: Array, out: Array) -> None:
    """Elements side by side as one matrix: `out[r, row, k, column]` is a number of element `ids[r, k]`."""
    rows, columns = numbers.shape[1], numbers.shape[2]
    for r in range(ids.shape[0]):
        for k in range(ids.shape[1]):
            one = ids[r, k]
            for row in range(rows):
                for column in range(columns):
                    out[r, row, k, column] = numbers[one, row, column]


HELPERS: tuple[Callable[..., Any], ...] = (clear_padded, load_uops, same_key, in_range, load_ids, take_class, pair_up)
ENTRIES: tuple[Callable[..., Any], ...] = (run_modules, find_keys, gather, fetch_matrix)
