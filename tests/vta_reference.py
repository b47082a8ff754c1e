"""A slow interpreter of VTA streams, written from the facts about the hardware alone: no code of the project.

It decodes bits with Python integers, moves single numbers, and executes tokens one instruction at a time, choosing the
module with a seed. Numbers narrower than a byte are packed from the low bits up.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

LOAD, STORE, GEMM, FINISH, ALU = range(5)
UOP, WGT, INP, ACC, OUT, ACC8 = range(6)


@dataclass
class Device:
    """DRAM by byte address, scratchpads by element (lists of numbers), tokens by queue."""

    config: Mapping[str, int]
    dram: dict[int, int]
    tokens: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("l2g", "g2l", "g2s", "s2g"), 0))
    inp: dict[int, list[int]] = field(default_factory=dict)
    wgt: dict[int, list[int]] = field(default_factory=dict)
    acc: dict[int, list[int]] = field(default_factory=dict)
    uop: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        c = self.config
        self.batch, self.b_in, self.b_out = 1 << c["LOG_BATCH"], 1 << c["LOG_BLOCK_IN"], 1 << c["LOG_BLOCK_OUT"]
        self.bits = {
            UOP: 32,
            WGT: 1 << c["LOG_WGT_WIDTH"],
            INP: 1 << c["LOG_INP_WIDTH"],
            ACC: 1 << c["LOG_ACC_WIDTH"],
            OUT: 1 << c["LOG_INP_WIDTH"],
            ACC8: 8,
        }
        lanes = self.batch * self.b_out
        self.size = {
            UOP: 1,
            WGT: self.b_in * self.b_out,
            INP: self.batch * self.b_in,
            ACC: lanes,
            OUT: lanes,
            ACC8: lanes,
        }
        names = {UOP: "UOP", WGT: "WGT", INP: "INP", ACC: "ACC"}
        self.log = {
            m: c[f"LOG_{name}_BUFF_SIZE"] + 3 - (self.size[m] * self.bits[m]).bit_length() + 1
            for m, name in names.items()
        }


def signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def fields(word: int, widths: Sequence[tuple[str, int]]) -> dict[str, int]:
    """C bit-fields over two 64-bit words: one that does not fit the first begins the second."""
    at, out = 0, {}
    for name, width in widths:
        if at < 64 < at + width:
            at = 64
        out[name] = word >> at & ((1 << width) - 1)
        at += width
    return out


HEAD = [("op", 3), ("pop_prev", 1), ("pop_next", 1), ("push_prev", 1), ("push_next", 1)]
BOX = [("memory", 3), ("sram", 16), ("dram", 32), ("y", 16), ("x", 16), ("stride", 16)]
BOX += [(name, 4) for name in ("top", "bottom", "left", "right")]


def decode(device: Device, word: int) -> dict[str, int]:
    op, log = word & 7, device.log
    if op in (LOAD, STORE):
        return fields(word, HEAD + BOX)
    if op not in (GEMM, ALU):
        return fields(word, HEAD)
    loops = [("reset", 1), ("begin", log[UOP]), ("end", log[UOP] + 1), ("o", 14), ("i", 14)]
    src = log[INP] if op == GEMM else log[ACC]
    loops += [("do", log[ACC]), ("di", log[ACC]), ("so", src), ("si", src)]
    if op == GEMM:
        return fields(word, [*HEAD, *loops, ("wo", log[WGT]), ("wi", log[WGT])])
    insn = fields(word, [*HEAD, *loops, ("alu", 3), ("use_imm", 1), ("imm", 16)])
    return insn | {"imm": signed(insn["imm"], 16)}


def module_of(insn: Mapping[str, int]) -> int:
    if insn["op"] == STORE:
        return 2
    return 0 if insn["op"] == LOAD and insn["memory"] in (INP, WGT) else 1


PREV, NEXT = (None, "l", "g"), ("g", "s", None)
OWN = "lgs"


def queue(module: int, side: str, push: bool) -> str | None:
    other = (PREV if side == "prev" else NEXT)[module]
    if other is None:
        return None
    return f"{OWN[module]}2{other}" if push else f"{other}2{OWN[module]}"


def run(device: Device, words: Sequence[int], seed: int = 0) -> list[int]:
    """One launch; the indices in the order of execution (shorter than the stream if it hangs)."""
    choose = random.Random(seed)
    insns = [decode(device, word) for word in words]
    waiting = [[n for n, insn in enumerate(insns) if module_of(insn) == m] for m in range(3)]
    order: list[int] = []
    while True:
        ready = [m for m in range(3) if waiting[m] and can_start(device, insns[waiting[m][0]], m)]
        if not ready:
            return order
        m = choose.choice(ready)
        n = waiting[m].pop(0)
        insn = insns[n]
        for side in ("prev", "next"):
            if insn[f"pop_{side}"] and (q := queue(m, side, False)):
                device.tokens[q] -= 1
        execute(device, insn)
        for side in ("prev", "next"):
            if insn[f"push_{side}"] and (q := queue(m, side, True)):
                device.tokens[q] += 1
        order.append(n)


def can_start(device: Device, insn: Mapping[str, int], module: int) -> bool:
    needs = [queue(module, side, False) for side in ("prev", "next") if insn[f"pop_{side}"]]
    return all(device.tokens[q] > 0 for q in needs if q)


def execute(device: Device, insn: Mapping[str, int]) -> None:
    match insn["op"]:
        case 0 if insn["x"]:
            load(device, insn)
        case 1 if insn["x"]:
            store(device, insn)
        case 2:
            gemm(device, insn)
        case 4:
            alu(device, insn)


def read(device: Device, memory: int, index: int) -> list[int]:
    """An element of DRAM as numbers."""
    bits, count = device.bits[memory], device.size[memory]
    low = index * count * bits // 8
    raw = sum(device.dram.get(low + n, 0) << (8 * n) for n in range(count * bits // 8))
    return [signed(raw >> (n * bits), bits) for n in range(count)]


def load(device: Device, insn: Mapping[str, int]) -> None:
    memory = insn["memory"]
    target = {UOP: device.uop, WGT: device.wgt, INP: device.inp, ACC: device.acc, ACC8: device.acc}[memory]
    at = insn["sram"]
    width = insn["left"] + insn["x"] + insn["right"]
    for row in range(insn["top"] + insn["y"] + insn["bottom"]):
        for column in range(width):
            y, x = row - insn["top"], column - insn["left"]
            inside = 0 <= y < insn["y"] and 0 <= x < insn["x"]
            index = insn["dram"] + y * insn["stride"] + x
            value = read(device, memory, index) if inside else [0] * device.size[memory]
            target[at] = value[0] & 0xFFFFFFFF if memory == UOP else value  # type: ignore[assignment]
            at += 1


def store(device: Device, insn: Mapping[str, int]) -> None:
    bits, count = device.bits[OUT], device.size[OUT]
    at = insn["sram"]
    for y in range(insn["y"]):
        for x in range(insn["x"]):
            numbers = device.acc.get(at, [0] * count)
            raw = sum((number & ((1 << bits) - 1)) << (n * bits) for n, number in enumerate(numbers))
            low = (insn["dram"] + y * insn["stride"] + x) * count * bits // 8
            for n in range(count * bits // 8):
                device.dram[low + n] = raw >> (8 * n) & 255
            at += 1


def indices(device: Device, insn: Mapping[str, int]) -> list[tuple[int, int, int]]:
    log = device.log
    wide = max(log[ACC], log[INP])
    out = []
    for o in range(insn["o"]):
        for i in range(insn["i"]):
            for u in range(insn["begin"], insn["end"]):
                word = device.uop.get(u, 0)
                dst = word & ((1 << log[ACC]) - 1)
                src = word >> log[ACC] & ((1 << wide) - 1)
                wgt = word >> (log[ACC] + wide) & ((1 << log[WGT]) - 1)
                steps = insn.get("wo", 0) * o + insn.get("wi", 0) * i
                out.append((dst + insn["do"] * o + insn["di"] * i, src + insn["so"] * o + insn["si"] * i, wgt + steps))
    return out


def gemm(device: Device, insn: Mapping[str, int]) -> None:
    bits, lanes = device.bits[ACC], device.size[ACC]
    for dst, src, wgt in indices(device, insn):
        acc = device.acc.setdefault(dst, [0] * lanes)
        if insn["reset"]:
            device.acc[dst] = [0] * lanes
            continue
        a = device.inp.get(src, [0] * device.size[INP])
        w = device.wgt.get(wgt, [0] * device.size[WGT])
        for b in range(device.batch):
            for c in range(device.b_out):
                total = sum(a[b * device.b_in + k] * w[c * device.b_in + k] for k in range(device.b_in))
                acc[b * device.b_out + c] = signed(acc[b * device.b_out + c] + total, bits)


def alu(device: Device, insn: Mapping[str, int]) -> None:
    bits, lanes = device.bits[ACC], device.size[ACC]
    for dst, src, _ in indices(device, insn):
        x = device.acc.setdefault(dst, [0] * lanes)
        y = [insn["imm"]] * lanes if insn["use_imm"] else list(device.acc.get(src, [0] * lanes))
        device.acc[dst] = [signed(one(insn["alu"], p, q), bits) for p, q in zip(x, y, strict=True)]


def one(opcode: int, x: int, y: int) -> int:
    if opcode == 3:
        return x >> (y & 31) if y >= 0 else x << (-y & 31)
    return (min(x, y), max(x, y), x + y, 0, x * y)[opcode]
