"""Timings: what replaces the nominal ticks of a run, from a file or from seeded random draws."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from wlm_dialect.errors import SimulationError, did_you_mean
from wlm_dialect.kernels.csr import I64
from wlm_dialect.program import Kind, Program

FORMAT = 1
MOST = 1 << 48  # ticks of one entry
_Ticks = Mapping[int, int]


@dataclass(frozen=True)
class Timing:
    """Ticks by index; what is absent stays nominal. Under a timing bandwidth is not shared.

    `dispatch` and `duration` belong to tasks, `push` (extra ticks until the transfer of a management DMA has landed) to
    management DMAs, `interrupt` (extra ticks of its handler) to barrier instances, `fetch_interrupt` to fetches and
    `rearm` (ticks until an instance is armed, under bounded re-arming) to barrier instances.
    """

    dispatch: _Ticks = field(default_factory=dict)
    duration: _Ticks = field(default_factory=dict)
    push: _Ticks = field(default_factory=dict)
    interrupt: _Ticks = field(default_factory=dict)
    fetch_interrupt: _Ticks = field(default_factory=dict)
    rearm: _Ticks = field(default_factory=dict)

    @staticmethod
    def uniform(program: Program, percent: int, seed: int) -> "Timing":
        """Durations within +-`percent` %, dispatch and re-arm delays within their bounds."""
        if not 0 <= percent <= 100:
            raise SimulationError(f"a uniform timing varies by {percent} %, but 0 to 100 % is possible")

        def draw(rng: np.random.Generator, nominal: I64) -> I64:
            factor: I64 = rng.integers(100 - percent, 100 + percent, nominal.shape, endpoint=True)
            return nominal * factor // 100

        return _random(program, seed, draw, 0)

    @staticmethod
    def heavy_tail(program: Program, seed: int) -> "Timing":
        """One task in ten lasts ten times as long, one in a hundred a hundred times."""

        def draw(rng: np.random.Generator, nominal: I64) -> I64:
            factor: I64 = rng.choice(np.array([1, 10, 100]), nominal.shape, p=[0.89, 0.1, 0.01])
            return nominal * factor

        return _random(program, seed, draw, 0)

    @staticmethod
    def adversarial(program: Program, seed: int) -> "Timing":
        """Every task, delay and interrupt is either as short as possible or longer than many tasks together."""
        long = int(program.cycles.max(initial=1)) * 10

        def draw(rng: np.random.Generator, nominal: I64) -> I64:
            ticks: I64 = rng.choice(np.array([1, long]), nominal.shape, p=[0.7, 0.3])
            return ticks

        return _random(program, seed, draw, long)

    @staticmethod
    def lazy(program: Program, seed: int) -> "Timing":
        """Data arrive as late as can be: a DMA outlasts all that does not wait for it, the rest takes one tick each."""
        dma = np.array([e.kind == "dma" for e in program.machine.engines])[program.engine]
        firmware = program.machine.firmware
        long = len(program) + len(program.barriers) * (firmware.interrupt + firmware.program) + firmware.push

        def draw(rng: np.random.Generator, nominal: I64) -> I64:
            ticks: I64 = np.where(dma, long * rng.integers(1, 4, nominal.shape), 1)
            return ticks

        return _random(program, seed, draw, 0)

    def to_json(self) -> str:
        """The timing as a file that `read_timing` reads back; same timing, same bytes."""
        data: dict[str, Any] = {"format": FORMAT}
        for f in fields(self):
            data[f.name] = {str(k): v for k, v in sorted(getattr(self, f.name).items())}
        return json.dumps(data, indent=1) + "\n"


def _random(program: Program, seed: int, draw: Callable[[np.random.Generator, I64], I64], long: int) -> Timing:
    """A timing whose durations come from `draw`; delays are 0 or `long`, re-arming anything within its bound."""
    rng = np.random.default_rng(seed)
    tasks, barriers = len(program), len(program.barriers)

    def delays(count: int) -> I64:
        return np.where(rng.random(count) < 0.3, long, 0).astype(np.int64)

    duration = np.maximum(draw(rng, program.cycles), 1)
    dispatch, push, interrupt, fetch = delays(tasks), delays(tasks), delays(barriers), delays(tasks)
    rearm = rng.integers(0, program.machine.barriers.rearm_delta, barriers, endpoint=True)
    push[program.kind == Kind.RUN] = 0
    fetch[program.kind != Kind.FETCH] = 0

    def sparse(values: I64) -> dict[int, int]:
        index = np.nonzero(values)[0]
        return dict(zip(index.tolist(), values[index].tolist(), strict=True))

    bounded = program.machine.barriers.rearm == "bounded"
    return Timing(
        sparse(dispatch),
        dict(enumerate(duration.tolist())),
        sparse(push),
        sparse(interrupt),
        sparse(fetch),
        dict(enumerate(rearm.tolist())) if bounded else {},
    )


def read_timing(path: str | Path) -> Timing:
    """A timing from a JSON file: ``{"format": 1, "dispatch": {"3": 120}, ...}``, every key but `format` optional."""
    where = f"timing file {path}"
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SimulationError(f"{where}: {reason}") from None
    except ValueError as error:
        raise SimulationError(f"{where}: not JSON: {error}") from None
    return parse_timing(data, where)


def parse_timing(data: Any, where: str = "timing") -> Timing:
    """A timing from plain JSON values."""
    if not isinstance(data, dict):
        raise SimulationError(f"{where}: expected an object of tables, got {type(data).__name__}")
    names = [f.name for f in fields(Timing)]
    if data.get("format", FORMAT) != FORMAT:
        raise SimulationError(f"{where}: format {data['format']!r}, but this version reads format {FORMAT}")
    for key in data:
        if key not in (*names, "format"):
            raise SimulationError(f"{where}: unknown field '{key}'{did_you_mean(key, names)}")
    return Timing(**{name: _table(f"{where}: {name}", data[name]) for name in names if name in data})


def _table(where: str, table: Any) -> dict[int, int]:
    if not isinstance(table, dict):
        raise SimulationError(f'{where}: expected a table such as {{"3": 120}}, got {type(table).__name__}')
    out: dict[int, int] = {}
    for key, value in table.items():
        if not (isinstance(key, str) and key.isascii() and key.isdigit()):
            raise SimulationError(f"{where}: '{key}' is not the index of a task or barrier")
        if type(value) is not int:
            raise SimulationError(f"{where}: entry {key} is {value!r}, but ticks are whole numbers")
        out[int(key)] = value
    return out


def check_timing(program: Program, timing: Timing) -> None:
    """SimulationError unless every entry of `timing` names something of `program` and is possible there."""
    tasks, barriers = len(program), len(program.barriers)
    sizes = {"interrupt": barriers, "rearm": barriers}
    for f in fields(timing):
        size, least = sizes.get(f.name, tasks), 1 if f.name == "duration" else 0
        what = "barriers" if f.name in sizes else "tasks"
        for index, ticks in getattr(timing, f.name).items():
            if not 0 <= index < size:
                raise SimulationError(f"timing: {f.name} of {index}, but @{program.name} has {size} {what}")
            if ticks < least:
                raise SimulationError(f"timing: {f.name} of {index} is {ticks} ticks but must be at least {least}")
            if ticks > MOST:
                raise SimulationError(f"timing: {f.name} of {index} is {ticks} ticks but must be at most {MOST}")
    delta = program.machine.barriers.rearm_delta
    for index, ticks in timing.rearm.items():
        if ticks > delta:
            raise SimulationError(f"timing: rearm of {index} is {ticks} ticks, but the machine bounds it by {delta}")
    for name, kinds in (("push", tuple(Kind)[1:]), ("fetch_interrupt", (Kind.FETCH,))):
        for index in getattr(timing, name):
            if int(program.kind[index]) not in kinds:
                text = "is no fetch" if name == "fetch_interrupt" else "is no management DMA"
                raise SimulationError(f"timing: {name} of task {index} '{program.names[index]}', which {text}")
