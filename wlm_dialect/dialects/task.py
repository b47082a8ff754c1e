"""Dialect `task`: the task graph, its buffers and its tasks. Program order is the order of the ops in the graph.

Assembly is hand-written: these ops dominate every module, and printing by `assembly_format` is five times slower.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, StringAttr, SymbolRefAttr, i32, i64
from xdsl.ir import Attribute, Dialect, Operation, ParametrizedAttribute, Region, SSAValue, TypeAttribute
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsolatedFromAbove, NoTerminator, SymbolOpInterface, SymbolTable
from xdsl.utils.exceptions import VerifyException

from wlm_dialect.dialects.barrier import BARRIER
from wlm_dialect.dialects.body import parse_body, print_body
from wlm_dialect.dialects.strings import parse_label

PHASES = ("graph", "virtual", "physical", "managed")
Mode = Literal["firmware", "partial", "full"]
MODES: tuple[Mode, ...] = ("firmware", "partial", "full")
ROLES = ("input", "output", "constant", "scratch")
FORMAT = 1


@irdl_attr_definition
class TokenType(ParametrizedAttribute, TypeAttribute):
    """The end of a task: whoever names it in `after` starts later."""

    name = "task.token"


@irdl_attr_definition
class BufferType(ParametrizedAttribute, TypeAttribute):
    """A memory object in DDR or in the CMX of a tile, or a byte range of one."""

    name = "task.buffer"


TOKEN = TokenType()
BUFFER = BufferType()

GROUPS: tuple[tuple[str, Attribute], ...] = (
    ("after", TOKEN),
    ("reads", BUFFER),
    ("writes", BUFFER),
    ("waits", BARRIER),
    ("updates", BARRIER),
)
"""Operand groups of every op that is a task, in order: keyword and type."""

SEGMENTS = "operandSegmentSizes"


def parse_values(parser: Parser, type: Attribute) -> list[SSAValue]:
    """`(%a, %b)`: operands of one type."""
    names = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_unresolved_operand)
    return [parser.resolve_operand(name, type) for name in names]


def print_values(printer: Printer, keyword: str, values: Sequence[SSAValue]) -> None:
    """` keyword(%a, %b)`."""
    printer.print_string(f" {keyword}(")
    for n, value in enumerate(values):
        if n:
            printer.print_string(", ")
        printer.print_ssa_value(value)
    printer.print_string(")")


def parse_groups(parser: Parser, groups: Iterable[tuple[str, Attribute]] = GROUPS) -> tuple[list[SSAValue], list[int]]:
    """The optional operand groups in their fixed order; operands and segment sizes."""
    operands: list[SSAValue] = []
    sizes: list[int] = []
    for keyword, type in groups:
        values = parse_values(parser, type) if parser.parse_optional_keyword(keyword) is not None else []
        operands += values
        sizes.append(len(values))
    return operands, sizes


def print_groups(
    printer: Printer, op: Operation, groups: Iterable[tuple[str, Attribute]] = GROUPS, *, hidden: str = ""
) -> None:
    """The non-empty operand groups; `hidden` is one that the op prints itself."""
    operands = op.operands
    at = 0
    for (keyword, _), size in zip(groups, segment_sizes(op), strict=True):
        if size and keyword != hidden:
            print_values(printer, keyword, operands[at : at + size])
        at += size


def segment_sizes(op: Operation) -> tuple[int, ...]:
    """Sizes of the operand groups; cheaper than the accessors when all groups are wanted."""
    sizes = op.properties[SEGMENTS]
    assert isinstance(sizes, DenseArrayBase)
    return sizes.get_values()


def segments(sizes: Sequence[int]) -> Attribute:
    """The segment-size property."""
    return DenseArrayBase.from_list(i32, sizes)


def parse_numbers(parser: Parser, words: Sequence[str]) -> dict[str, Attribute]:
    """`word 12 word 3 ...`, each optional, in the given order."""
    out: dict[str, Attribute] = {}
    for word in words:
        if parser.parse_optional_keyword(word) is not None:
            out[word] = IntegerAttr(parser.parse_integer(allow_boolean=False), i64)
    return out


def print_numbers(printer: Printer, op: Operation, words: Sequence[str]) -> None:
    """The numeric properties that are present."""
    properties = op.properties
    for word in words:
        value = properties.get(word)
        if value is not None:
            assert isinstance(value, IntegerAttr)
            printer.print_string(f" {word} {value.value.data}")


def check_at_least(op: Operation, word: str, least: int) -> None:
    """VerifyException if numeric property `word` is present and below `least`."""
    value = op.properties.get(word)
    if isinstance(value, IntegerAttr) and value.value.data < least:
        raise VerifyException(f"{op.name}: {word} is {value.value.data} but must be at least {least}")


def parse_engine(parser: Parser) -> SymbolRefAttr:
    """`@dpu0`."""
    return SymbolRefAttr(parser.parse_symbol_name())


def integers(**values: int | None) -> dict[str, Attribute | None]:
    """i64 properties from Python integers; None stays absent."""
    return {key: None if value is None else IntegerAttr(value, i64) for key, value in values.items()}


class TaskLike(IRDLOperation):
    """Base of every op that is a task: it sits in an engine's list and may wait on and update barriers."""

    engine = prop_def(SymbolRefAttr)
    cycles = prop_def(IntegerAttr[I64])
    after = var_operand_def(TOKEN)
    reads = var_operand_def(BUFFER)
    writes = var_operand_def(BUFFER)
    waits = var_operand_def(BARRIER)
    updates = var_operand_def(BARRIER)
    token = result_def(TOKEN)
    irdl_options = (AttrSizedOperandSegments(as_property=True),)


@irdl_op_definition
class BufferOp(IRDLOperation):
    """A memory object: `memory` is "ddr" or "cmx"; a CMX buffer names its tile. `address` appears after allocation.

    Roles: input and output of the network, constant (weights), scratch (all else).

    Example:
    ```mlir
    %in = task.buffer "image" ddr input size 602112
    %w  = task.buffer "conv1.w" cmx 0 scratch size 4096 address 65536
    ```
    """

    name = "task.buffer"
    label = prop_def(StringAttr)
    memory = prop_def(StringAttr)
    tile = opt_prop_def(IntegerAttr[I64])
    role = prop_def(StringAttr)
    size = prop_def(IntegerAttr[I64])
    address = opt_prop_def(IntegerAttr[I64])
    buffer = result_def(BUFFER)

    def __init__(
        self,
        label: str,
        memory: str,
        size: int,
        *,
        tile: int | None = None,
        role: str = "scratch",
        address: int | None = None,
    ) -> None:
        super().__init__(
            properties={
                "label": StringAttr(label),
                "memory": StringAttr(memory),
                "role": StringAttr(role),
                **integers(tile=tile, size=size, address=address),
            },
            result_types=[BUFFER],
        )

    @classmethod
    def parse(cls, parser: Parser) -> "BufferOp":
        properties: dict[str, Attribute] = {"label": StringAttr(parse_label(parser))}
        memory = parser.parse_identifier()
        properties["memory"] = StringAttr(memory)
        if memory == "cmx":
            properties["tile"] = IntegerAttr(parser.parse_integer(allow_boolean=False), i64)
        properties["role"] = StringAttr(parser.parse_identifier())
        parser.parse_keyword("size")
        properties["size"] = IntegerAttr(parser.parse_integer(allow_boolean=False), i64)
        properties.update(parse_numbers(parser, ("address",)))
        return cls.create(properties=properties, attributes=parser.parse_optional_attr_dict(), result_types=[BUFFER])

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_string_literal(self.label.data)
        tile = "" if self.tile is None else f" {self.tile.value.data}"
        printer.print_string(f" {self.memory.data}{tile} {self.role.data}")
        print_numbers(printer, self, ("size", "address"))
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        name, memory = self.label.data, self.memory.data
        if memory not in ("ddr", "cmx"):
            raise VerifyException(f"buffer '{name}': memory is '{memory}' but must be ddr or cmx")
        if (memory == "cmx") != (self.tile is not None):
            raise VerifyException(f"buffer '{name}': a cmx buffer has a tile, a ddr buffer has none")
        if self.role.data not in ROLES:
            raise VerifyException(f"buffer '{name}': role is '{self.role.data}' but must be one of {', '.join(ROLES)}")
        check_at_least(self, "size", 1)
        check_at_least(self, "address", 0)
        check_at_least(self, "tile", 0)


@irdl_op_definition
class ViewOp(IRDLOperation):
    """A byte range of a buffer or of another view; accesses conflict only where ranges overlap.

    Example:
    ```mlir
    %in = task.buffer "image" ddr input size 602112
    %rows = task.view %in offset 0 size 301056
    ```
    """

    name = "task.view"
    source = operand_def(BUFFER)
    offset = prop_def(IntegerAttr[I64])
    size = prop_def(IntegerAttr[I64])
    buffer = result_def(BUFFER)

    def __init__(self, source: SSAValue, offset: int, size: int) -> None:
        super().__init__(operands=[source], properties=integers(offset=offset, size=size), result_types=[BUFFER])

    @classmethod
    def parse(cls, parser: Parser) -> "ViewOp":
        source = parser.resolve_operand(parser.parse_unresolved_operand(), BUFFER)
        properties: dict[str, Attribute] = {}
        for word in ("offset", "size"):
            parser.parse_keyword(word)
            properties[word] = IntegerAttr(parser.parse_integer(allow_boolean=False), i64)
        return cls.create(
            operands=[source],
            properties=properties,
            attributes=parser.parse_optional_attr_dict(),
            result_types=[BUFFER],
        )

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_ssa_value(self.source)
        print_numbers(printer, self, ("offset", "size"))
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        check_at_least(self, "offset", 0)
        check_at_least(self, "size", 1)


@irdl_op_definition
class RunOp(TaskLike):
    """A unit of work on one engine, in program order.

    `after` orders it behind other tasks (before barriers exist), `reads` and `writes` name the memory it touches,
    `waits` and `updates` its barriers. `cycles` are ticks of the machine's clock, `slots` what it counts for on a
    barrier (a DPU task its variants, a SHAVE task its kernel runs, a DMA 1), `bytes` what a DMA moves.

    Example:
    ```mlir
    %in = task.buffer "image" ddr input size 64
    %a = task.run @dma0 "load" reads(%in) cycles 310 bytes 64
    %v = barrier.declare
    task.run @dpu0 "conv1" after(%a) updates(%v) cycles 4200 slots 4
    ```
    """

    name = "task.run"
    label = prop_def(StringAttr)
    slots = opt_prop_def(IntegerAttr[I64])
    bytes = opt_prop_def(IntegerAttr[I64])

    def __init__(
        self,
        engine: str,
        label: str,
        cycles: int,
        *,
        slots: int | None = None,
        bytes: int | None = None,
        after: Sequence[SSAValue] = (),
        reads: Sequence[SSAValue] = (),
        writes: Sequence[SSAValue] = (),
        waits: Sequence[SSAValue] = (),
        updates: Sequence[SSAValue] = (),
    ) -> None:
        super().__init__(
            operands=[after, reads, writes, waits, updates],
            properties={
                "engine": SymbolRefAttr(engine),
                "label": StringAttr(label),
                **integers(cycles=cycles, slots=slots, bytes=bytes),
            },
            result_types=[TOKEN],
        )

    @classmethod
    def parse(cls, parser: Parser) -> "RunOp":
        properties: dict[str, Attribute] = {"engine": parse_engine(parser)}
        properties["label"] = StringAttr(parse_label(parser))
        operands, sizes = parse_groups(parser)
        parser.parse_keyword("cycles")
        properties["cycles"] = IntegerAttr(parser.parse_integer(allow_boolean=False), i64)
        properties.update(parse_numbers(parser, ("slots", "bytes")))
        properties[SEGMENTS] = segments(sizes)
        return cls.create(
            operands=operands,
            properties=properties,
            attributes=parser.parse_optional_attr_dict(),
            result_types=[TOKEN],
        )

    def print(self, printer: Printer) -> None:
        properties: Mapping[str, Any] = self.properties
        printer.print_string(f" @{properties['engine'].root_reference.data} ")
        printer.print_string_literal(properties["label"].data)
        print_groups(printer, self)
        print_numbers(printer, self, ("cycles", "slots", "bytes"))
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        check_at_least(self, "cycles", 1)
        check_at_least(self, "slots", 1)
        check_at_least(self, "bytes", 0)


@irdl_op_definition
class GraphOp(IRDLOperation):
    """A program: buffers, barriers and tasks in program order. `phase` says how far it has been lowered.

    graph (dependences) -> virtual (barriers declared) -> physical (instances of hardware barriers) -> managed
    (management inserted; then `mode` says by whom). Values are used after they are defined.

    Example:
    ```mlir
    task.graph @net {
      %a = task.run @dma0 "load" cycles 310
      task.run @dpu0 "conv1" after(%a) cycles 4200
    }
    ```
    """

    name = "task.graph"
    sym_name = prop_def(StringAttr)
    phase = opt_prop_def(StringAttr)
    mode = opt_prop_def(StringAttr)
    format = opt_prop_def(IntegerAttr[I64])
    body = region_def("single_block")
    traits = traits_def(IsolatedFromAbove(), NoTerminator(), SymbolOpInterface())

    def __init__(self, sym_name: str, body: Region, *, phase: str = "graph", mode: str | None = None) -> None:
        super().__init__(
            properties={
                "sym_name": StringAttr(sym_name),
                "phase": None if phase == "graph" else StringAttr(phase),
                "mode": None if mode is None else StringAttr(mode),
            },
            regions=[body],
        )

    @property
    def phase_name(self) -> str:
        """The phase; absent means "graph"."""
        return "graph" if self.phase is None else self.phase.data

    @classmethod
    def parse(cls, parser: Parser) -> "GraphOp":
        properties: dict[str, Attribute] = {"sym_name": parser.parse_symbol_name()}
        for word in ("phase", "mode"):
            if parser.parse_optional_keyword(word) is not None:
                properties[word] = StringAttr(parser.parse_identifier())
        properties.update(parse_numbers(parser, ("format",)))
        attributes, regions = parse_body(parser)
        return cls.create(properties=properties, attributes=attributes, regions=regions)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        if self.phase is not None:
            printer.print_string(f" phase {self.phase.data}")
        if self.mode is not None:
            printer.print_string(f" mode {self.mode.data}")
        print_numbers(printer, self, ("format",))
        print_body(printer, self)

    def verify_(self) -> None:
        if self.phase_name not in PHASES:
            raise VerifyException(f"phase is '{self.phase_name}' but must be one of {', '.join(PHASES)}")
        mode = None if self.mode is None else self.mode.data
        if (self.phase_name == "managed") != (mode is not None):
            raise VerifyException("a graph has a mode exactly if its phase is managed")
        if mode is not None and mode not in MODES:
            raise VerifyException(f"mode is '{mode}' but must be one of {', '.join(MODES)}")
        if self.format is not None and self.format.value.data != FORMAT:
            raise VerifyException(f"format {self.format.value.data}, but this version reads format {FORMAT}")
        self._verify_dominance()

    def _verify_dominance(self) -> None:
        """xDSL checks no dominance (issue #1033); program order is meaning here, so we do."""
        seen: set[SSAValue] = set()
        for op in self.body.block.ops:
            for value in op.operands:
                if value not in seen:
                    hint = value.name_hint or "a value"
                    raise VerifyException(
                        f"{op.name} in @{self.sym_name.data} uses '{hint}' before it is defined: "
                        "program order must be a valid order of execution [H7]"
                    )
            seen.update(op.results)


@irdl_op_definition
class LaunchOp(IRDLOperation):
    """Host code: run a task graph of the same module and wait for it. The result is its makespan in ticks.

    Legal outside of task graphs, in any phase of the graph; bootstrap is not included.

    Example:
    ```mlir
    task.graph @net {
      %a = task.run @dma0 "load" cycles 310
    }
    %ticks = task.launch @net
    ```
    """

    name = "task.launch"
    graph = prop_def(SymbolRefAttr)
    makespan = result_def(i64)

    def __init__(self, graph: str) -> None:
        super().__init__(properties={"graph": SymbolRefAttr(graph)}, result_types=[i64])

    @classmethod
    def parse(cls, parser: Parser) -> "LaunchOp":
        properties: dict[str, Attribute] = {"graph": parse_engine(parser)}
        return cls.create(properties=properties, attributes=parser.parse_optional_attr_dict(), result_types=[i64])

    def print(self, printer: Printer) -> None:
        printer.print_string(f" @{self.graph.root_reference.data}")
        printer.print_op_attributes(self.attributes)

    def target(self) -> GraphOp | None:
        """The graph that is launched; None if the module has none of that name."""
        if self.parent_op() is None:
            return None
        found = SymbolTable.lookup_symbol(self, self.graph)
        return found if isinstance(found, GraphOp) else None

    def verify_(self) -> None:
        if self.parent_op() is not None and self.target() is None:
            raise VerifyException(f"task.launch @{self.graph.root_reference.data}: the module has no such task.graph")


Task = Dialect("task", [GraphOp, BufferOp, ViewOp, RunOp, LaunchOp], [TokenType, BufferType])
