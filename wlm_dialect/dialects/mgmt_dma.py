"""Dialect `mgmt_dma`: the management work around tasks, done by DMAs the compiler made or by firmware.

`fetch`, `enqueue`, `program` and `sync` are DMA tasks with waits and updates of their own, at their place in the list
of the DMA engine that runs them. `bootstrap` and `work_item` are not tasks: they say what is set up before the first
task and what firmware pushes. Task ranges count positions in an engine's list, management included.
"""

from collections.abc import Sequence

from xdsl.dialects.builtin import I64, IntegerAttr, SymbolRefAttr, i64
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from wlm_dialect.dialects.barrier import BARRIER
from wlm_dialect.dialects.task import (
    GROUPS,
    SEGMENTS,
    TOKEN,
    TaskLike,
    check_at_least,
    integers,
    parse_engine,
    parse_groups,
    parse_numbers,
    print_groups,
    print_numbers,
    segments,
)

_TAIL = ("cycles", "bytes")
_PROGRAM_GROUPS = (("instances", BARRIER), *GROUPS)


def parse_range(parser: Parser, low: str, high: str) -> dict[str, Attribute]:
    """`[0 to 32)`: a half-open range into two properties."""
    parser.parse_punctuation("[")
    first = parser.parse_integer(allow_boolean=False)
    parser.parse_keyword("to")
    last = parser.parse_integer(allow_boolean=False)
    parser.parse_punctuation(")")
    return {low: IntegerAttr(first, i64), high: IntegerAttr(last, i64)}


def _check_range(name: str, low: int, high: int) -> None:
    if not 0 <= low < high:
        raise VerifyException(f"{name}: range [{low} to {high}) is empty or negative")


def _parse_rest(parser: Parser, properties: dict[str, Attribute]) -> list[SSAValue]:
    """`on @dma0 after(..) ... cycles 12`; fills `properties`, returns the operands."""
    parser.parse_keyword("on")
    properties["engine"] = parse_engine(parser)
    operands, sizes = parse_groups(parser)
    properties.update(parse_numbers(parser, _TAIL))
    properties[SEGMENTS] = segments(sizes)
    return operands


class _ManagementOp(TaskLike):
    """A management DMA: its duration is `cycles`, or what the machine says when absent."""

    bytes = opt_prop_def(IntegerAttr[I64])

    def _print_rest(self, printer: Printer) -> None:
        printer.print_string(f" on @{self.engine.root_reference.data}")
        print_groups(printer, self)
        print_numbers(printer, self, _TAIL)
        printer.print_op_attributes(self.attributes)

    def _verify_task(self) -> None:
        check_at_least(self, "cycles", 1)
        check_at_least(self, "bytes", 0)


class _RangeOp(_ManagementOp):
    """A management DMA for tasks [low to high) of the list of `target`."""

    target = prop_def(SymbolRefAttr)
    low = prop_def(IntegerAttr[I64])
    high = prop_def(IntegerAttr[I64])

    def _print_target(self, printer: Printer) -> None:
        printer.print_string(f" @{self.target.root_reference.data} [{self.low.value.data} to {self.high.value.data})")


@irdl_op_definition
class FetchOp(_RangeOp):
    """Copy the descriptors of tasks [low to high) of `target` into its CMX slots [slot to slot + high - low).

    H4: its end precedes the head of each of these tasks. H5: it starts after the end of the slots' former users.
    In firmware mode firmware builds it at run time, and a DMA interrupt reports its end.

    Example:
    ```mlir
    mgmt_dma.fetch @dpu0 [0 to 32) slots [0 to 32) on @dma0 cycles 580
    ```
    """

    name = "mgmt_dma.fetch"
    slot = prop_def(IntegerAttr[I64])

    def __init__(
        self,
        target: str,
        low: int,
        high: int,
        slot: int,
        engine: str,
        cycles: int,
        *,
        bytes: int | None = None,
        after: Sequence[SSAValue] = (),
        waits: Sequence[SSAValue] = (),
        updates: Sequence[SSAValue] = (),
    ) -> None:
        super().__init__(
            operands=[after, [], [], waits, updates],
            properties={
                "target": SymbolRefAttr(target),
                "engine": SymbolRefAttr(engine),
                **integers(low=low, high=high, slot=slot, cycles=cycles, bytes=bytes),
            },
            result_types=[TOKEN],
        )

    @classmethod
    def parse(cls, parser: Parser) -> "FetchOp":
        properties: dict[str, Attribute] = {"target": parse_engine(parser)}
        properties.update(parse_range(parser, "low", "high"))
        parser.parse_keyword("slots")
        at = parser.pos
        slots = parse_range(parser, "slot", "end")
        numbers = {key: a.value.data for key, a in (properties | slots).items() if isinstance(a, IntegerAttr)}
        if numbers["end"] - numbers["slot"] != numbers["high"] - numbers["low"]:
            parser.raise_error("a fetch needs as many slots as it has descriptors", at)
        properties["slot"] = slots["slot"]
        operands = _parse_rest(parser, properties)
        return cls.create(
            operands=operands,
            properties=properties,
            attributes=parser.parse_optional_attr_dict(),
            result_types=[TOKEN],
        )

    def print(self, printer: Printer) -> None:
        self._print_target(printer)
        slot = self.slot.value.data
        printer.print_string(f" slots [{slot} to {slot + self.high.value.data - self.low.value.data})")
        self._print_rest(printer)

    def verify_(self) -> None:
        _check_range(self.name, self.low.value.data, self.high.value.data)
        check_at_least(self, "slot", 0)
        self._verify_task()


@irdl_op_definition
class EnqueueOp(_RangeOp):
    """Push tasks [low to high) of `target` into its work FIFO, in order; the channel is busy until the last is in.

    Example:
    ```mlir
    mgmt_dma.enqueue @dpu0 [0 to 32) on @dma0 cycles 20
    ```
    """

    name = "mgmt_dma.enqueue"

    def __init__(
        self,
        target: str,
        low: int,
        high: int,
        engine: str,
        cycles: int,
        *,
        bytes: int | None = None,
        after: Sequence[SSAValue] = (),
        waits: Sequence[SSAValue] = (),
        updates: Sequence[SSAValue] = (),
    ) -> None:
        super().__init__(
            operands=[after, [], [], waits, updates],
            properties={
                "target": SymbolRefAttr(target),
                "engine": SymbolRefAttr(engine),
                **integers(low=low, high=high, cycles=cycles, bytes=bytes),
            },
            result_types=[TOKEN],
        )

    @classmethod
    def parse(cls, parser: Parser) -> "EnqueueOp":
        properties: dict[str, Attribute] = {"target": parse_engine(parser)}
        properties.update(parse_range(parser, "low", "high"))
        operands = _parse_rest(parser, properties)
        return cls.create(
            operands=operands,
            properties=properties,
            attributes=parser.parse_optional_attr_dict(),
            result_types=[TOKEN],
        )

    def print(self, printer: Printer) -> None:
        self._print_target(printer)
        self._print_rest(printer)

    def verify_(self) -> None:
        _check_range(self.name, self.low.value.data, self.high.value.data)
        self._verify_task()


@irdl_op_definition
class ProgramOp(_ManagementOp):
    """Push barrier instances into the configuration FIFOs of their physical barriers; they land at the transfer's end.

    One transfer covers a run of consecutive registers, a few entries deep (machine: `management.program_depth`).

    Example:
    ```mlir
    %v = barrier.configure 0 producers 1 consumers 1
    %w = barrier.configure 1 producers 1 consumers 1
    mgmt_dma.program [%v, %w] on @dma0 cycles 20
    ```
    """

    name = "mgmt_dma.program"
    instances = var_operand_def(BARRIER)

    def __init__(
        self,
        instances: Sequence[SSAValue],
        engine: str,
        cycles: int,
        *,
        bytes: int | None = None,
        waits: Sequence[SSAValue] = (),
        updates: Sequence[SSAValue] = (),
    ) -> None:
        super().__init__(
            operands=[instances, [], [], [], waits, updates],
            properties={"engine": SymbolRefAttr(engine), **integers(cycles=cycles, bytes=bytes)},
            result_types=[TOKEN],
        )

    @classmethod
    def parse(cls, parser: Parser) -> "ProgramOp":
        names = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_unresolved_operand)
        instances = [parser.resolve_operand(name, BARRIER) for name in names]
        properties: dict[str, Attribute] = {}
        parser.parse_keyword("on")
        properties["engine"] = parse_engine(parser)
        operands, sizes = parse_groups(parser)
        properties.update(parse_numbers(parser, _TAIL))
        properties[SEGMENTS] = segments([len(instances), *sizes])
        return cls.create(
            operands=[*instances, *operands],
            properties=properties,
            attributes=parser.parse_optional_attr_dict(),
            result_types=[TOKEN],
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" [")
        printer.print_list(self.instances, printer.print_ssa_value)
        printer.print_string(f"] on @{self.engine.root_reference.data}")
        print_groups(printer, self, _PROGRAM_GROUPS, hidden="instances")
        print_numbers(printer, self, _TAIL)
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        if not self.instances:
            raise VerifyException(f"{self.name}: programs no barrier")
        self._verify_task()


@irdl_op_definition
class SyncOp(_ManagementOp):
    """A DMA that moves nothing: it joins what it waits on and passes it to what it updates.

    Example:
    ```mlir
    %v = barrier.configure 0 producers 2 consumers 1
    mgmt_dma.sync on @dma0 waits(%v) cycles 10
    ```
    """

    name = "mgmt_dma.sync"

    def __init__(
        self,
        engine: str,
        cycles: int,
        *,
        after: Sequence[SSAValue] = (),
        waits: Sequence[SSAValue] = (),
        updates: Sequence[SSAValue] = (),
    ) -> None:
        super().__init__(
            operands=[after, [], [], waits, updates],
            properties={"engine": SymbolRefAttr(engine), **integers(cycles=cycles)},
            result_types=[TOKEN],
        )

    @classmethod
    def parse(cls, parser: Parser) -> "SyncOp":
        properties: dict[str, Attribute] = {}
        operands = _parse_rest(parser, properties)
        return cls.create(
            operands=operands,
            properties=properties,
            attributes=parser.parse_optional_attr_dict(),
            result_types=[TOKEN],
        )

    def print(self, printer: Printer) -> None:
        self._print_rest(printer)

    def verify_(self) -> None:
        self._verify_task()


@irdl_op_definition
class BootstrapOp(IRDLOperation):
    """Barrier instances loaded before t = 0, in this order: up to 1 + B per physical barrier.

    Example:
    ```mlir
    %v = barrier.configure 0 producers 1 consumers 1
    mgmt_dma.bootstrap [%v]
    ```
    """

    name = "mgmt_dma.bootstrap"
    instances = var_operand_def(BARRIER)

    def __init__(self, instances: Sequence[SSAValue]) -> None:
        super().__init__(operands=[instances])

    @classmethod
    def parse(cls, parser: Parser) -> "BootstrapOp":
        names = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_unresolved_operand)
        operands = [parser.resolve_operand(name, BARRIER) for name in names]
        return cls.create(operands=operands, attributes=parser.parse_optional_attr_dict())

    def print(self, printer: Printer) -> None:
        printer.print_string(" [")
        printer.print_list(self.instances, printer.print_ssa_value)
        printer.print_string("]")
        printer.print_op_attributes(self.attributes)


@irdl_op_definition
class WorkItemOp(IRDLOperation):
    """Firmware pushes tasks [low to high) of `engine` into its FIFO: at bootstrap, or once all it names has passed.

    `at` names barrier instances (their consumption interrupt programs the next instance, then pushes), `done` names
    fetches built at run time (their DMA interrupt). The handler of the last of them pushes. Items of one engine are
    pushed in the order of the ops.

    Example:
    ```mlir
    %v = barrier.configure 0 producers 1 consumers 1 irq "over"
    mgmt_dma.work_item @dma0 [0 to 2)
    mgmt_dma.work_item @dma0 [2 to 3) at(%v)
    ```
    """

    name = "mgmt_dma.work_item"
    engine = prop_def(SymbolRefAttr)
    low = prop_def(IntegerAttr[I64])
    high = prop_def(IntegerAttr[I64])
    at = var_operand_def(BARRIER)
    done = var_operand_def(TOKEN)
    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    def __init__(
        self, engine: str, low: int, high: int, *, at: Sequence[SSAValue] = (), done: Sequence[SSAValue] = ()
    ) -> None:
        super().__init__(
            operands=[at, done], properties={"engine": SymbolRefAttr(engine), **integers(low=low, high=high)}
        )

    @classmethod
    def parse(cls, parser: Parser) -> "WorkItemOp":
        properties: dict[str, Attribute] = {"engine": parse_engine(parser)}
        properties.update(parse_range(parser, "low", "high"))
        operands, sizes = parse_groups(parser, (("at", BARRIER), ("done", TOKEN)))
        properties[SEGMENTS] = segments(sizes)
        return cls.create(operands=operands, properties=properties, attributes=parser.parse_optional_attr_dict())

    def print(self, printer: Printer) -> None:
        low, high = self.low.value.data, self.high.value.data
        printer.print_string(f" @{self.engine.root_reference.data} [{low} to {high})")
        print_groups(printer, self, (("at", BARRIER), ("done", TOKEN)))
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        _check_range(self.name, self.low.value.data, self.high.value.data)


MgmtDma = Dialect("mgmt_dma", [FetchOp, EnqueueOp, ProgramOp, SyncOp, BootstrapOp, WorkItemOp], [])
