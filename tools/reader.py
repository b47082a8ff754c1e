"""Reads MLIR text for the tools, so that every complaint about it has a line and a column."""

import sys
from typing import IO

from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.utils.exceptions import ParseError, VerifyException
from xdsl.utils.lexer import Span

from wlm_dialect.dialects.strings import Utf8Parser
from wlm_dialect.errors import UsageError, did_you_mean
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Program, decode, find_graphs, module_machine
from wlm_dialect.tools.options import STDIN
from wlm_dialect.universe import WLM_UNIVERSE


class PlacedParser(Utf8Parser):
    """xDSL's parser, which also remembers where each operation began.

    Three complaints of xDSL 0.74 have no place or a wrong one: an unknown operation (it names the token after it), an
    attribute that does not verify, and the verifier.
    """

    def __init__(self, ctx: Context, text: str, name: str) -> None:
        super().__init__(ctx, text, name)
        self.began: dict[int, Span] = {}  # by id(op): the module keeps every op alive
        self._op: Span = self._current_token.span

    def parse_operation(self) -> Operation:
        outer, self._op = self._op, self._current_token.span
        op = super().parse_operation()
        self.began[id(op)] = self._op
        self._op = outer
        return op

    def _get_op_by_name(self, name: str) -> type[Operation]:
        found = self.ctx.get_optional_op(name, dialect_stack=self._parser_state.dialect_stack)
        if found is not None:
            return found
        dialect = self.ctx.get_optional_dialect(name.partition(".")[0])
        known = [] if dialect is None else [op.name for op in dialect.operations]
        hint = did_you_mean(name, known) if known else ""
        raise ParseError(self._op, f"operation {name} is not registered{hint}")

    def place_of(self, error: VerifyException) -> Span | None:
        """Where the operation that refused to verify began: the innermost in the traceback, or the one being parsed."""
        found: Span | None = None
        trace = error.__traceback__
        while trace is not None:
            owner = trace.tb_frame.f_locals.get("self")
            if owner is self:
                found = self._op
            elif isinstance(owner, Operation):
                found = self.began.get(id(owner), found)
            trace = trace.tb_next
        return found


def read_text(stream: IO[bytes], name: str) -> str:
    """The stream as text; UsageError if it is not UTF-8."""
    data = stream.read()
    if not data.strip():
        raise UsageError(f"{name} is empty, but should hold a module or a task.graph")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{name}:{line}: byte {error.start} is not UTF-8 text; MLIR bytecode is not read") from None


def _text_of(path: str) -> str:
    if path == STDIN:
        return read_text(sys.stdin.buffer, "stdin")
    with open(path, "rb") as stream:
        return read_text(stream, path)


def read_module(path: str) -> ModuleOp:
    """The module in an .mlir file or on standard input, verified; complaints say where."""
    ctx = Context()
    for name, factory in (get_all_dialects() | WLM_UNIVERSE.all_dialects).items():
        ctx.register_dialect(name, factory)
    parser = PlacedParser(ctx, _text_of(path), path)
    try:
        module = parser.parse_module()
        module.verify()
    except VerifyException as error:
        place = parser.place_of(error)
        if place is None:
            raise
        raise ParseError(place, str(error)) from None
    return module


def read_program(path: str, machine: MachineModel | None, default: MachineModel) -> Program:
    """The one task graph in an .mlir file, on `machine`, else on the machine the file names, else on `default`."""
    module = read_module(path)
    graphs = find_graphs(module)
    if len(graphs) != 1:
        names = ", ".join(f"@{graph.sym_name.data}" for graph in graphs)
        raise UsageError(f"'{path}' holds {len(graphs)} task graphs ({names or 'none'}), but one is needed")
    return decode(graphs[0], machine or module_machine(module) or default)
