"""Pass `wlm-split-barriers`."""

from dataclasses import dataclass

from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.machine import BarrierModel
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.editing import Insertion, insert_tasks
from wlm_dialect.program import Barriers, Kind, Program


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


def _slots(program: Program, tasks: list[int]) -> int:
    return sum(int(program.slots[t]) for t in tasks)


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


def _producer_room(program: Program, limits: BarrierModel, consumers: list[int]) -> int:
    largest = max((int(program.slots[t]) for t in consumers), default=0)
    return min(limits.max_producers, limits.max_sum - largest)


def _oversized(program: Program, limits: BarrierModel) -> list[tuple[int, list[list[int]]]]:
    out: list[tuple[int, list[list[int]]]] = []
    consumers = program.consumers.lists()
    for v, producers in enumerate(program.producers.lists()):
        room = _producer_room(program, limits, consumers[v])
        if room < 1:  # refuses the consumer that leaves none
            _fit(program, consumers[v], limits.max_sum - 1, "consumer")
        if _slots(program, producers) > room:
            out.append((v, _joined(program, limits, producers)))
    return out


def _joined(program: Program, limits: BarrierModel, producers: list[int]) -> list[list[int]]:
    """Producers in runs, each of which a SYNC can stand for."""
    room = min(limits.max_producers, limits.max_sum - 1)
    runs = _fit(program, producers, room, "producer")
    if len(runs) >= _slots(program, producers):
        raise ScheduleError(
            f"task '{program.names[producers[-1]]}' ends a group of {len(producers)} producers, but a barrier of "
            f"machine '{program.machine.name}' counts {room}, too few to join any; use a machine with more [H9]"
        )
    return runs


def _add_joins(program: Program, joins: list[tuple[int, list[list[int]]]]) -> Program:
    channel = program.machine.engines_of("dma")[0]
    engine = program.machine.engine_index[channel.name]
    cycles = program.machine.transfer_ticks(channel, 0)
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
            tasks.append(Insertion(place_after, engine, "sync", Kind.SYNC, cycles, waits=(count,), updates=(v,)))
            count += 1
    tail = program.barriers.tail
    changed = program.with_(updates=Csr.of(updates), barriers=Barriers.virtual(count, tail))
    return insert_tasks(changed, tasks).program


def _split_consumers(program: Program) -> Program:
    limits = program.machine.barriers
    waits = program.waits.lists()
    updates = program.updates.lists()
    producers = program.producers.lists()
    count = len(program.barriers)
    for v, consumers in enumerate(program.consumers.lists()):
        room = min(limits.max_consumers, limits.max_sum - _slots(program, producers[v]))
        if _slots(program, consumers) <= room:
            continue
        for run in _fit(program, consumers, room, "consumer")[1:]:
            for t in run:
                waits[t] = [count if w == v else w for w in waits[t]]
            for t in producers[v]:
                updates[t].append(count)
            count += 1
    if count == len(program.barriers):
        return program
    tail = program.barriers.tail
    return program.with_(waits=Csr.of(waits), updates=Csr.of(updates), barriers=Barriers.virtual(count, tail))
