"""IR text as tests write it."""

from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.ir import Dialect
from xdsl.parser import Parser

from wlm_dialect.universe import WLM_UNIVERSE


def parse(text: str, *others: Dialect) -> ModuleOp:
    """The verified module in `text`, which uses the dialects of the package, and `others`."""
    context = Context()
    for dialect in (Builtin, *others):
        context.load_dialect(dialect)
    for factory in WLM_UNIVERSE.all_dialects.values():
        context.load_dialect(factory())
    module = Parser(context, text, "test").parse_module()
    module.verify()
    return module
