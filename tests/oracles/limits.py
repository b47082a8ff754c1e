"""What is wrong with a schedule before it runs: limits and counts (H9), who hears of the tail (H10), use (H6, H11)."""

from tests.oracles.schedule import ENQUEUE, FETCH, PROGRAM, Schedule


def broken_limits(s: Schedule) -> list[tuple[str, int, str]]:
    """Faults (rule, task, instance) that need no run; empty if there are none."""
    return [*_counters(s), *_engines(s), *_interrupts(s), *_pushed_once(s)]


def _name(s: Schedule, v: int) -> str:
    return f"b{s.instances[v].pid}#{s.instances[v].number}"


def _counters(s: Schedule) -> list[tuple[str, int, str]]:
    out, limits = [], s.machine.barriers
    for v, i in enumerate(s.instances):
        made = sum(t.slots for t in s.tasks if v in t.updates)
        used = sum(t.slots for t in s.tasks if v in t.waits)
        over = i.producers > limits.max_producers or i.consumers > limits.max_consumers
        if (made, used) != (i.producers, i.consumers) or over or i.producers + i.consumers > limits.max_sum:
            out.append(("H9", -1, _name(s, v)))
        if not 0 <= i.pid < limits.count:
            out.append(("H9", -1, _name(s, v)))
        if made == used == 0:
            out.append(("H11", -1, _name(s, v)))
    for t, task in enumerate(s.tasks):
        both = [*task.waits, *task.updates]
        out += [
            ("H7" if v in task.waits and v in task.updates else "H9", t, _name(s, v))
            for v in set(both)
            if both.count(v) > 1
        ]
    return out


def _engines(s: Schedule) -> list[tuple[str, int, str]]:
    out = []
    for t, task in enumerate(s.tasks):
        model = s.machine.engines[task.engine]
        if 0 < model.max_waits < len(task.waits):
            out.append(("H9", t, ""))
        if task.kind == FETCH and task.slot + task.high - task.low > s.machine.engines[task.target].descriptor_slots:
            out.append(("H9", t, ""))
        if task.kind == PROGRAM:
            pids = [s.instances[v].pid for v in task.pushes]
            if any(pids.count(p) > s.machine.management.program_depth for p in pids):
                out.append(("H9", t, ""))
    if s.machine.management.linked_enqueue:
        lists = s.lists
        for t, task in enumerate(s.tasks):
            if task.kind == ENQUEUE:
                groups = {
                    next(
                        (
                            f
                            for f, x in enumerate(s.tasks)
                            if x.kind == FETCH and x.target == task.target and x.low <= at < x.high
                        ),
                        -1,
                    )
                    for at in range(task.low, min(task.high, len(lists[task.target])))
                }
                if len(groups) > 1:
                    out.append(("H4", t, ""))
    return out


def _interrupts(s: Schedule) -> list[tuple[str, int, str]]:
    tails = [v for v, i in enumerate(s.instances) if i.tail]
    if not tails:
        return [("H10", -1, "")]
    (tail,) = tails
    out = [("H10", -1, _name(s, tail))] if s.instances[tail].irq != "lifted" else []
    if s.mode == "full":
        out += [("H10", -1, _name(s, v)) for v, i in enumerate(s.instances) if v != tail and i.irq != "off"]
    else:
        out += [("H10", -1, _name(s, v)) for v, i in enumerate(s.instances) if v != tail and i.irq == "lifted"]
    out += [("H11", t, _name(s, tail)) for t, task in enumerate(s.tasks) if tail in task.waits]
    out += [
        ("H11", -1, _name(s, v))
        for v, i in enumerate(s.instances)
        if i.pid == s.instances[tail].pid and i.number > s.instances[tail].number
    ]
    return out


def _pushed_once(s: Schedule) -> list[tuple[str, int, str]]:
    """Ranges lie within the lists; each instance has one who programs it, each task one who pushes and fetches it."""
    out, lists = [], s.lists
    ranges = [(t.target, t.low, t.high) for t in s.tasks if t.kind in (FETCH, ENQUEUE)]
    ranges += [(i.engine, i.low, i.high) for i in s.items]
    if any(high > len(lists[e]) for e, _, high in ranges):
        out.append(("H6", -1, ""))
    programmed = [v for t in s.tasks for v in t.pushes] + s.boot
    raising = [u for u, i in enumerate(s.instances) if i.irq == "over" and s.mode != "full"]
    refilled = {v for u in raising for v in s.topped_up(u)}
    for v in range(len(s.instances)):
        if programmed.count(v) + (v in refilled) != 1:
            out.append(("H6", -1, _name(s, v)))
    return out
