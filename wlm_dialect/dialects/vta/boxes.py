"""Instructions that move boxes between DRAM and the scratchpads; a NOP is one that moves nothing."""

from typing import Self

from xdsl.dialects.builtin import I64, IntegerAttr, StringAttr
from xdsl.ir import Attribute
from xdsl.irdl import irdl_op_definition, opt_prop_def, prop_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from wlm_dialect.dialects.vta.program import BOX, InsnOp, parse_numbers

LOADS = ("UOP", "WGT", "INP", "ACC", "ACC_8BIT")
MODULES = ("load", "compute", "store")


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
        properties |= parse_numbers(parser, BOX)
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
        properties |= parse_numbers(parser, BOX)
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
