"""IR files: a module of our dialects, in any phase."""

from pathlib import Path

from xdsl.context import Context
from xdsl.dialects import builtin, dlti
from xdsl.utils.exceptions import ParseError, VerifyException

from wlm_dialect.dialects.barrier import Barrier
from wlm_dialect.dialects.mgmt_dma import MgmtDma
from wlm_dialect.dialects.strings import Utf8Parser
from wlm_dialect.dialects.task import Task
from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends.text_file import read_text
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Program, decode, find_graphs


def read_mlir(path: Path, machine: MachineModel) -> Program:
    """The one task graph of an IR file, verified; `machine` replaces the model that the file names."""
    text = read_text(path)
    context = Context()
    for dialect in (builtin.Builtin, dlti.DLTI, Task, Barrier, MgmtDma):
        context.load_dialect(dialect)
    try:
        module = Utf8Parser(context, text, str(path)).parse_module()
        module.verify()
    except ParseError as error:
        raise FrontendError(f"{path}: not IR of this project: {error}") from None
    except VerifyException as error:
        raise FrontendError(f"{path}: {error}") from None
    graphs = find_graphs(module)
    if len(graphs) != 1:
        found = ", ".join(f"@{g.sym_name.data}" for g in graphs) or "none"
        raise FrontendError(f"{path}: expected one task.graph, found {found}; split the module first")
    return decode(graphs[0], machine)
