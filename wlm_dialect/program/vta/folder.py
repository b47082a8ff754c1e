"""Program folders: `program.json` beside binary files, read into a `VtaProgram` and written back byte for byte."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.errors import ProgramError
from wlm_dialect.files import write_bytes
from wlm_dialect.program.vta.codec import INSN_BYTES, decode_insns, encode_insns
from wlm_dialect.program.vta.config import Config, Memory
from wlm_dialect.program.vta.layout import layout
from wlm_dialect.program.vta.model import QUEUES, Insns, Op, Output, Segment, Tokens, VtaProgram

JSON = "program.json"


def read_folder(path: str | Path) -> VtaProgram:
    """The program in folder `path`.

    Needs `insn` (`file`) in program.json; optional are `config` (else vta_config.json beside it, else the default),
    `segments`, `out` or `outs`, `launches` (a count), `initial_tokens`, `carry_out` (objects by queue).
    ProgramError says which file and key is wrong; other keys are kept.
    """
    folder = Path(path)
    meta = _read_json(folder / JSON)
    try:
        return _build(folder, meta)
    except ProgramError as error:
        raise ProgramError(f"{folder / JSON}: {error}") from None


def write_folder(program: VtaProgram, path: str | Path) -> None:
    """Write `program` as a folder that `read_folder` reads; files of these names that are there are replaced.

    ProgramError if the program cannot be encoded or two segments have one file, before anything is written.
    """
    folder = Path(path)
    stream = encode_insns(program.insn, program.config)
    meta = _to_json(program, stream)
    files: dict[str, bytes] = {}
    for entry, segment in zip(meta["segments"], program.segments, strict=True):
        if entry["file"] in files:
            raise ProgramError(f"two segments have the file '{entry['file']}'; name them apart")
        files[entry["file"]] = segment.data.tobytes()
    files[meta["insn"]["file"]] = stream
    for entry, output in zip(_outs(meta), program.outputs, strict=True):
        if output.expected is not None:
            files[entry["file"]] = output.expected.tobytes()
    files[JSON] = json.dumps(meta, indent=1, ensure_ascii=False).encode()  # last: with it the folder is a program
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_bytes(str(folder / name), data)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ProgramError(f"{path}: not JSON: {error}") from None
    if not isinstance(meta, dict):
        raise ProgramError(f"{path}: expected an object, found {type(meta).__name__}")
    return meta


def _build(folder: Path, meta: dict[str, Any]) -> VtaProgram:
    declared = _declared(folder, meta)
    insn = _object(meta, "insn")
    data = _bytes(folder, _text(insn, "file", "insn"), "insn")
    count = insn.get("count", len(data) // INSN_BYTES)
    if count * INSN_BYTES != len(data):
        raise ProgramError(
            f"insn.count is {count} but {insn['file']} holds {len(data)} bytes, {len(data) / INSN_BYTES:g} instructions"
        )
    config, notes = find_encoding(data, declared, str(meta.get("source", "")))
    entries = meta.get("segments", [])
    segments = tuple(_segment(folder, entry, f"segments[{n}]") for n, entry in enumerate(entries))
    outputs = tuple(_output(folder, entry, f"out {n}") for n, entry in enumerate(_outs(meta)))
    launches = meta.get("launches", 1)
    if type(launches) is not int or launches < 1:
        raise ProgramError(f"launches is {launches!r} but must be a number from 1")
    return VtaProgram(
        name=str(meta.get("name", folder.name)),
        config=config,
        insn=decode_insns(data, config),
        segments=segments,
        outputs=outputs,
        launches=launches,
        initial_tokens=_tokens(meta, "initial_tokens"),
        carry_out=_tokens(meta, "carry_out"),
        meta=meta,
        notes=notes,
    )


def find_encoding(data: NDArray[np.uint8], declared: Config, source: str = "") -> tuple[Config, tuple[str, ...]]:
    """The configuration a stream was encoded for, and notes: the declared one, or the default.

    standalone-vta applies a configuration to its tiling only: its fields, and the simulator it was checked against,
    keep the default widths. The same is assumed of a stream that makes no sense with the declared widths but does with
    the default ones. ProgramError if an instruction does not fit the declared widths.
    """
    layout(declared)
    default = replace(Config(), target=declared.target, hw_ver=declared.hw_ver)
    if declared == default or len(data) % INSN_BYTES:
        return declared, ()
    odd, odd_default = (_oddities(decode_insns(data, c), c) for c in (declared, default))
    if odd_default < odd or (source.startswith("standalone-vta") and odd_default == odd):
        return default, ("the stream is encoded with the default widths, not with those of its configuration",)
    return declared, ()


def _oddities(insn: Insns, config: Config) -> int:
    """Instructions that a compiler would not write: bits outside the fields, empty or impossible loop nests."""
    loops = (insn["op"] == Op.GEMM) | (insn["op"] == Op.ALU)
    empty = (insn["uop_end"] <= insn["uop_begin"]) | (insn["iter_out"] == 0) | (insn["iter_in"] == 0)
    odd = loops & (empty | (insn["uop_end"] > config.depth(Memory.UOP)))
    # FINISH of an old runtime is full of garbage whatever the widths are
    odd |= loops & ((insn["unused_low"] != 0) | (insn["unused_high"] != 0))
    return int(np.count_nonzero(odd))


def _declared(folder: Path, meta: Mapping[str, Any]) -> Config:
    beside = folder / "vta_config.json"
    if "config" in meta:
        return Config.from_json(_object(meta, "config"))
    return Config.from_json(_read_json(beside)) if beside.exists() else Config()


def _object(meta: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = meta.get(key)
    if not isinstance(value, dict):
        raise ProgramError(f"key '{key}' should hold an object, found {value!r}")
    return value


def _text(entry: Mapping[str, Any], key: str, place: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str):
        raise ProgramError(f"{place}: key '{key}' should be a text, found {value!r}")
    return value


def _number(entry: Mapping[str, Any], key: str, place: str) -> int:
    value = entry.get(key)
    if type(value) is not int or value < 0:
        raise ProgramError(f"{place}: key '{key}' should be a number from 0, found {value!r}")
    return value


def _bytes(folder: Path, file: str, place: str) -> NDArray[np.uint8]:
    if Path(file).name != file:
        raise ProgramError(f"{place}: file '{file}' is not in the folder")
    path = folder / file
    if not path.is_file():
        raise ProgramError(f"{place}: no file '{file}'")
    return np.fromfile(path, np.uint8)


def _segment(folder: Path, entry: Any, place: str) -> Segment:
    if not isinstance(entry, dict):
        raise ProgramError(f"{place}: expected an object, found {entry!r}")
    file = _text(entry, "file", place)
    data = _bytes(folder, file, place)
    size = entry.get("nbytes", len(data))
    if size != len(data):
        raise ProgramError(f"{place}: nbytes is {size} but {file} holds {len(data)} bytes")
    name = str(entry.get("name", file))
    return Segment(name, _number(entry, "phys", place), data, int(entry.get("elem_bytes", 1)), file)


def _outs(meta: Mapping[str, Any]) -> list[Any]:
    """The output regions; `outs` repeats what `out` says where there are both."""
    outs = meta.get("outs")
    if isinstance(outs, list):
        return outs
    return [meta["out"]] if meta.get("out") else []


def _output(folder: Path, entry: Any, place: str) -> Output:
    if not isinstance(entry, dict):
        raise ProgramError(f"{place}: expected an object, found {entry!r}")
    size = _number(entry, "nbytes", place)
    file = str(entry.get("file", ""))
    expected = _bytes(folder, file, place) if file and (folder / file).is_file() else None
    if expected is not None and len(expected) != size:
        raise ProgramError(f"{place}: nbytes is {size} but {file} holds {len(expected)} bytes")
    return Output(_number(entry, "phys", place), size, expected, int(entry.get("elem_bytes", 1)), file)


def _tokens(meta: Mapping[str, Any], key: str) -> Tokens:
    value = meta.get(key, {})
    if not isinstance(value, dict):
        raise ProgramError(f"key '{key}' should hold tokens by queue, found {value!r}")
    counts = {str(name).removesuffix("_queue"): count for name, count in value.items()}
    for name, count in counts.items():
        if name not in QUEUES:
            raise ProgramError(f"{key}: unknown queue '{name}'; known: {', '.join(QUEUES)}")
        if type(count) is not int or count < 0:
            raise ProgramError(f"{key}: {name} is {count!r} but must be a number from 0")
    return Tokens(**counts)


def _to_json(program: VtaProgram, stream: bytes) -> dict[str, Any]:
    """`program.json` of a program: what was read, brought up to date."""
    meta: dict[str, Any] = {"name": program.name, **program.meta}
    meta["name"] = program.name
    if "config" in meta:
        declared = Config.from_json(meta["config"])
        read, _ = find_encoding(np.frombuffer(stream, np.uint8), declared, str(meta.get("source", "")))
    if "config" not in meta or read != program.config:
        meta["config"] = program.config.to_json()
    meta["insn"] = {**(meta.get("insn") or {"file": "insn.bin"}), "count": len(program)}
    meta["segments"] = [_entry(s.name, s.address, len(s.data), s.element_bytes, _file(s)) for s in program.segments]
    for entry in meta["segments"]:
        if entry["file"] == meta["insn"]["file"]:
            entry["nbytes"] = len(stream)
    outs = []
    for n, output in enumerate(program.outputs):
        file = output.file or ("out_expected.bin" if n == 0 else f"out_expected_{n}.bin")
        outs.append(_entry("", output.address, output.size, output.element_bytes, file))
    _put(meta, "out", outs[0] if outs else None)
    _put(meta, "outs", outs if len(outs) > 1 or (outs and "outs" in program.meta) else None)
    _put(meta, "launches", program.launches if program.launches > 1 else None)
    for key, tokens in (("initial_tokens", program.initial_tokens), ("carry_out", program.carry_out)):
        _put(meta, key, {name: count for name, count in tokens._asdict().items() if count} or None)
    return meta


def _put(meta: dict[str, Any], key: str, value: Any) -> None:
    """Set a key at the place it has, or take it away."""
    if value is None:
        meta.pop(key, None)
    else:
        meta[key] = value


def _file(segment: Segment) -> str:
    return segment.file or f"{segment.name.lower()}.bin"


def _entry(name: str, address: int, size: int, element_bytes: int, file: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name} if name else {}
    entry |= {"phys": address, "nbytes": size, "file": file, "elem_bytes": element_bytes}  # the order of the corpus
    if element_bytes and address % element_bytes == 0:
        entry["logical"] = address // element_bytes
    return entry
