"""Custom assembly shared by every op that is a task: one parser and one printer for their operand groups.

Hand-written because these ops dominate every module: printing by `assembly_format` is five times slower (docs/rationale.md).
"""

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, FlatSymbolRefAttr, FlatSymbolRefAttrConstr, StringAttr, SymbolRefAttr, i32
from xdsl.ir import Attribute, Operation, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import Parser
from xdsl.printer import Printer

from wlm_dialect.dialects.barrier import BARRIER
