"""The end of the custom form of an operation that holds a block: attributes and the region."""

from xdsl.ir import Attribute, Block, Operation, Region
from xdsl.parser import Parser
from xdsl.printer import Printer


def parse_body(parser: Parser) -> tuple[dict[str, Attribute], list[Region]]:
    """Attributes and the one region, which has a block even if it is written `{}`."""
    attributes = parser.parse_optional_attr_dict_with_keyword()
    region = parser.parse_region()
    if not region.blocks:
        region.add_block(Block())
    return {} if attributes is None else dict(attributes.data), [region]


def print_body(printer: Printer, op: Operation) -> None:
    """What `parse_body` reads."""
    printer.print_op_attributes(op.attributes, print_keyword=True)
    printer.print_string(" ")
    printer.print_region(op.regions[0])
