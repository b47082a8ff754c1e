"""Dialect `vta`: instruction streams of the Versatile Tensor Accelerator with their data.

Three modules (load, compute, store) execute their instructions in order and synchronise by tokens in four queues; the
flags `pop_prev`, `pop_next`, `push_prev` and `push_next` of an instruction say which tokens it takes before and gives
after. All addresses and sizes count elements (tiles) of a memory. Rule ids V1-V14 are those of `wlm vta check`.

Numbers that an assembly form leaves out are 0. How wide scratchpad indices are depends on the configuration of the
program, so that is checked where instructions are encoded (`wlm_dialect.program.vta`).
"""

from collections.abc import Mapping, Sequence
from typing import Self

from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    IntegerAttr,
    StringAttr,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, Block, Dialect, Region
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent, IsolatedFromAbove, NoTerminator, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

FLAGS = ("pop_prev", "pop_next", "push_prev", "push_next")
LOADS = ("UOP", "WGT", "INP", "ACC", "ACC_8BIT")
MODULES = ("load", "compute", "store")
ALU_OPCODES = ("min", "max", "add", "shr", "mul")
BOX = ("sram", "dram", "y", "x", "stride", "pad_top", "pad_bottom", "pad_left", "pad_right")
_BITS = {"sram": 16, "dram": 32, "y": 16, "x": 16, "stride": 16, "iter_out": 14, "iter_in": 14}
_BITS |= dict.fromkeys(BOX[5:], 4)
_GEMM_LOOPS = (("outer", "out", ("dst", "src", "wgt")), ("inner", "in", ("dst", "src", "wgt")))
_ALU_LOOPS = (("outer", "out", ("dst", "src")), ("inner", "in", ("dst", "src")))
_IMM = 1 << 15


@irdl_op_definition
class ProgramOp(IRDLOperation):
    """An instruction stream in program order, its data, and how it is launched.

    `config` holds what differs from the default vta_config.json (every number a log2). `initial` and `carry_out` are
    tokens before the first launch and tokens meant to be left, in the order l2g, g2l, s2g, g2s. `partial` marks what
    came from a dump: immediates, micro-ops and data are not known.

    Example:
    ```mlir
    vta.program @copy config {LOG_BLOCK = 5 : i64} launches 2 carry_out [0, 0, 1, 0] {
      vta.load "ACC" dram 64 y 1 x 4 stride 4 push_next
      vta.store dram 1024 y 1 x 4 stride 4 pop_prev push_prev
      vta.finish
    }
    ```
    """

    name = "vta.program"
    sym_name = prop_def(StringAttr)
    config = opt_prop_def(DictionaryAttr)
    launches = opt_prop_def(IntegerAttr[I64])
    initial = opt_prop_def(DenseArrayBase)
    carry_out = opt_prop_def(DenseArrayBase)
    partial = opt_prop_def(UnitAttr)
    body = region_def("single_block")
    traits = traits_def(IsolatedFromAbove(), NoTerminator(), SymbolOpInterface())

    def __init__(
        self,
        sym_name: str,
        body: Region,
        *,
        config: Mapping[str, Attribute] | None = None,
        launches: int = 1,
        initial: Sequence[int] = (0, 0, 0, 0),
        carry_out: Sequence[int] = (0, 0, 0, 0),
        partial: bool = False,
    ) -> None:
        super().__init__(
            properties={
                "sym_name": StringAttr(sym_name),
                "config": DictionaryAttr(dict(config)) if config else None,
                "launches": IntegerAttr(launches, i64) if launches != 1 else None,
                "initial": DenseArrayBase.from_list(i64, list(initial)) if any(initial) else None,
                "carry_out": DenseArrayBase.from_list(i64, list(carry_out)) if any(carry_out) else None,
                "partial": UnitAttr() if partial else None,
            },
            regions=[body],
        )

    @classmethod
    def parse(cls, parser: Parser) -> "ProgramOp":
        properties: dict[str, Attribute] = {"sym_name": parser.parse_symbol_name()}
        if parser.parse_optional_keyword("partial") is not None:
            properties["partial"] = UnitAttr()
        if parser.parse_optional_keyword("config") is not None:
            properties["config"] = parser.parse_attribute()
        if parser.parse_optional_keyword("launches") is not None:
            properties["launches"] = IntegerAttr(parser.parse_integer(allow_boolean=False), i64)
        for word in ("initial", "carry_out"):
            if parser.parse_optional_keyword(word) is not None:
                counts = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer)
                properties[word] = DenseArrayBase.from_list(i64, counts)
        attributes = parser.parse_optional_attr_dict_with_keyword()
        region = parser.parse_region()
        if not region.blocks:
            region.add_block(Block())
        return cls.create(
            properties=properties, attributes={} if attributes is None else dict(attributes.data), regions=[region]
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        if self.partial is not None:
            printer.print_string(" partial")
        if self.config is not None:
            printer.print_string(" config ")
            printer.print_attribute(self.config)
        if self.launches is not None:
            printer.print_string(f" launches {self.launches.value.data}")
        for word, counts in (("initial", self.initial), ("carry_out", self.carry_out)):
            if counts is not None:
                printer.print_string(f" {word} [{', '.join(map(str, counts.get_values()))}]")
        printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" ")
        printer.print_region(self.body)

    def verify_(self) -> None:
        if self.launches is not None and self.launches.value.data < 1:
            raise VerifyException(f"launches is {self.launches.value.data} but must be at least 1")
        for word, counts in (("initial", self.initial), ("carry_out", self.carry_out)):
            values = (0,) * 4 if counts is None else counts.get_values()
            if len(values) != 4 or min(values) < 0:
                raise VerifyException(f"{word} is {list(values)} but names a count from 0 for l2g, g2l, s2g and g2s")
        ops = list(self.body.block.ops)
        for op in ops:
            if op.dialect_name() != Vta.name:
                raise VerifyException(f"a vta.program holds vta operations only, not {op.name}")
        insns = [op for op in ops if isinstance(op, InsnOp)]
        for n, op in enumerate(insns[:-1]):
            if isinstance(op, FinishOp):
                raise VerifyException(f"vta.finish is instruction {n} of {len(insns)} but must be the last one [V5]")


@irdl_op_definition
class SegmentOp(IRDLOperation):
    """Bytes in DRAM before the first launch, from byte address `address`.

    Example:
    ```mlir
    vta.program @data {
      vta.segment "UOP" at 4096 element 4 dense<[0, 0, 0, 0]> : tensor<4xi8>
    }
    ```
    """

    name = "vta.segment"
    segment = prop_def(StringAttr)
    address = prop_def(IntegerAttr[I64])
    element = prop_def(IntegerAttr[I64])
    data = prop_def(DenseIntOrFPElementsAttr)
    traits = traits_def(HasParent(ProgramOp))

    def __init__(self, segment: str, address: int, element: int, data: DenseIntOrFPElementsAttr) -> None:
        numbers = {"address": IntegerAttr(address, i64), "element": IntegerAttr(element, i64)}
        super().__init__(properties={"segment": StringAttr(segment), **numbers, "data": data})

    assembly_format = "$segment `at` $address `element` $element $data attr-dict"


@irdl_op_definition
class OutputOp(IRDLOperation):
    """A region of DRAM that the program produces, and the bytes expected there after the last launch, if known.

    Example:
    ```mlir
    vta.program @result {
      vta.output at 8192 size 4 element 16 expected dense<[1, 2, 3, 4]> : tensor<4xi8>
      vta.output at 12288 size 64 element 16
    }
    ```
    """

    name = "vta.output"
    address = prop_def(IntegerAttr[I64])
    size = prop_def(IntegerAttr[I64])
    element = prop_def(IntegerAttr[I64])
    expected = opt_prop_def(DenseIntOrFPElementsAttr)
    traits = traits_def(HasParent(ProgramOp))

    def __init__(self, address: int, size: int, element: int, expected: DenseIntOrFPElementsAttr | None) -> None:
        numbers = {"address": address, "size": size, "element": element}
        super().__init__(properties={**{k: IntegerAttr(v, i64) for k, v in numbers.items()}, "expected": expected})

    assembly_format = "`at` $address `size` $size `element` $element (`expected` $expected^)? attr-dict"


class InsnOp(IRDLOperation):
    """An instruction. Discardable attribute `unused` keeps bits that no field covers (two words), if any are set."""

    pop_prev = opt_prop_def(UnitAttr)
    pop_next = opt_prop_def(UnitAttr)
    push_prev = opt_prop_def(UnitAttr)
    push_next = opt_prop_def(UnitAttr)
    traits = traits_def(HasParent(ProgramOp))

    @classmethod
    def make(cls, numbers: Mapping[str, int], texts: Mapping[str, str] | None = None, *, flags: int = 0) -> Self:
        """From fields by name; zeros are left out. Bit n of `flags` is FLAGS[n]."""
        properties: dict[str, Attribute] = {k: IntegerAttr(v, i64) for k, v in numbers.items() if v}
        properties |= {k: StringAttr(v) for k, v in (texts or {}).items()}
        properties |= {name: UnitAttr() for n, name in enumerate(FLAGS) if flags >> n & 1}
        return cls.create(properties=properties)

    def number(self, name: str) -> int:
        """A numeric field; 0 where it is left out."""
        value = self.properties.get(name)
        return value.value.data if isinstance(value, IntegerAttr) else 0

    def flag(self, name: str) -> int:
        """A dependence flag, 0 or 1."""
        return int(name in self.properties)

    @classmethod
    def _finish(cls, parser: Parser, properties: dict[str, Attribute]) -> Self:
        for name in FLAGS:
            if parser.parse_optional_keyword(name) is not None:
                properties[name] = UnitAttr()
        return cls.create(properties=properties, attributes=parser.parse_optional_attr_dict())

    def _print_flags(self, printer: Printer) -> None:
        for name in FLAGS:
            if name in self.properties:
                printer.print_string(f" {name}")
        printer.print_op_attributes(self.attributes)

    def _print_numbers(self, printer: Printer, names: Sequence[str]) -> None:
        for name in names:
            if name in self.properties:
                printer.print_string(f" {name} {self.number(name)}")

    def _check(self, module: str) -> None:
        wrong = {"load": ("pop_prev", "push_prev"), "store": ("pop_next", "push_next"), "compute": ()}[module]
        for name in wrong:
            if self.flag(name):
                side = name.partition("_")[2]
                raise VerifyException(f"{self.name}: {name} is set but module {module} has no {side} neighbour [V1]")
        for name in self.properties:
            value, bits = self.number(name), _BITS.get(name, 31)
            if name != "imm" and not 0 <= value < 1 << bits:
                raise VerifyException(f"{self.name}: {name} is {value} but its field holds 0 to {(1 << bits) - 1} [V9]")


def _numbers(parser: Parser, names: Sequence[str], suffix: str = "") -> dict[str, Attribute]:
    """`word 12 word 3 ...` in any order, each at most once; zeros are left out."""
    out: dict[str, Attribute] = {}
    left = list(names)
    while (name := next((n for n in left if parser.parse_optional_keyword(n) is not None), None)) is not None:
        left.remove(name)
        value = parser.parse_integer(allow_boolean=False)
        if value:
            out[name + suffix] = IntegerAttr(value, i64)
    return out


class _BoxOp(InsnOp):
    """Moves a box of y rows of x elements; rows in DRAM are `stride` apart, in the scratchpad they are dense."""

    sram = opt_prop_def(IntegerAttr[I64])
    dram = opt_prop_def(IntegerAttr[I64])
    y = opt_prop_def(IntegerAttr[I64])
    x = opt_prop_def(IntegerAttr[I64])
    stride = opt_prop_def(IntegerAttr[I64])
    pad_top = opt_prop_def(IntegerAttr[I64])
    pad_bottom = opt_prop_def(IntegerAttr[I64])
    pad_left = opt_prop_def(IntegerAttr[I64])
    pad_right = opt_prop_def(IntegerAttr[I64])
    memory = opt_prop_def(StringAttr)


@irdl_op_definition
class LoadOp(_BoxOp):
    """LOAD: a box from DRAM into a scratchpad, with zero padding around it. INP and WGT are loaded by the load module,
    UOP, ACC and ACC_8BIT (int8 in DRAM, widened into ACC) by the compute module. x 0: it only moves tokens.

    V1: no flag towards a neighbour that the module does not have. V9: the box ends inside the scratchpad.

    Example:
    ```mlir
    vta.program @one {
      vta.load "INP" sram 144 dram 3584 y 8 x 14 stride 14 pad_top 1 pad_left 1 pad_right 1 pop_next push_next
    }
    ```
    """

    name = "vta.load"

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        properties: dict[str, Attribute] = {"memory": StringAttr(parser.parse_str_literal())}
        properties |= _numbers(parser, BOX)
        return cls._finish(parser, properties)

    def print(self, printer: Printer) -> None:
        printer.print_string(f' "{"" if self.memory is None else self.memory.data}"')
        self._print_numbers(printer, BOX)
        self._print_flags(printer)

    def verify_(self) -> None:
        memory = "" if self.memory is None else self.memory.data
        if memory not in LOADS:
            raise VerifyException(f"vta.load: memory is '{memory}' but must be one of {', '.join(LOADS)} [V1]")
        self._check("load" if memory in ("INP", "WGT") else "compute")


@irdl_op_definition
class StoreOp(_BoxOp):
    """STORE: the low bits of a dense run of accumulators into a box in DRAM. x 0: it only moves tokens; then `memory`
    may name another memory than OUT.

    V1: no flag towards a next neighbour, which the store module does not have; no padding.

    Example:
    ```mlir
    vta.program @one {
      vta.store sram 0 dram 256 y 64 x 4 stride 16 pop_prev push_prev
    }
    ```
    """

    name = "vta.store"

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        properties: dict[str, Attribute] = {}
        if (memory := parser.parse_optional_str_literal()) is not None:
            properties["memory"] = StringAttr(memory)
        properties |= _numbers(parser, BOX)
        return cls._finish(parser, properties)

    def print(self, printer: Printer) -> None:
        if self.memory is not None:
            printer.print_string(f' "{self.memory.data}"')
        self._print_numbers(printer, BOX)
        self._print_flags(printer)

    def verify_(self) -> None:
        self._check("store")
        if self.memory is not None and (self.number("x") or self.memory.data not in LOADS):
            raise VerifyException(f"vta.store: memory '{self.memory.data}' cannot be stored; leave it out for OUT [V1]")
        if self.number("x") and any(self.number(name) for name in BOX[5:]):
            raise VerifyException("vta.store: a STORE has no padding [V1]")


@irdl_op_definition
class NopOp(InsnOp):
    """Moves tokens and nothing else, in one of the modules: a LOAD or STORE of nothing, as the runtime writes it.

    V1: no flag towards a neighbour that the module does not have.

    Example:
    ```mlir
    vta.program @one {
      vta.nop "store" push_prev
      vta.nop "compute" pop_prev pop_next
    }
    ```
    """

    name = "vta.nop"
    module = prop_def(StringAttr)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        return cls._finish(parser, {"module": StringAttr(parser.parse_str_literal())})

    def print(self, printer: Printer) -> None:
        printer.print_string(f' "{self.module.data}"')
        self._print_flags(printer)

    def verify_(self) -> None:
        if self.module.data not in MODULES:
            raise VerifyException(f"vta.nop: module is '{self.module.data}' but must be one of {', '.join(MODULES)}")
        self._check(self.module.data)


class _LoopOp(InsnOp):
    """Micro-ops [begin, end) inside an inner and an outer loop, whose iterations move the elements they name."""

    uop_begin = opt_prop_def(IntegerAttr[I64])
    uop_end = opt_prop_def(IntegerAttr[I64])
    iter_out = opt_prop_def(IntegerAttr[I64])
    iter_in = opt_prop_def(IntegerAttr[I64])
    dst_out = opt_prop_def(IntegerAttr[I64])
    dst_in = opt_prop_def(IntegerAttr[I64])
    src_out = opt_prop_def(IntegerAttr[I64])
    src_in = opt_prop_def(IntegerAttr[I64])
    reset = opt_prop_def(IntegerAttr[I64])

    @classmethod
    def _parse_loops(cls, parser: Parser, loops: Sequence[tuple[str, str, Sequence[str]]]) -> dict[str, Attribute]:
        properties: dict[str, Attribute] = {}
        if parser.parse_optional_keyword("reset") is not None:
            properties["reset"] = IntegerAttr(1, i64)
        parser.parse_keyword("uops")
        parser.parse_punctuation("[")
        numbers = {"uop_begin": parser.parse_integer(allow_boolean=False)}
        parser.parse_keyword("to")
        numbers["uop_end"] = parser.parse_integer(allow_boolean=False)
        parser.parse_punctuation(")")
        for word, key, steps in loops:
            parser.parse_keyword(word)
            numbers[f"iter_{key}"] = parser.parse_integer(allow_boolean=False)
            properties |= _numbers(parser, steps, f"_{key}")
        return properties | {name: IntegerAttr(value, i64) for name, value in numbers.items() if value}

    def _print_loops(self, printer: Printer, loops: Sequence[tuple[str, str, Sequence[str]]]) -> None:
        if self.number("reset"):
            printer.print_string(" reset")
        printer.print_string(f" uops [{self.number('uop_begin')} to {self.number('uop_end')})")
        for word, key, steps in loops:
            printer.print_string(f" {word} {self.number(f'iter_{key}')}")
            for step in steps:
                if (value := self.number(f"{step}_{key}")) != 0:
                    printer.print_string(f" {step} {value}")

    def _check(self, module: str) -> None:
        super()._check(module)
        if self.number("reset") > 1:
            raise VerifyException(f"{self.name}: reset is {self.number('reset')} but is a flag")


@irdl_op_definition
class GemmOp(_LoopOp):
    """GEMM: ACC[dst] += INP[src] x WGT[wgt] for every iteration and micro-op; with `reset`, ACC[dst] = 0.

    V9: every element visited is inside its scratchpad.

    Example:
    ```mlir
    vta.program @one {
      vta.gemm uops [28 to 154) outer 8 dst 98 wgt 9 inner 7 dst 14 src 16 push_prev
      vta.gemm reset uops [0 to 14) outer 8 dst 98 inner 7 dst 14
    }
    ```
    """

    name = "vta.gemm"
    wgt_out = opt_prop_def(IntegerAttr[I64])
    wgt_in = opt_prop_def(IntegerAttr[I64])

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        return cls._finish(parser, cls._parse_loops(parser, _GEMM_LOOPS))

    def print(self, printer: Printer) -> None:
        self._print_loops(printer, _GEMM_LOOPS)
        self._print_flags(printer)

    def verify_(self) -> None:
        self._check("compute")


@irdl_op_definition
class AluOp(_LoopOp):
    """ALU: ACC[dst] = ACC[dst] op ACC[src], or op `imm`, for every iteration and micro-op, one after the other.

    Opcodes: min, max, add, shr (a negative amount shifts left), mul. `imm` is a signed 16-bit number.

    Example:
    ```mlir
    vta.program @one {
      vta.alu "shr" imm 8 uops [280 to 281) outer 1 inner 784 dst 1 src 1
      vta.alu "add" uops [0 to 4) outer 1 inner 1 push_next
    }
    ```
    """

    name = "vta.alu"
    opcode = prop_def(StringAttr)
    use_imm = opt_prop_def(IntegerAttr[I64])
    imm = opt_prop_def(IntegerAttr[I64])

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        properties: dict[str, Attribute] = {"opcode": StringAttr(parser.parse_str_literal())}
        for word in ("imm", "idle"):
            if parser.parse_optional_keyword(word) is not None:
                value = parser.parse_integer(allow_boolean=False)
                properties |= {"use_imm": IntegerAttr(1, i64)} if word == "imm" else {}
                properties |= {"imm": IntegerAttr(value, i64)} if value else {}
        return cls._finish(parser, properties | cls._parse_loops(parser, _ALU_LOOPS))

    def print(self, printer: Printer) -> None:
        printer.print_string(f' "{self.opcode.data}"')
        if self.number("use_imm"):
            printer.print_string(f" imm {self.number('imm')}")
        elif self.number("imm"):
            printer.print_string(f" idle {self.number('imm')}")  # an immediate that is there but not used
        self._print_loops(printer, _ALU_LOOPS)
        self._print_flags(printer)

    def verify_(self) -> None:
        self._check("compute")
        if self.opcode.data not in ALU_OPCODES:
            raise VerifyException(
                f"vta.alu: opcode is '{self.opcode.data}' but must be one of {', '.join(ALU_OPCODES)} [V1]"
            )
        if not -_IMM <= self.number("imm") < _IMM:
            raise VerifyException(
                f"vta.alu: imm is {self.number('imm')} but its field holds {-_IMM} to {_IMM - 1} [V9]"
            )


@irdl_op_definition
class FinishOp(InsnOp):
    """FINISH: tells the host that the launch is over, when the compute module gets there. The last instruction.

    V5: there is one, at the end. V6: it comes after the last load and the last store.

    Example:
    ```mlir
    vta.program @nothing {
      vta.finish
    }
    ```
    """

    name = "vta.finish"

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        return cls._finish(parser, {})

    def print(self, printer: Printer) -> None:
        self._print_flags(printer)

    def verify_(self) -> None:
        self._check("compute")


Vta = Dialect("vta", [ProgramOp, SegmentOp, OutputOp, LoadOp, StoreOp, NopOp, GemmOp, AluOp, FinishOp], [])
