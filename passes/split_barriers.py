"""Pass `wlm-split-barriers`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.machine import BarrierModel
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.editing import Insertion, insert_tasks, sync_insertion
from wlm_dialect.program import Barriers, Program


@dataclass(frozen=True)
class SplitBarriersPass(ProgramPass):
    """Keep producers, consumers and their sum within the slots of a hardware barrier (H9).

    Consumers that do not fit get a barrier of their own with the same producers; producers that do not fit are joined
    by SYNC DMAs first. Precondition: phase virtual. Postcondition: every barrier is within the machine's limits.
    """

    name = "wlm-split-barriers"
    phases = ("virtual",)

    def transform(self, program: Program) -> Program:
        return within_slots(program)


def within_slots(program: Program) -> Program:
    """The program with every barrier within the machine's limits."""
    return _split_consumers(_join_producers(program))


def _fit(program: Program, tasks: list[int], room: int, what: str) -> list[list[int]]:
    """Cut `tasks` into runs of at most `room` slots."""
    out: list[list[int]] = []
    used = room + 1
    for t in tasks:
        need = int(program.slots[t])
        if need > room:
            raise ScheduleError(
                f"task '{program.names[t]}' takes {need} {what} slots of a barrier but machine "
                f"'{program.machine.name}' leaves {room}; give it fewer slots (variants) [H9]"
            )
        if used + need > room:
            out.append([])
            used = 0
        out[-1].append(t)
        used += need
    return out


def _join_producers(program: Program) -> Program:
    """SYNC DMAs stand in for groups of producers until the rest fits, leaving room for at least one consumer."""
    limits = program.machine.barriers
    while True:
        joins = _oversized(program, limits)
        if not joins:
            return program
        program = _add_joins(program, joins)


def _oversized(program: Program, limits: BarrierModel) -> list[tuple[int, list[list[int]]]]:
    """Barriers with too many producers to leave room for a consumer, and runs of those producers."""
    producers, consumers = program.producers, program.consumers
    room = np.minimum(limits.max_producers, limits.max_sum - consumers.largest(program.slots))
    out: list[tuple[int, list[list[int]]]] = []
    for v in np.nonzero((room < 1) | (producers.sums(program.slots) > room))[0].tolist():
        if room[v] < 1:  # refuses the consumer that leaves none
            _fit(program, consumers[v].tolist(), limits.max_sum - 1, "consumer")
        out.append((v, _joined(program, limits, producers[v].tolist())))
    return out


def _joined(program: Program, limits: BarrierModel, producers: list[int]) -> list[list[int]]:
    """Producers in runs, each of which a SYNC can stand for."""
    room = min(limits.max_producers, limits.max_sum - 1)
    runs = _fit(program, producers, room, "producer")
    if len(runs) >= program.slots[producers].sum():
        raise ScheduleError(
            f"task '{program.names[producers[-1]]}' ends a group of {len(producers)} producers, but a barrier of "
            f"machine '{program.machine.name}' counts {room}, too few to join any; use a machine with more [H9]"
        )
    return runs


def _add_joins(program: Program, joins: list[tuple[int, list[list[int]]]]) -> Program:
    machine = program.machine
    engine = machine.engine_index[machine.engines_of("dma")[0].name]
    updates = program.updates.lists()
    tasks: list[Insertion] = []
    count = len(program.barriers)
    consumers = program.consumers.lists()
    for v, runs in joins:
        place = min([*consumers[v], len(program)])
        for run in runs:
            for t in run:
                updates[t] = [count if w == v else w for w in updates[t]]
            place_after = max(place, max(run) + 1) if not consumers[v] else place
            tasks.append(sync_insertion(machine, place_after, engine, (count,), (v,)))
            count += 1
    tail = program.barriers.tail
    changed = program.with_(updates=Csr.of(updates), barriers=Barriers.virtual(count, tail))
    return insert_tasks(changed, tasks).program


def _split_consumers(program: Program) -> Program:
    limits, producers = program.machine.barriers, program.producers
    room = np.minimum(limits.max_consumers, limits.max_sum - producers.sums(program.slots))
    over = np.nonzero(program.consumers.sums(program.slots) > room)[0].tolist()
    if not over:
        return program
    waits, updates = program.waits.lists(), program.updates.lists()
    count = len(program.barriers)
    for v in over:
        for run in _fit(program, program.consumers[v].tolist(), int(room[v]), "consumer")[1:]:
            for t in run:
                waits[t] = [count if w == v else w for w in waits[t]]
            for t in producers[v].tolist():
                updates[t].append(count)
            count += 1
    tail = program.barriers.tail
    return program.with_(waits=Csr.of(waits), updates=Csr.of(updates), barriers=Barriers.virtual(count, tail))
