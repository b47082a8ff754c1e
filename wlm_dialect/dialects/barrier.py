"""Dialect `barrier`: hardware barriers, virtual before assignment and one instance of a physical one after it."""

from collections.abc import Mapping

from xdsl.dialects.builtin import I64, IntegerAttr, StringAttr, UnitAttr, i64
from xdsl.ir import Attribute, Dialect, ParametrizedAttribute, TypeAttribute
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

IRQS = ("over", "lifted")


@irdl_attr_definition
class BarrierType(ParametrizedAttribute, TypeAttribute):
    """One use of a barrier in program order: a virtual barrier, or one instance of a physical one."""

    name = "barrier.barrier"


BARRIER = BarrierType()


def _parse_flags(parser: Parser) -> dict[str, Attribute]:
    properties: dict[str, Attribute] = {}
    if parser.parse_optional_keyword("tail") is not None:
        properties["tail"] = UnitAttr()
    if parser.parse_optional_keyword("irq") is not None:
        properties["irq"] = StringAttr(parser.parse_str_literal())
    return properties


@irdl_op_definition
class DeclareOp(IRDLOperation):
    """A virtual barrier: a use of some barrier, not yet bound to a hardware counter.

    Legal from barrier insertion to assignment. `tail` marks the barrier that firmware watches for completion.

    Example:
    ```mlir
    %v = barrier.declare
    %t = barrier.declare tail
    ```
    """

    name = "barrier.declare"
    tail = opt_prop_def(UnitAttr)
    barrier = result_def(BARRIER)

    def __init__(self, *, tail: bool = False) -> None:
        super().__init__(properties={"tail": UnitAttr() if tail else None}, result_types=[BARRIER])

    @classmethod
    def parse(cls, parser: Parser) -> "DeclareOp":
        flags = _parse_flags(parser)
        return cls.create(properties=flags, attributes=parser.parse_optional_attr_dict(), result_types=[BARRIER])

    def print(self, printer: Printer) -> None:
        if self.tail is not None:
            printer.print_string(" tail")
        printer.print_op_attributes(self.attributes)


@irdl_op_definition
class ConfigureOp(IRDLOperation):
    """One instance of physical barrier `id`, with its counts in slots; instances of one id follow in program order.

    `irq` says which interrupt is on: "over" (all consumers started) or "lifted" (all producers ended). H9: the counts
    equal the slots of the users. Legal after assignment.

    Example:
    ```mlir
    %v = barrier.configure 7 producers 1 consumers 4
    %w = barrier.configure 7 producers 2 consumers 0 tail irq "lifted"
    ```
    """

    name = "barrier.configure"
    id = prop_def(IntegerAttr[I64])
    producers = prop_def(IntegerAttr[I64])
    consumers = prop_def(IntegerAttr[I64])
    tail = opt_prop_def(UnitAttr)
    irq = opt_prop_def(StringAttr)
    barrier = result_def(BARRIER)

    def __init__(self, id: int, producers: int, consumers: int, *, tail: bool = False, irq: str | None = None) -> None:
        super().__init__(
            properties={
                "id": IntegerAttr(id, i64),
                "producers": IntegerAttr(producers, i64),
                "consumers": IntegerAttr(consumers, i64),
                "tail": UnitAttr() if tail else None,
                "irq": None if irq is None else StringAttr(irq),
            },
            result_types=[BARRIER],
        )

    @classmethod
    def parse(cls, parser: Parser) -> "ConfigureOp":
        properties: dict[str, Attribute] = {"id": IntegerAttr(parser.parse_integer(allow_boolean=False), i64)}
        for word in ("producers", "consumers"):
            parser.parse_keyword(word)
            properties[word] = IntegerAttr(parser.parse_integer(allow_boolean=False), i64)
        properties.update(_parse_flags(parser))
        return cls.create(properties=properties, attributes=parser.parse_optional_attr_dict(), result_types=[BARRIER])

    def print(self, printer: Printer) -> None:
        number = _numbers(self.properties)
        text = f" {number['id']} producers {number['producers']} consumers {number['consumers']}"
        if self.tail is not None:
            text += " tail"
        if self.irq is not None:
            text += f' irq "{self.irq.data}"'
        printer.print_string(text)
        printer.print_op_attributes(self.attributes)

    def verify_(self) -> None:
        number = _numbers(self.properties)
        if number["id"] < 0:
            raise VerifyException(f"barrier id is {number['id']} but must be at least 0 [H9]")
        if number["producers"] < 1:
            raise VerifyException(
                f"barrier {number['id']} is configured with {number['producers']} producers but needs at least one: "
                "nothing else can lift it [H7]"
            )
        if number["consumers"] < 0:
            raise VerifyException(f"barrier {number['id']}: consumers is {number['consumers']} but at least 0 [H9]")
        if self.irq is not None and self.irq.data not in IRQS:
            raise VerifyException(f"irq is '{self.irq.data}' but must be one of {', '.join(IRQS)}")


def _numbers(properties: Mapping[str, Attribute]) -> dict[str, int]:
    return {key: a.value.data for key, a in properties.items() if isinstance(a, IntegerAttr)}


Barrier = Dialect("barrier", [DeclareOp, ConfigureOp], [BarrierType])
