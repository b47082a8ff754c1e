"""A VTA program -> a task graph on engines load, compute and store, for whatever schedules task graphs."""

from typing import Literal

from xdsl.dialects.builtin import FlatSymbolRefAttr, IntegerAttr, i64

from wlm_dialect.errors import ScheduleError, did_you_mean
from wlm_dialect.kernels.csr import I64
from wlm_dialect.machine import MachineModel
from wlm_dialect.passes.vta.dependences import data_dependences, token_dependences
from wlm_dialect.passes.vta.lower import INSN_KEY, SOURCE_KEY
from wlm_dialect.program import Program
from wlm_dialect.program.model import Draft
from wlm_dialect.program.vta import VtaProgram
from wlm_dialect.program.vta.names import MODULES, insn_name

Dependences = Literal["tokens", "data"]
_READ = {"tokens": token_dependences, "data": data_dependences}


def graph_of(
    program: VtaProgram, durations: I64, machine: MachineModel, dependences: Dependences = "tokens"
) -> Program:
    """One launch of `program` as a task graph in phase graph: a task per instruction that is no NOP.

    `durations`: ticks per instruction. `dependences`: what the tokens order, NOPs included, or only what the data
    need. Tasks carry the number of their instruction (`vta.insn`), so that `lower` makes a program of them again.
    ScheduleError if the machine lacks an engine, or if the dependences cannot be told.
    """
    missing = [name for name in MODULES if name not in machine.engine_index]
    if missing:
        raise ScheduleError(
            f"machine {machine.name} has no engine '{missing[0]}'; a VTA program needs {', '.join(MODULES)}, as "
            "machine vta has them"
        )
    if dependences not in _READ:
        raise ScheduleError(f"dependences are '{dependences}'{did_you_mean(dependences, _READ)}")
    found = _READ[dependences](program)
    draft = Draft(f"{program.name}_tasks", machine)
    task: dict[int, int] = {}
    for i in found.order:
        task[i] = draft.add(
            machine.engine_index[MODULES[int(program.module[i])]],
            insn_name(program, i),
            int(durations[i]),
            after=sorted(task[a] for a in found.after[i]),
        )
        draft.extra[task[i]] = {INSN_KEY: IntegerAttr(i, i64)}
    return draft.finish(attributes={SOURCE_KEY: FlatSymbolRefAttr(program.name)})
