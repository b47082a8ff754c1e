"""A task graph on three engines -> a VTA program: instructions, and the tokens that keep their order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import IntegerAttr

from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.vta.check import check
from wlm_dialect.passes.vta.events import EventGraph
from wlm_dialect.passes.vta.findings import PROVED
from wlm_dialect.passes.vta.flow import NO_TOKENS, Flow
from wlm_dialect.passes.vta.placement import Placement, place_exact, place_fewest
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.vta import INSN, QUEUES, Config, Memory, Module, Op, VtaProgram
from wlm_dialect.program.vta.hardware import Hardware
from wlm_dialect.program.vta.model import Insns
from wlm_dialect.program.vta.names import MODULES, insn_name

INSN_KEY = "vta.insn"
"""Discardable attribute of a task: which instruction of the program it came from it is."""
SOURCE_KEY = "vta.program"
"""Discardable attribute of a graph: the symbol of that program."""

ORDERS = {"exact": place_exact, "fewest": place_fewest}
_FLAGS = ("pop_prev", "pop_next", "push_prev", "push_next")
# per queue the flags of who pushes and who pops
_PUSH = ("push_next", "push_prev", "push_prev", "push_next")
_POP = ("pop_prev", "pop_next", "pop_next", "pop_prev")
_NOPS = {Module.LOAD: (Op.LOAD, Memory.INP), Module.COMPUTE: (Op.LOAD, Memory.UOP), Module.STORE: (Op.STORE, 0)}


@dataclass(frozen=True, eq=False)
class Lowered:
    """`tasks`: per instruction of `program` the task it is, -1 for what was inserted. `placement` counts tokens."""

    program: VtaProgram
    tasks: tuple[int, ...]
    placement: Placement


@dataclass
class _Work:
    """Instructions in program order with what each comes after; FINISH is the last."""

    module: list[int]
    rows: Insns
    task: list[int]
    after: list[list[int]]


def lower(
    graph: Program,
    source: VtaProgram | None = None,
    *,
    engines: Sequence[str] = MODULES,
    order: str = "exact",
    hardware: Hardware | None = None,
) -> Lowered:
    """The VTA program whose tokens keep the order of `graph`, which has to be in phase graph.

    `engines` name those of load, compute and store. A task that carries `vta.insn` is that instruction of `source`,
    others become NOPs of their module. NOPs carry orders between load and store; FINISH waits for everything. `order`:
    "exact" lets no task wait for more than the graph says, "fewest" has fewer tokens and less overlap.
    ScheduleError if the graph cannot be a VTA program, or if `check` does not prove the result on `hardware`.
    """
    if order not in ORDERS:
        raise ScheduleError(f"order is '{order}' but has to be one of {', '.join(ORDERS)}")
    work = _with_finish(_read(graph, source, engines))
    placement = ORDERS[order](work.module, work.after)
    program, tasks = _assemble(graph, source, work, placement)
    _prove(program, hardware)
    return Lowered(program, tasks, placement)


def _read(graph: Program, source: VtaProgram | None, engines: Sequence[str]) -> _Work:
    index = graph.machine.engine_index
    modules = {index[name]: m for m, name in enumerate(engines) if name in index}
    rows = np.zeros(len(graph), INSN)
    module: list[int] = []
    used: dict[int, int] = {}
    for t, engine in enumerate(graph.engine.tolist()):
        if graph.kind[t] != Kind.RUN:
            raise ScheduleError(f"'{graph.names[t]}' is management, which VTA has none of")
        if engine not in modules:
            raise ScheduleError(
                f"'{graph.names[t]}' runs on @{graph.engine_name(t)}, but VTA has three modules, here on "
                f"{', '.join(f'{name}=@{e}' for name, e in zip(MODULES, engines, strict=True))}"
            )
        module.append(modules[engine])
        rows[t : t + 1] = _instruction(graph, source, t, modules[engine], used)
    after = [row.tolist() for row in (graph.after[t] for t in range(len(graph)))]
    for t, row in enumerate(after):
        if row and max(row) >= t:
            raise ScheduleError(f"'{graph.names[t]}' comes after '{graph.names[max(row)]}', which is not before it")
    return _Work(module, rows, list(range(len(graph))), after)


def _instruction(graph: Program, source: VtaProgram | None, t: int, module: int, used: dict[int, int]) -> Insns:
    """The instruction of a task, without flags. Shape (1,)."""
    number = graph.extra.get(t, {}).get(INSN_KEY)
    if number is None:
        row = np.zeros(1, INSN)
        row["op"], row["memory"] = _NOPS[Module(module)]
        return row
    name = graph.names[t]
    if source is None:
        raise ScheduleError(f"'{name}' is an instruction of a program ({INSN_KEY}), but the graph names none")
    i = number.value.data if isinstance(number, IntegerAttr) else -1
    if not 0 <= i < len(source):
        raise ScheduleError(f"'{name}' is instruction {i} of @{source.name}, which has {len(source)}")
    if source.module[i] != module:
        raise ScheduleError(
            f"'{name}' runs in module {MODULES[module]}, but is {insn_name(source, i)}, an instruction of "
            f"{MODULES[int(source.module[i])]}"
        )
    if used.setdefault(i, t) != t:
        raise ScheduleError(f"'{name}' and '{graph.names[used[i]]}' are one instruction, {insn_name(source, i)}")
    row = source.insn[i : i + 1].copy()
    for flag in _FLAGS:
        row[flag] = 0
    return row


def _with_finish(work: _Work) -> _Work:
    """FINISH as the last instruction, after the last load and the last store; it is added if there is none."""
    ends = np.flatnonzero(work.rows["op"] == Op.FINISH).tolist()
    if len(ends) > 1:
        raise ScheduleError(f"{len(ends)} tasks are a FINISH, but a program has one")
    end = ends[0] if ends else len(work.module)
    if any(end in row for row in work.after):
        raise ScheduleError("a task comes after FINISH, which has to be the last instruction")
    kept = [t for t in range(len(work.module)) if t != end]
    place = {t: n for n, t in enumerate(kept)}
    finish = np.zeros(1, INSN)
    finish["op"] = Op.FINISH
    rows = np.concatenate([work.rows[kept], work.rows[ends] if ends else finish])
    after = [[place[a] for a in work.after[t]] for t in kept]
    last = {work.module[t]: place[t] for t in kept}
    waits = {place[a] for a in work.after[end]} if ends else set()
    after.append(sorted(waits | {n for m, n in last.items() if m != Module.COMPUTE}))
    module = [work.module[t] for t in kept] + [int(Module.COMPUTE)]
    return _Work(module, rows, [*kept, end if ends else -1], after)


def _assemble(
    graph: Program, source: VtaProgram | None, work: _Work, placement: Placement
) -> tuple[VtaProgram, tuple[int, ...]]:
    places = sorted([*(2 * t + 1 for t in range(len(work.module))), *placement.nops])
    at = {place: n for n, place in enumerate(places)}
    insn = np.zeros(len(places), INSN)
    insn["op"], insn["memory"] = _NOPS[Module.COMPUTE]
    own = [at[2 * t + 1] for t in range(len(work.module))]
    insn[own] = work.rows
    for q, pairs in enumerate(placement.tokens):
        for push, pop in pairs:
            insn[_PUSH[q]][at[push]] = 1
            insn[_POP[q]][at[pop]] = 1
    tasks = np.full(len(places), -1, np.int64)
    tasks[own] = work.task
    if source is None:
        program = VtaProgram(graph.name, Config(), insn)
    else:
        # program.json counts instructions; the rest of it still holds
        meta = {k: v for k, v in source.meta.items() if k not in ("insn", "initial_tokens", "carry_out", "profiler")}
        program = source.with_(insn=insn, initial_tokens=NO_TOKENS, carry_out=NO_TOKENS, meta=meta)
    return program, tuple(tasks.tolist())


def _prove(program: VtaProgram, hardware: Hardware | None) -> None:
    """Postcondition of the lowering, and the limits of the queues."""
    if hardware is not None and hardware.saturates:
        events = EventGraph(Flow.of(program))
        for q, name in enumerate(QUEUES):
            most = events.most(q)
            if hardware.tokens is not None and most > hardware.tokens:
                raise ScheduleError(
                    f"{program.name}: {name} may hold {most} tokens, but a queue of {hardware.name} takes "
                    f"{hardware.tokens}; a dependence from the module that pops back to the one that pushes bounds it"
                )
    verdict = check(program, hardware)
    if verdict.status != PROVED:
        first = verdict.findings[0]
        raise ScheduleError(
            f"{program.name}: with the order of this graph the program is {verdict.status}: {first.text} [{first.rule}]"
        )
