"""VTA programs <-> IR of dialect `vta`, without loss: binary streams come back byte for byte."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    TensorType,
    i8,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region

from wlm_dialect.dialects.vta import (
    ALU_OPCODES,
    BOX,
    FLAGS,
    LOADS,
    MODULES,
    AluOp,
    FinishOp,
    GemmOp,
    InsnOp,
    LoadOp,
    NopOp,
    OutputOp,
    ProgramOp,
    SegmentOp,
    StoreOp,
)
from wlm_dialect.errors import ProgramError
from wlm_dialect.program.vta.codec import encode_insns
from wlm_dialect.program.vta.config import Config, Memory
from wlm_dialect.program.vta.model import INSN, NO_TOKENS, Op, Output, Segment, Tokens, VtaProgram

_LOOP = ("reset", "uop_begin", "uop_end", "iter_out", "iter_in", "dst_out", "dst_in", "src_out", "src_in")
_META = "meta"
# what a NOP of each module is written as
_NOPS = {"load": (Op.LOAD, Memory.INP), "compute": (Op.LOAD, Memory.UOP), "store": (Op.STORE, Memory.UOP)}


def encode_ir(program: VtaProgram) -> ModuleOp:
    """A module that holds `program` as one `vta.program`. ProgramError for an opcode or memory that the dialect,
    like VTA itself, does not have."""
    ops: list[Operation] = []
    for segment in program.segments:
        op = SegmentOp(segment.name, segment.address, segment.element_bytes, _dense(segment.data))
        ops.append(_with_file(op, segment.file))
    for output in program.outputs:
        expected = None if output.expected is None else _dense(output.expected)
        ops.append(_with_file(OutputOp(output.address, output.size, output.element_bytes, expected), output.file))
    ops += [_encode_insn(row, i) for i, row in enumerate(program.insn)]
    default = Config().to_json()
    config = {key: value for key, value in program.config.to_json().items() if default.get(key) != value}
    made = ProgramOp(
        program.name,
        Region(Block(ops)),
        config={k: StringAttr(v) if isinstance(v, str) else IntegerAttr(v, i64) for k, v in config.items()},
        launches=program.launches,
        initial=program.initial_tokens,
        carry_out=program.carry_out,
        partial=not program.executable,
    )
    if program.meta:
        made.attributes[_META] = StringAttr(json.dumps(program.meta, ensure_ascii=False))
    return ModuleOp([made])


def decode_ir(op: ProgramOp) -> VtaProgram:
    """The program of a `vta.program`; ProgramError where a number does not fit the configuration."""
    config = _decode_config(op)
    ops = list(op.body.block.ops)
    insns = [each for each in ops if isinstance(each, InsnOp)]
    insn = np.zeros(len(insns), INSN)
    for row, each in zip(insn, insns, strict=True):
        _decode_insn(each, row)
    encode_insns(insn, config)  # every number fits its field
    segments = tuple(
        Segment(s.segment.data, s.address.value.data, _bytes(s.data), s.element.value.data, _file_of(s))
        for s in ops
        if isinstance(s, SegmentOp)
    )
    outputs = tuple(
        Output(
            o.address.value.data,
            o.size.value.data,
            None if o.expected is None else _bytes(o.expected),
            o.element.value.data,
            _file_of(o),
        )
        for o in ops
        if isinstance(o, OutputOp)
    )
    for n, output in enumerate(outputs):
        if output.expected is not None and len(output.expected) != output.size:
            raise ProgramError(f"output {n} has size {output.size} but expects {len(output.expected)} bytes")
    meta = op.attributes.get(_META)
    return VtaProgram(
        name=op.sym_name.data,
        config=config,
        insn=insn,
        segments=segments,
        outputs=outputs,
        launches=1 if op.launches is None else op.launches.value.data,
        initial_tokens=_tokens(op.initial),
        carry_out=_tokens(op.carry_out),
        executable=op.partial is None,
        meta=_meta(op.sym_name.data, meta.data) if isinstance(meta, StringAttr) else {},
    )


def _meta(name: str, text: str) -> dict[str, Any]:
    try:
        meta = json.loads(text)
    except ValueError as error:
        raise ProgramError(f"@{name}: meta is not JSON: {error}") from None
    if not isinstance(meta, dict):
        raise ProgramError(f"@{name}: meta: expected an object, found {type(meta).__name__}")
    return meta


def find_programs(module: ModuleOp) -> list[ProgramOp]:
    """The VTA programs of a module, in order."""
    return [op for op in module.walk() if isinstance(op, ProgramOp)]


def _encode_insn(row: np.void, i: int) -> InsnOp:
    op, memory = int(row["op"]), int(row["memory"])
    flags = sum(int(row[name]) << n for n, name in enumerate(FLAGS))
    box = {name: int(row[name]) for name in BOX}
    loops = {name: int(row[name]) for name in _LOOP}
    made: InsnOp
    nop = next((m for m in MODULES if _NOPS[m] == (op, memory)), None)
    if op in (Op.LOAD, Op.STORE) and nop is not None and not any(box.values()):
        made = NopOp.make({}, {"module": nop}, flags=flags)
    elif op == Op.LOAD and memory in Memory.__members__.values() and Memory(memory).name in LOADS:
        made = LoadOp.make(box, {"memory": Memory(memory).name}, flags=flags)
    elif op == Op.STORE and memory in Memory.__members__.values():
        made = StoreOp.make(box, {} if memory == Memory.OUT else {"memory": Memory(memory).name}, flags=flags)
    elif op == Op.GEMM:
        made = GemmOp.make(loops | {n: int(row[n]) for n in ("wgt_out", "wgt_in")}, flags=flags)
    elif op == Op.ALU and row["alu"] < len(ALU_OPCODES):
        numbers = loops | {n: int(row[n]) for n in ("use_imm", "imm")}
        made = AluOp.make(numbers, {"opcode": ALU_OPCODES[row["alu"]]}, flags=flags)
    elif op == Op.FINISH:
        made = FinishOp.make({}, flags=flags)
    else:
        raise ProgramError(
            f"INSTRUCTION {i} has opcode {op}, memory {memory} and ALU opcode {row['alu']}, which IR cannot express"
        )
    unused = [int(row[name].astype(np.int64)) for name in ("unused_low", "unused_high")]
    if any(unused):
        made.attributes["unused"] = DenseArrayBase.from_list(i64, unused)
    return made


def _decode_insn(op: InsnOp, row: np.void) -> None:
    for name in FLAGS:
        row[name] = op.flag(name)
    for name in op.properties:
        if name in (INSN.names or ()) and name not in (*FLAGS, "memory"):
            row[name] = op.number(name)
    match op:
        case NopOp():
            row["op"], row["memory"] = _NOPS[op.module.data]
        case LoadOp():
            row["op"], row["memory"] = Op.LOAD, Memory[op.memory.data] if op.memory else Memory.UOP
        case StoreOp():
            row["op"], row["memory"] = Op.STORE, Memory[op.memory.data] if op.memory else Memory.OUT
        case GemmOp():
            row["op"] = Op.GEMM
        case AluOp():
            row["op"], row["alu"] = Op.ALU, ALU_OPCODES.index(op.opcode.data)
        case _:
            row["op"] = Op.FINISH
    unused = op.attributes.get("unused")
    if isinstance(unused, DenseArrayBase):
        row["unused_low"], row["unused_high"] = (np.int64(v).astype(np.uint64) for v in unused.get_values())


def _decode_config(op: ProgramOp) -> Config:
    values: dict[str, object] = {}
    for key, value in (op.config.data if op.config is not None else {}).items():
        values[key] = value.value.data if isinstance(value, IntegerAttr) else _text(value)
    return Config.from_json(values)


def _text(value: Attribute) -> str:
    return value.data if isinstance(value, StringAttr) else str(value)


def _tokens(counts: Any) -> Tokens:
    return NO_TOKENS if counts is None else Tokens(*(int(v) for v in counts.get_values()))


def _dense(data: NDArray[np.uint8]) -> DenseIntOrFPElementsAttr:
    return DenseIntOrFPElementsAttr(TensorType(i8, [len(data)]), BytesAttr(data.tobytes()))


def _bytes(data: DenseIntOrFPElementsAttr) -> NDArray[np.uint8]:
    size = data.type.get_shape()[0] if isinstance(data.type, TensorType) else 0
    raw = np.frombuffer(data.data.data, np.uint8)
    return np.repeat(raw, size) if len(raw) == 1 else raw  # one byte may stand for all


def _with_file(op: Operation, file: str) -> Operation:
    if file:
        op.attributes["file"] = StringAttr(file)
    return op


def _file_of(op: Operation) -> str:
    file = op.attributes.get("file")
    return file.data if isinstance(file, StringAttr) else ""
