"""The side conditions of a proof: what the checker takes from the machine model without being able to see it."""

from wlm_dialect.program import Program

_ORDERS = {
    "serial": "one task at a time: the end of one comes before the head of the next",
    "prefetching": "one task at a time, the next one may be at head meanwhile",
    "outstanding": "up to {servers} tasks in flight, started in order, ended in any order",
    "pool": "{servers} servers on one FIFO: tasks come to head in order, nothing else is ordered",
}
_REARM = {
    "atomic": "a barrier takes its next instance in the tick in which the one before is over",
    "bounded": "a barrier takes what is in its FIFO at most {delta} ticks after the one before is over; what firmware "
    "programs itself is armed when that step ends",
    "acknowledged": "a barrier takes its next instance before anybody learns that the one before is over",
}


def side_conditions(program: Program) -> tuple[str, ...]:
    """What must hold in hardware for a verdict to mean anything, in words."""
    machine = program.machine
    used = [e for e, tasks in zip(machine.engines, program.lists, strict=True) if len(tasks)]
    lines = [
        f"{', '.join(e.name for e in used if (e.order, e.servers) == kind)}: "
        + _ORDERS[kind[0]].format(servers=kind[1])
        for kind in sorted({(e.order, e.servers) for e in used})
    ]
    lines.append("counters change in one step; a barrier whose FIFO is empty reads as lifted")
    lines.append(_REARM[machine.barriers.rearm].format(delta=machine.barriers.rearm_delta))
    lines.append(f"a consumer counter goes down at the {machine.barriers.consume_at} of the consumer")
    if program.mode == "full":
        full = {"block": "a push into a full work FIFO waits for room", "drop": "a push into a full work FIFO is lost"}
        lines.append(full[machine.full_fifo])
    else:
        order = {"arrival": "in order of arrival", "id": "by ascending id among those pending"}
        lines.append(f"firmware serves interrupts one at a time, {order[machine.firmware.service_order]}")
        lines.append("firmware programs the next instance before it pushes, and never waits for room in a FIFO")
    lines.append("whatever a task wrote is visible to all when it ends; each task lasts at least one tick")
    lines.append("bootstrap is complete before the first task starts, and nothing else touches barriers or work FIFOs")
    return tuple(lines)
