"""Pass `wlm-limit-barriers`."""

from dataclasses import dataclass

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.editing import Insertion, insert_tasks
from wlm_dialect.program import Barriers, Kind, Program


@dataclass(frozen=True)
class LimitBarriersPass(ProgramPass):
    """Keep the number of barriers in use at once, in program order, within the machine's (or `limit`).

    Where there are more, a SYNC DMA takes over the barriers whose consumers are farthest away: it waits for them and
    updates one barrier in their place. Precondition: phase virtual. Postcondition: at no point of the program order
    are more barriers between their first producer and their last consumer.
    """

    name = "wlm-limit-barriers"
    phases = ("virtual",)
    limit: int = 0

    def transform(self, program: Program) -> Program:
        return limited(program, self.limit or program.machine.barriers.count)


def limited(program: Program, limit: int) -> Program:
    """The program with at most `limit` barriers in use at once."""
    for _ in range(len(program) + 1):
        excess = _first_excess(program, limit)
        if excess is None:
            return program
        program = _take_over(program, *excess, limit)
    raise ScheduleError(f"@{program.name}: no way found to live with {limit} barriers")


def _first_excess(program: Program, limit: int) -> tuple[int, list[int]] | None:
    """The first task at which too many barriers are in use, and those barriers."""
    producers, consumers = program.producers.lists(), program.consumers.lists()
    opened: list[list[int]] = [[] for _ in range(len(program))]
    for v, row in enumerate(producers):
        if row:
            opened[row[0]].append(v)
    last = [max([*producers[v][-1:], *consumers[v][-1:]], default=-1) for v in range(len(producers))]
    live: set[int] = set()
    closing: list[list[int]] = [[] for _ in range(len(program) + 1)]
    for v, at in enumerate(last):
        closing[at + 1].append(v)
    for t in range(len(program)):
        live.difference_update(closing[t])
        live.update(opened[t])
        if len(live) > limit:
            return t, sorted(live)
    return None


def _take_over(program: Program, task: int, live: list[int], limit: int) -> Program:
    producers, consumers = program.producers.lists(), program.consumers.lists()
    complete = [v for v in live if producers[v][-1] < task and consumers[v] and consumers[v][-1] >= task]
    complete.sort(key=lambda v: (-min(c for c in consumers[v] if c >= task), v))
    need = len(live) - limit + 1
    if len(complete) < 2 or need > len(complete):
        raise ScheduleError(
            f"@{program.name}: {len(live)} barriers are in use at task '{program.names[task]}' but {limit} are allowed, "
            f"and only {len(complete)} of them can be joined; use a machine with more barriers [H7]"
        )
    chosen = complete[: max(2, need)]
    channel = program.machine.engines_of("dma")[0]
    joined = len(program.barriers)
    waits = program.waits.lists()
    for v in chosen:
        for c in consumers[v]:
            if c >= task:
                waits[c] = sorted({joined if w in chosen else w for w in waits[c]})
    sync = Insertion(
        task,
        program.machine.engine_index[channel.name],
        "sync",
        Kind.SYNC,
        program.machine.transfer_ticks(channel, 0),
        waits=tuple(sorted(chosen)),
        updates=(joined,),
    )
    changed = program.with_(waits=Csr.of(waits), barriers=Barriers.virtual(joined + 1, program.barriers.tail))
    return insert_tasks(changed, [sync]).program
