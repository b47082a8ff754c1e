"""Instructions that compute: micro-ops inside two loops."""

from collections.abc import Sequence
from typing import Self

from xdsl.dialects.builtin import I64, IntegerAttr, StringAttr, i64
from xdsl.ir import Attribute
from xdsl.irdl import irdl_op_definition, opt_prop_def, prop_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from wlm_dialect.dialects.vta.program import InsnOp, parse_numbers

ALU_OPCODES = ("min", "max", "add", "shr", "mul")
_GEMM_LOOPS = (("outer", "out", ("dst", "src", "wgt")), ("inner", "in", ("dst", "src", "wgt")))
_ALU_LOOPS = (("outer", "out", ("dst", "src")), ("inner", "in", ("dst", "src")))
_IMM = 1 << 15


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
            properties |= parse_numbers(parser, steps, f"_{key}")
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
