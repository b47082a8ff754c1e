"""Run a VTA program: launches one after the other on one device, bit-exact with the reference simulator."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.errors import ExecutionFault, SimulationError, UsageError
from wlm_dialect.program.vta import Config, Memory, Op, VtaProgram
from wlm_dialect.runtime.vta import compiled as numba
from wlm_dialect.runtime.vta import loops
from wlm_dialect.runtime.vta.image import POISON, Image, make_image
from wlm_dialect.runtime.vta.keys import Keys, find_keys, parts_of, uop_shifts
from wlm_dialect.runtime.vta.numbers import elements
from wlm_dialect.runtime.vta.operands import Operands, Parts, gather, join_parts
from wlm_dialect.runtime.vta.order import Order, blocked, find_order, follow_order
from wlm_dialect.runtime.vta.plans import Part
from wlm_dialect.runtime.vta.products import make_products, merge_records
from wlm_dialect.runtime.vta.result import EARLY_FINISH, FINISHED, NO_FINISH, STUCK, VtaResult
from wlm_dialect.runtime.vta.steps import Steps

I64 = NDArray[np.int64]
COMPILE_FROM = (
    20_000  # instructions or hundreds of tile operations; below, loading compiled code takes longer than the run
)
WORTH_A_PLAN = 2048  # tile operations of one key in a stretch
STRETCH = 1 << 22  # tile operations executed at a time, which bounds memory


def run(
    program: VtaProgram, *, compiled: bool | None = None, poison: bool = False, order: NDArray[np.int32] | None = None
) -> VtaResult:
    """Execute every launch of `program`, until one does not end as it should.

    Scratchpads start as zeros, with `poison` as bytes 0xA5, like DRAM that is no segment and no output. `compiled`
    asks for numba; by default long programs use it. Modules run in the order of `order.find_order`; if a program has
    races, other orders give other bytes: the first launch follows `order` (see `follow_order`). ExecutionFault (exit
    code 2) where an instruction does what hardware cannot.
    """
    if not program.executable:
        raise SimulationError(f"{program.name} came from a dump: it has no immediates, micro-ops or data to run with")
    loops_ = _choose(program, compiled)
    device = Device(program, poison=poison, compiled=loops_)
    orders: list[Order] = []
    outcome = FINISHED
    problems: list[str] = []
    tokens = program.initial_tokens
    for launch in range(program.launches):
        if order is not None and launch == 0:
            ran = follow_order(program, tokens, order.tolist())
        else:
            ran = find_order(program, tokens, compiled=loops_ is not None)
        orders.append(ran)
        device.execute(ran.insns.astype(np.int64))
        outcome, problems = _judge(program, ran)
        if problems:
            where = f"launch {launch}: " if program.launches > 1 else ""
            problems = [where + problem for problem in problems]
            break
        tokens = ran.tokens
    return VtaResult(
        program,
        outcome,
        tuple(problems),
        tuple(orders),
        tuple(device.image.place(o.address, o.size).copy() for o in program.outputs),
        device.held(Memory.INP),
        device.held(Memory.WGT),
        device.acc,
        "numpy" if loops_ is None else "numba",
    )


def _choose(program: VtaProgram, compiled: bool | None) -> Any:
    """The compiled loops, or None for numpy."""
    widths = [program.config.number_bits(m) for m in (Memory.INP, Memory.WGT, Memory.ACC)]
    if compiled and not numba.available():
        raise UsageError("compiled loops need numba: pip install 'wlm-dialect[fast]', or leave compiled out")
    if compiled is None:
        columns = program.columns
        steps = np.maximum(0, columns["uop_end"] - columns["uop_begin"]) * columns["iter_out"] * columns["iter_in"]
        work = program.launches * (len(program) + int(steps.sum()) // 100)
        compiled = work >= (COMPILE_FROM // 20 if "numba" in sys.modules else COMPILE_FROM) and numba.available()
    return numba.load() if compiled and widths == [8, 8, 32] else None


def _judge(program: VtaProgram, order: Order) -> tuple[str, list[str]]:
    """The outcome of a launch, and what is wrong with it."""
    if not order.complete:
        return STUCK, ["deadlock: " + ", ".join(blocked(program, order))]
    if not program.has_finish:
        return NO_FINISH, ["the stream has no FINISH: nothing tells the host that it is done"]
    if len(order.after_finish):
        first = int(order.after_finish[0])
        count = len(order.after_finish)
        return EARLY_FINISH, [f"FINISH executes before {count} other instructions, the first is INSTRUCTION {first}"]
    extra = [have - want for have, want in zip(order.tokens, program.carry_out, strict=True)]
    if any(extra):
        return FINISHED, [f"tokens left in the queues: {order.tokens}; meant for the next launch: {program.carry_out}"]
    return FINISHED, []


class Device:
    """DRAM and scratchpads of one VTA; they persist from launch to launch."""

    def __init__(self, program: VtaProgram, *, poison: bool = False, compiled: Any = None) -> None:
        check_insns(program)
        config = program.config
        self.config, self.compiled = config, compiled
        self.image: Image = make_image(program, poison=poison)
        self.shifts = uop_shifts(config)
        fill = int.from_bytes(bytes([POISON] * 4), "little", signed=True) if poison else 0
        self.acc = np.full((config.depth(Memory.ACC), config.batch * config.block_out), fill, np.int32)
        self.acc >>= np.int32(32 - config.number_bits(Memory.ACC))
        self.uops = np.full(config.depth(Memory.UOP), fill & 0xFFFFFFFF, np.uint32)
        self.first = {
            Memory.INP: self.image.inp // config.element_bytes(Memory.INP),
            Memory.WGT: self.image.wgt // config.element_bytes(Memory.WGT),
        }

    def held(self, memory: Memory) -> NDArray[np.uint8]:
        """What scratchpad INP or WGT holds, (depth, bytes of an element)."""
        low, depth = self.first[memory], self.config.depth(memory)
        return self._raw(memory)[low : low + depth].copy()

    def _raw(self, memory: Memory) -> NDArray[np.uint8]:
        size = self.config.element_bytes(memory)
        data = self.image.data
        return data[: len(data) // size * size].reshape(-1, size)

    def execute(self, insns: I64) -> None:
        """Execute instructions in this order, in stretches."""
        for low, high in self._stretches(insns):
            while low < high:
                low += self._execute(insns[low:high])

    def _stretches(self, insns: I64) -> Iterator[tuple[int, int]]:
        """Cut where INP, WGT or micro-ops and a STORE meet in DRAM: within a stretch their loads may move ahead."""
        image, begin = self.image, 0
        if not image.apart:
            seen = np.zeros((2, len(image.mapped)), np.bool_)
            loads, stores = image.early[insns], image.op[insns] == Op.STORE
            low, high = image.low[insns], image.high[insns]
            for n in np.flatnonzero((loads | stores) & (high > 0)).tolist():
                side, pages = int(stores[n]), slice(low[n], high[n])
                if seen[1 - side, pages].any():
                    yield begin, n
                    begin = n
                    seen[:] = False
                seen[side, pages] = True
        yield begin, len(insns)

    def _execute(self, insns: I64) -> int:
        """Execute a stretch, or as much of it as fits; how many instructions that was."""
        image, config = self.image, self.config
        words = image.data.view(np.uint32)
        module = image.op[insns] != Op.STORE
        before = self.uops.copy()
        keys = find_keys(config, image.code, insns[module], words, self.uops, self.compiled)
        total = np.cumsum(np.where(keys.of[insns] >= 0, keys.steps[keys.of[insns]], 0)) if len(keys) else np.zeros(1)
        if total[-1] > STRETCH:
            fits = max(1, int(np.searchsorted(total, STRETCH, "right")))
            if fits < len(insns):
                self.uops[:] = before
                return self._execute(insns[:fits])
        parts = self._parts(keys)
        steps = Steps(config, image.data, image.code, keys, self.shifts)
        ids = {m: np.arange(config.depth(m), dtype=np.int32) + np.int32(self.first[m]) for m in self.first}
        operands = gather(
            image.code, insns, keys, parts, ids[Memory.INP], ids[Memory.WGT], self.shifts, steps, self.compiled
        )
        self._accumulate(insns, keys, parts, operands, steps)
        for memory, now in ids.items():
            raw, low = self._raw(memory), self.first[memory]
            raw[low : low + len(now)] = raw[now]
        return len(insns)

    def _parts(self, keys: Keys) -> Parts:
        """Matrix products for the keys that are worth it."""
        rows = self.image.code[keys.first]
        gemm = (rows[:, loops.OP] == Op.GEMM) & (rows[:, loops.RESET] == 0)
        worth = gemm & (keys.steps * keys.uses >= WORTH_A_PLAN)
        none: list[Part] = []
        return join_parts(
            [parts_of(self.image.code, keys, k, self.shifts) if worth[k] else none for k in range(len(keys))]
        )

    def _accumulate(self, insns: I64, keys: Keys, parts: Parts, operands: Operands, steps: Steps) -> None:
        image, config = self.image, self.config
        epoch = np.cumsum(image.alters[insns], dtype=np.int64)[operands.place]
        record, rows, columns = merge_records(operands.record, operands.part, epoch, operands.rows, operands.columns)
        products = make_products(config, image.data, record, rows, columns, self.compiled)
        if self.compiled is None:
            accumulate(insns, image.code, keys, parts, operands, products, steps, self.acc)
            return
        narrow = elements(image.data, config, Memory.OUT).reshape(-1, self.acc.shape[1])
        self.compiled.accumulate(
            image.code,
            insns,
            keys.of,
            keys.words,
            keys.start,
            self.shifts,
            self.acc,
            elements(image.data, config, Memory.ACC).reshape(-1, self.acc.shape[1]),
            narrow,
            parts.of,
            parts.rows,
            parts.dst,
            products.numbers,
            products.at,
            elements(image.data, config, Memory.INP),
            elements(image.data, config, Memory.WGT),
            operands.pair_src,
            operands.pair_wgt,
        )


def accumulate(
    insns: I64, code: I64, keys: Keys, parts: Parts, operands: Operands, products: Any, steps: Steps, acc: Any
) -> None:
    """Everything that reads or writes ACC, in order, in numpy."""
    record, pair = 0, 0
    for i in insns.tolist():
        row = code[i].tolist()
        op = row[loops.OP]
        if op == Op.STORE:
            if row[loops.X]:
                steps.store(row, acc)
        elif op == Op.LOAD:
            if row[loops.X] and row[loops.MEMORY] in (Memory.ACC, Memory.ACC_8BIT):
                steps.load(row, acc)
        elif op in (Op.GEMM, Op.ALU):
            key = int(keys.of[i])
            low, high = parts.of[key : key + 2].tolist()
            if op == Op.ALU:
                steps.alu(row, key, acc)
            elif row[loops.RESET]:
                steps.clear(key, acc)
            elif low == high:
                taken = slice(pair, pair + int(keys.steps[key]))
                steps.add_pairs(key, acc, operands.pair_src[taken], operands.pair_wgt[taken])
                pair = taken.stop
            for p in range(low, high):
                if products.at[record, 1]:
                    steps.add_product(parts.parts[p], acc, products, record)
                record += 1


def check_insns(program: VtaProgram) -> None:
    """ExecutionFault for the first instruction that no VTA can execute: its opcode, memory, size or padding."""
    columns, config = program.columns, program.config
    op, memory, x = columns["op"], columns["memory"], columns["x"]
    moves, store = (op <= Op.STORE) & (x > 0), op == Op.STORE
    width = columns["pad_left"] + x + columns["pad_right"]
    size = width * (columns["pad_top"] + columns["y"] + columns["pad_bottom"])
    depths = np.array([config.depth(Memory(m)) if m < len(Memory) else 0 for m in range(8)], np.int64)
    loadable = np.array([m in Memory.__members__.values() and m != Memory.OUT for m in range(8)])
    padded = size != x * columns["y"]
    wrong = (op > Op.ALU) | (moves & np.where(store, (memory != Memory.OUT) | padded, ~loadable[memory]))
    wrong |= moves & (columns["sram"] + size > depths[memory])
    wrong |= (op == Op.ALU) & (columns["alu"] > loops.MUL)
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        raise ExecutionFault(_wrong(program.insn[i], i, config, int(size[i])))


def _wrong(row: np.void, i: int, config: Config, size: int) -> str:
    op, memory = int(row["op"]), int(row["memory"])
    if op not in Op.__members__.values():
        return f"INSTRUCTION {i} has opcode {op}, which VTA does not have (0 to {max(Op)})"
    if op == Op.ALU:
        return f"INSTRUCTION {i} has ALU opcode {row['alu']}, which VTA does not have (0 to {loops.MUL})"
    if op == Op.STORE and memory != Memory.OUT:
        return f"INSTRUCTION {i} stores memory {memory} but only OUT ({int(Memory.OUT)}) can be stored"
    if memory not in Memory.__members__.values() or (op == Op.LOAD and memory == Memory.OUT):
        return f"INSTRUCTION {i} loads memory {memory}, which cannot be loaded"
    if op == Op.STORE and size != int(row["x"]) * int(row["y"]):
        return f"INSTRUCTION {i} is a STORE with padding, which VTA does not have"
    name = Memory(memory).name
    return (
        f"INSTRUCTION {i} fills {name} from {row['sram']} to {int(row['sram']) + size} but {name} has "
        f"{config.depth(Memory(memory))} elements"
    )
