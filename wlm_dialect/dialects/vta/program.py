"""The program, and what all its instructions share: flags, and numbers that have to fit their fields."""

from collections.abc import Mapping, Sequence
from typing import Self

from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    DictionaryAttr,
    IntegerAttr,
    StringAttr,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, Region
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

from wlm_dialect.dialects.body import parse_body, print_body

FLAGS = ("pop_prev", "pop_next", "push_prev", "push_next")
BOX = ("sram", "dram", "y", "x", "stride", "pad_top", "pad_bottom", "pad_left", "pad_right")
_BITS = {"sram": 16, "dram": 32, "y": 16, "x": 16, "stride": 16, "iter_out": 14, "iter_in": 14}
_BITS |= dict.fromkeys(BOX[5:], 4)


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
        attributes, regions = parse_body(parser)
        return cls.create(properties=properties, attributes=attributes, regions=regions)

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
        print_body(printer, self)

    def verify_(self) -> None:
        if self.launches is not None and self.launches.value.data < 1:
            raise VerifyException(f"launches is {self.launches.value.data} but must be at least 1")
        for word, counts in (("initial", self.initial), ("carry_out", self.carry_out)):
            values = (0,) * 4 if counts is None else counts.get_values()
            if len(values) != 4 or min(values) < 0:
                raise VerifyException(f"{word} is {list(values)} but names a count from 0 for l2g, g2l, s2g and g2s")
        ops = list(self.body.block.ops)
        for op in ops:
            if op.dialect_name() != self.dialect_name():
                raise VerifyException(f"a vta.program holds vta operations only, not {op.name}")
        insns = [op for op in ops if isinstance(op, InsnOp)]
        for n, op in enumerate(insns[:-1]):
            if isinstance(op, FinishOp):
                raise VerifyException(f"vta.finish is instruction {n} of {len(insns)} but must be the last one [V5]")


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


def parse_numbers(parser: Parser, names: Sequence[str], suffix: str = "") -> dict[str, Attribute]:
    """`word 12 word 3 ...` in any order, each at most once; zeros are left out."""
    out: dict[str, Attribute] = {}
    left = list(names)
    while (name := next((n for n in left if parser.parse_optional_keyword(n) is not None), None)) is not None:
        left.remove(name)
        value = parser.parse_integer(allow_boolean=False)
        if value:
            out[name + suffix] = IntegerAttr(value, i64)
    return out
