"""How fast VTA programs execute: against np.matmul float32 of the same size in the same run, and per instruction.

CPU milliseconds, least of several runs, of a whole `run` (order, addresses, checks, execution) of a program that is in
memory. "cpu/matmul" is the share of the rate of np.matmul. "C++" is the reference simulator as recorded on the machine
the corpus was made on (-O2 and the shipped -O0), where known. `--programs FOLDER` adds recorded program folders.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from command_line import Arguments, to_folder, tool, write_json

from wlm_dialect.program.vta import INSN, UOP, Config, Memory, Op, Output, Segment, VtaProgram, encode_uops, read_folder
from wlm_dialect.runtime.vta import compiled
from wlm_dialect.runtime.vta.run import run

CONFIG = Config()
TILE = CONFIG.block_in
ROWS, DEPTH, WIDTH = 128, 16, 16  # of one GEMM: rows, and tiles of input and output channels
RECORDED = {"matmul 512": (14.8422, None), "matmul 1024": (223.0, None)}  # ms, -O2 and -O0
INP, WGT, UOPS, OUT, ACC = 0x0010_0000, 0x0100_0000, 0x0200_0000, 0x0300_0000, 0x0400_0000


@dataclass(frozen=True)
class Case:
    """A program, the (m, k, n) of the matrix product it does (or None), and recorded milliseconds of C++."""

    name: str
    program: VtaProgram
    size: tuple[int, int, int] | None = None
    recorded: tuple[float | None, float | None] = (None, None)


def table(rows: list[dict[str, int]]) -> np.ndarray:
    """Instructions from their fields."""
    insn = np.zeros(len(rows), INSN)
    for name in {key for row in rows for key in row}:
        insn[name] = [row.get(name, 0) for row in rows]
    return insn


def box(op: int, memory: int, address: int, x: int, y: int = 1, stride: int = 0, **more: int) -> dict[str, int]:
    """A LOAD or STORE at a byte address."""
    dram = address // CONFIG.element_bytes(Memory(memory))
    return {"op": op, "memory": memory, "dram": dram, "x": x, "y": y, "stride": stride or x, **more}


def matmul(size: int, seed: int = 1) -> VtaProgram:
    """size x size times size x size, in blocks that fill the scratchpads; one context, tokens in a chain."""
    rng = np.random.default_rng(seed)
    tiles = size // TILE
    rows: list[dict[str, int]] = [box(Op.LOAD, Memory.UOP, UOPS, DEPTH)]
    loop = {"iter_out": ROWS, "dst_out": WIDTH, "iter_in": WIDTH, "dst_in": 1}
    gemm = {"op": int(Op.GEMM), "uop_end": DEPTH, "src_out": DEPTH, "wgt_in": DEPTH, **loop}
    for m in range(0, size, ROWS):
        for n in range(0, tiles, WIDTH):
            rows.append({"op": int(Op.GEMM), "reset": 1, "uop_end": 1, **loop, "pop_next": int(len(rows) > 1)})
            for k in range(0, tiles, DEPTH):
                rows += _step(m, n, k, tiles, gemm)
            # what is left of a number after this is the byte that STORE takes
            loops = {"uop_end": 1, "iter_out": ROWS, "iter_in": WIDTH, "dst_out": WIDTH, "dst_in": 1}
            rows.append({"op": int(Op.ALU), "alu": 3, "use_imm": 1, "imm": 8, **loops, "push_next": 1})
            where = OUT + TILE * (m * tiles + n)
            rows.append(box(Op.STORE, Memory.OUT, where, WIDTH, ROWS, tiles, pop_prev=1, push_prev=1))
    loads = [row for row in rows if row.get("memory") == Memory.INP and row["op"] == Op.LOAD]
    loads[0]["pop_next"] = 0
    rows += [{"op": int(Op.LOAD), "memory": int(Memory.INP), "pop_next": 1, "push_next": 1}]
    rows += [{"op": int(Op.LOAD), "pop_prev": 1, "pop_next": 1}, {"op": int(Op.FINISH)}]
    uops = np.array([(0, k, k) for k in range(DEPTH)], UOP)
    segments = (
        Segment("INP", INP, rng.integers(0, 256, size * size).astype(np.uint8), 16),
        Segment("WGT", WGT, rng.integers(0, 256, size * size).astype(np.uint8), 256),
        Segment("UOP", UOPS, np.frombuffer(encode_uops(uops, CONFIG), np.uint8), 4),
    )
    return VtaProgram(f"matmul {size}", CONFIG, table(rows), segments, (Output(OUT, size * size),))


def _step(m: int, n: int, k: int, tiles: int, gemm: dict[str, int]) -> Iterator[dict[str, int]]:
    yield box(Op.LOAD, Memory.INP, INP + TILE * (m * tiles + k), DEPTH, ROWS, tiles, pop_next=1)
    yield box(Op.LOAD, Memory.WGT, WGT + TILE * TILE * (n * tiles + k), DEPTH, WIDTH, tiles, push_next=1)
    yield {**gemm, "pop_prev": 1, "push_prev": 1}


def small(kind: str, count: int) -> VtaProgram:
    """`count` instructions that hardly do anything: NOPs, stores of one element, loads of 16, or all kinds in turn."""
    data = Segment("ACC", ACC, np.zeros(1 << 16, np.uint8), 64)
    uops = Segment("UOP", UOPS, np.zeros(64, np.uint8), 4)
    nop = {"op": int(Op.LOAD)}
    store = box(Op.STORE, Memory.OUT, OUT, 1)
    wait = {"op": int(Op.STORE), "push_prev": 1}
    end = [{**nop, "pop_next": 1}, {"op": int(Op.FINISH)}]
    if kind == "nop":
        rows = [nop] * count
    elif kind == "store":
        rows = [store] * count + [wait, *end]
    elif kind == "load":
        rows = [box(Op.LOAD, Memory.ACC, ACC, 16)] * count
    else:
        loop = {"uop_end": 1, "iter_out": 1, "iter_in": 1}
        turn = [
            box(Op.LOAD, Memory.INP, ACC, 16, pop_next=1, push_next=1),
            {"op": int(Op.GEMM), **loop, "pop_prev": 1},
            {"op": int(Op.ALU), "alu": 2, "use_imm": 1, "imm": 1, **loop, "push_next": 1},
            {**store, "pop_prev": 1, "push_prev": 1},
            {**nop, "pop_next": 1, "push_prev": 1},
        ]
        rows = [box(Op.LOAD, Memory.UOP, UOPS, 1, push_prev=1), *(turn * (count // len(turn)))]
        rows[-1] = {**nop, "pop_next": 1}
    if rows[-1].get("op") != Op.FINISH:
        rows = [*rows, {"op": int(Op.FINISH)}]
    return VtaProgram(f"{kind} x {count}", CONFIG, table(rows), (data, uops), (Output(OUT, 4096),))


def least(work: Callable[[], object], runs: int) -> float:
    """Least CPU milliseconds of `work`."""
    best = float("inf")
    for _ in range(runs):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return 1000 * best


def cases(programs: Path | None, quick: bool) -> Iterator[Case]:
    """What is measured."""
    for size in (512,) if quick else (512, 1024):
        program = matmul(size)
        yield Case(program.name, program, (size, size, size), RECORDED[program.name])
    count = 6_000 if quick else 60_000
    for kind, nanoseconds in (("nop", 11), ("store", 23), ("load", 23), ("all kinds", None)):
        recorded = (None if nanoseconds is None else nanoseconds * count / 1e6, None)
        yield Case(f"{kind} x {count}", small(kind, count), None, recorded)
    for path in sorted(programs.iterdir()) if programs else ():
        meta = json.loads((path / "program.json").read_text(encoding="utf-8"))
        times, counted = meta.get("timing_ms"), (meta.get("profiler") or {}).get("gemm_counter", 0)
        if times and (len(read_folder(path)) > 1000 or 50_000 < counted < 1 << 60):
            recorded = times["O2_median"], times.get("O0_median")
            yield Case(path.name, read_folder(path), SIZES.get(path.name), recorded)


SIZES = {
    "svta_gemm_512x512x512_relu": (512, 512, 512),
    "tvm_conv_14x14x256_vt1": (196, 2304, 256),
    "tvm_conv_14x14x256_vt2": (196, 2304, 256),
    "tvm_conv_n2_14x14x32_64_vt2": (392, 288, 64),
    "metal_blocked_gemm_256_vt2_nocomp": (256, 256, 256),
}
"""Matrix products of recorded programs: rows, length of the sum, columns."""


def measure(case: Case, runs: int) -> dict[str, object]:
    """One row of the table."""
    row: dict[str, object] = {"program": case.name, "instructions": len(case.program)}
    forms = [("numpy", False), ("numba", True)] if compiled.available() else [("numpy", False)]
    for name, fast in forms:
        result = run(case.program, compiled=fast)
        assert not result.problems, result.problems
        assert not result.mismatches, result.mismatches
        row[name] = least(lambda fast=fast: run(case.program, compiled=fast), runs)
        row[f"us/insn {name}"] = 1000 * row[name] / len(case.program)  # type: ignore[operator]
    if case.size is not None:
        m, k, n = case.size
        rng = np.random.default_rng(0)
        a, b = rng.random((m, k), np.float32), rng.random((k, n), np.float32)
        row["matmul"] = least(lambda: a @ b, 4 * runs)
        for name, _ in forms:
            row[f"{name}/matmul"] = row["matmul"] / row[name]  # type: ignore[operator]
    row["C++ -O2"], row["C++ -O0"] = case.recorded
    return row


COLUMNS = ("program", "instructions", "numpy", "numba", "matmul", "numpy/matmul", "numba/matmul", "us/insn numpy")
COLUMNS += ("us/insn numba", "C++ -O2", "C++ -O0")


@tool
def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = Arguments(__file__, __doc__)
    parser.add_json()
    parser.add_argument("--programs", metavar="FOLDER", type=to_folder, help="a folder of program folders")
    parser.add_argument("--quick", action="store_true", help="small programs and few runs")
    args = parser.parse_args(argv)
    rows = []
    print(" | ".join(COLUMNS))
    for case in cases(args.programs, args.quick):
        rows.append(measure(case, 3 if args.quick else 9))
        cells = (rows[-1].get(name) for name in COLUMNS)
        print(
            " | ".join(f"{c:.3g}" if isinstance(c, float) else "" if c is None else str(c) for c in cells), flush=True
        )
    if args.json:
        write_json(args.json, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
