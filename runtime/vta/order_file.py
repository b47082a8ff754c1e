"""Order files: in which order the instructions of a program execute, one per line, so that a run can be replayed.

    # wlm vta order 1
    # @conv: 14 LOAD INP overtakes 11 GEMM
    3 LOAD INP
    4 LOAD WGT

The number counts; what follows it is for people.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wlm_dialect.errors import SimulationError
from wlm_dialect.kernels.csr import I32
from wlm_dialect.program.vta import Module, VtaProgram, token_moves
from wlm_dialect.program.vta.names import kind_of

HEADER = "# wlm vta order 1"


def print_order(program: VtaProgram, order: Sequence[int], note: str = "") -> str:
    """The text of an order file."""
    lines = [HEADER, f"# @{program.name}{': ' if note else ''}{note}", *(f"{i} {kind_of(program, i)}" for i in order)]
    return "\n".join(lines) + "\n"


def read_order(path: str | Path, program: VtaProgram) -> I32:
    """The instructions in an order file, each of `program` at most once; SimulationError with the line otherwise."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SimulationError(f"'{path}' is no order file: it is not UTF-8 text") from None
    lines = text.splitlines()
    if not lines or lines[0].strip() != HEADER:
        raise SimulationError(f"'{path}' is no order file: its first line is not '{HEADER}'")
    out: list[int] = []
    seen: set[int] = set()
    for n, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if not words[0].isdigit() or int(words[0]) >= len(program):
            raise SimulationError(
                f"{path}:{n}: '{words[0]}' is no instruction of @{program.name}, which has {len(program)}"
            )
        if int(words[0]) in seen:
            raise SimulationError(f"{path}:{n}: instruction {words[0]} is there twice")
        seen.add(int(words[0]))
        out.append(int(words[0]))
    return np.array(out, np.int32)


def random_order(program: VtaProgram, seed: int) -> I32:
    """Instructions as they execute when, again and again, one of the modules that can go on is drawn at random.

    Queues are unbounded. Equal seeds give equal orders; it ends where no module can go on.
    """
    draw = np.random.default_rng(seed)
    pops, pushes = (moves.tolist() for moves in token_moves(program.insn))
    lists = [tasks.tolist() for tasks in program.lists]
    tokens, done = list(program.initial_tokens), [0, 0, 0]
    out: list[int] = []
    while True:
        heads = [lists[m][done[m]] for m in Module if done[m] < len(lists[m])]
        ready = [i for i in heads if all(tokens[q] >= pops[i][q] for q in range(4) if pops[i][q])]
        if not ready:
            return np.array(out, np.int32)
        i = ready[int(draw.integers(len(ready)))]
        done[int(program.module[i])] += 1
        for q in range(4):
            tokens[q] += pushes[i][q] - pops[i][q]
        out.append(i)
