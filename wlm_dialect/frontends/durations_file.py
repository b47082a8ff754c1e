"""A CSV of measured durations that replace the estimated ones."""

import csv
from fnmatch import fnmatchcase
from pathlib import Path

from wlm_dialect.errors import FrontendError, did_you_mean
from wlm_dialect.frontends.builder import LIMIT
from wlm_dialect.frontends.text_file import read_text
from wlm_dialect.program import Kind, Program


def apply_durations(program: Program, path: Path) -> Program:
    """The program with the cycles of a CSV: `name,cycles` per line, the name exact or a glob, later lines win.

    An empty line, a line that begins with '#', and a first line `name,cycles` mean nothing.
    """
    lines = read_text(path, "durations").splitlines()
    cycles = program.cycles.copy()
    tasks: dict[str, list[int]] = {}
    for t, name in enumerate(program.names):
        if program.kind[t] == Kind.RUN:
            tasks.setdefault(name, []).append(t)
    for n, line in enumerate(lines, 1):
        where = f"durations {path}: line {n}"
        if not line.strip() or line.startswith("#") or (n == 1 and line.replace(" ", "") == "name,cycles"):
            continue
        pattern, ticks = _row(where, line)
        names = [pattern] if pattern in tasks else [k for k in tasks if fnmatchcase(k, pattern)]
        if not names:
            raise FrontendError(f"{where}: no task '{pattern}'{did_you_mean(pattern, tasks)}")
        for name in names:
            cycles[tasks[name]] = ticks
    return program.with_(cycles=cycles)


def _row(where: str, line: str) -> tuple[str, int]:
    cells = [cell.strip() for cell in next(csv.reader([line]))]
    if len(cells) != 2:
        raise FrontendError(f"{where}: expected name,cycles, got {len(cells)} columns")
    if not cells[1].isascii() or not cells[1].isdigit() or not 1 <= int(cells[1]) <= LIMIT:
        raise FrontendError(f"{where}: cycles is '{cells[1]}' but must be an integer from 1 to {LIMIT}")
    return cells[0], int(cells[1])
