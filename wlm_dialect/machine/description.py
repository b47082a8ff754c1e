"""Machines as TOML files and as plain dictionaries (the form the IR carries)."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from wlm_dialect.errors import MachineError, did_you_mean
from wlm_dialect.machine.model import (
    BarrierModel,
    BootstrapModel,
    ComputeModel,
    EngineModel,
    FirmwareModel,
    MachineModel,
    ManagementModel,
    MemoryModel,
)
from wlm_dialect.machine.presets import machine_names, preset

FORMAT = 1
_GROUPS: dict[str, type] = {
    "barriers": BarrierModel,
    "firmware": FirmwareModel,
    "bootstrap": BootstrapModel,
    "management": ManagementModel,
    "memory": MemoryModel,
    "compute": ComputeModel,
}
_SCALARS = {"name": str, "clock_mhz": int, "tiles": int, "full_fifo": str}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ns|us|ms)\s*$")
_NANOSECONDS = {"ns": 1, "us": 1_000, "ms": 1_000_000}


def machine_dict(machine: MachineModel) -> dict[str, Any]:
    """The whole machine as nested plain values; `parse_machine` reads it back to an equal model."""
    return {"format": FORMAT, **asdict(machine), "engines": [asdict(e) for e in machine.engines]}


def parse_machine(data: Mapping[str, Any], where: str = "machine") -> MachineModel:
    """A machine from nested plain values.

    ``base = "npu40xx:4"`` starts from a preset; groups and engines then replace single fields. A tick count may be
    written as a time, ``"1.5us"``; it is rounded up to the reference clock. Raises MachineError on an unknown field.
    """
    data = dict(data)
    version = data.pop("format", FORMAT)
    if version != FORMAT:
        raise MachineError(f"{where}: format {version!r}, but this version reads format {FORMAT}")
    base_name = data.pop("base", None)
    if base_name is not None and not isinstance(base_name, str):
        raise MachineError(f"{where}: base: expected the name of a preset, got {base_name!r}")
    if "engines" in data and "engine" in data:
        raise MachineError(f"{where}: both 'engines' and 'engine' are given; use [[engines]] alone")
    base = machine_dict(preset(base_name)) if base_name is not None else None
    known = {*_SCALARS, *_GROUPS, "engines", "engine"}
    for key in data:
        if key not in known:
            raise MachineError(f"{where}: unknown field '{key}'{did_you_mean(key, known)}")
    merged: dict[str, Any] = {k: v for k, v in base.items() if k != "format"} if base else {}
    for key in _SCALARS:
        if key in data:
            merged[key] = _typed(f"{where}: {key}", data[key], _SCALARS[key], 0)
    for key in ("name", "clock_mhz", "tiles"):
        if key not in merged:
            raise MachineError(f"{where}: field '{key}' is missing (or start from a preset with base = \"npu40xx:4\")")
    clock = merged["clock_mhz"]
    for group, cls in _GROUPS.items():
        values = {**merged.get(group, {}), **_fields(f"{where}: {group}", data.get(group, {}), cls, clock)}
        merged[group] = cls(**values)
    merged["engines"] = _engines(where, data, merged.get("engines", []), clock)
    return MachineModel(**merged)


def _engines(where: str, data: dict[str, Any], base: list[Any], clock: int) -> tuple[EngineModel, ...]:
    listed = data.get("engines", data.get("engine", base))
    if listed in (None, []) or not isinstance(listed, list):
        for key in ("engines", "engine"):
            if key in data:
                found = "none" if listed == [] else f"{listed!r}"
                raise MachineError(f"{where}: {key}: expected [[engines]] tables, one per engine, got {found}")
        raise MachineError(f"{where}: needs [[engines]] tables, one per engine (or a base preset)")
    out: list[EngineModel] = []
    for n, entry in enumerate(listed):
        at = f"{where}: engine {n}"
        values = _fields(at, entry, EngineModel, clock)
        for key in ("name", "kind"):
            if key not in values:
                raise MachineError(f"{at}: field '{key}' is missing")
        out.append(EngineModel(**values))
    return tuple(out)


def _fields(where: str, table: object, cls: type, clock: int) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise MachineError(f"{where}: expected a table, got {table!r}")
    types = {f.name: f.type for f in fields(cls)}
    out: dict[str, Any] = {}
    for key, value in table.items():
        if key not in types:
            raise MachineError(f"{where}: unknown field '{key}'{did_you_mean(key, types)}")
        kind = {"int": int, "str": str, "bool": bool}.get(str(types[key]), types[key])
        out[key] = _typed(f"{where}: {key}", value, kind, clock)
    return out


def _typed(where: str, value: object, kind: object, clock: int) -> object:
    if kind is int and isinstance(value, str) and clock:
        match = _DURATION.match(value)
        if match is None:
            raise MachineError(f"{where}: '{value}' is neither a number of ticks nor a time such as \"1.5us\"")
        whole, _, part = match[1].partition(".")
        scale = _NANOSECONDS[match[2]] * clock
        return -(-int(whole + part) * scale // (1000 * 10 ** len(part)))
    ok = type(value) is kind
    if not ok:
        raise MachineError(f"{where}: expected {getattr(kind, '__name__', kind)}, got {value!r}")
    return value


def load_machine(spec: str) -> MachineModel:
    """A machine by preset name, by plug-in name (entry point group ``wlm.machines``) or from a TOML file."""
    if not spec.endswith(".toml"):
        if spec not in machine_names():
            for entry in entry_points(group="wlm.machines", name=spec):
                made = entry.load()()
                if not isinstance(made, MachineModel):
                    raise MachineError(f"plug-in machine '{spec}' returned {type(made).__name__}, not a MachineModel")
                return made
        return preset(spec)
    try:
        text = Path(spec).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise MachineError(f"machine file {spec}: {reason}") from None
    try:
        return parse_machine(tomllib.loads(text), f"machine file {spec}")
    except tomllib.TOMLDecodeError as error:
        raise MachineError(f"machine file {spec}: not TOML: {error}") from None


def dump_toml(machine: MachineModel) -> str:
    """The machine as a TOML file that `load_machine` reads back to an equal model."""
    data = machine_dict(machine)
    lines = [f"format = {FORMAT}"] + [f"{k} = {_toml(data[k])}" for k in _SCALARS]
    for group in _GROUPS:
        lines += ["", f"[{group}]", *(f"{k} = {_toml(v)}" for k, v in data[group].items())]
    for engine in data["engines"]:
        lines += ["", "[[engines]]", *(f"{k} = {_toml(v)}" for k, v in engine.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # a JSON string is a TOML string
    return str(value) if isinstance(value, int) else json.dumps(value)
