"""Shrinking: leave out of a counterexample what it does not need."""

from collections.abc import Callable
from dataclasses import fields

from wlm_dialect.passes.checker.findings import Finding
from wlm_dialect.program import Program
from wlm_dialect.runtime.timing import Timing
from wlm_dialect.verification.replay import Replay, run_under, shows

Entry = tuple[str, int, int]
"""Field of `Timing`, index, ticks."""

MOST_RUNS = 300
MOST_TASKS = 1_000_000  # to run in all


def shrink(program: Program, finding: Finding, replay: Replay) -> Replay:
    """The same fault under a timing with fewer entries and, where few are left, shorter delays."""
    best = [replay]
    left = min(MOST_RUNS, MOST_TASKS // max(len(program), 1))

    def still(entries: list[Entry]) -> bool:
        nonlocal left
        if left <= 0:
            return False
        left -= 1
        timing = _timing(entries)
        result = run_under(program, timing)
        if result is None or result.hazard is None or not shows(finding, result):
            return False
        best[0] = Replay(timing, result.hazard, result)
        return True

    entries = _entries(replay.timing)
    if entries and not still([]):
        late = [e for e in entries if e[0] != "duration" or e[2] > 1]
        longer = _scaled(program, entries)
        scaled = _scaled(program, late)
        if still(scaled):
            entries = scaled
        elif still(longer):
            entries = longer
        entries = _fewer(entries, still)
        if len(entries) <= 6:
            _shorter(entries, still)
    return best[0]


def _entries(timing: Timing) -> list[Entry]:
    return [(f.name, k, v) for f in fields(timing) for k, v in sorted(getattr(timing, f.name).items())]


def _timing(entries: list[Entry]) -> Timing:
    tables: dict[str, dict[int, int]] = {}
    for name, index, ticks in entries:
        tables.setdefault(name, {})[index] = ticks
    return Timing(**tables)


def _scaled(program: Program, entries: list[Entry]) -> list[Entry]:
    """Delays that are long even if nothing else is shortened."""
    firmware = program.machine.firmware
    steps = firmware.interrupt + firmware.program + firmware.push + firmware.build_fetch
    long = int(program.cycles.sum()) + steps * (len(program.barriers) + len(program.items)) + 1
    return [(name, k, long * max(1, round(v / long)) if v > 1 and name != "rearm" else v) for name, k, v in entries]


def _fewer(entries: list[Entry], still: Callable[[list[Entry]], bool]) -> list[Entry]:
    """Leave out halves, then quarters, ... as long as the fault stays."""
    size = len(entries)
    while size > 1:
        size = (size + 1) // 2
        at = 0
        while at < len(entries):
            fewer = entries[:at] + entries[at + size :]
            if still(fewer):
                entries = fewer
            else:
                at += size
    return entries


def _shorter(entries: list[Entry], still: Callable[[list[Entry]], bool]) -> None:
    for i in range(len(entries)):
        name, index, ticks = entries[i]
        while ticks > 1:
            half = [*entries[:i], (name, index, ticks // 2), *entries[i + 1 :]]
            if not still(half):
                break
            entries, ticks = half, ticks // 2
