"""The event loop: physical counters, FIFOs and engines, tick by tick. One source for CPython and for numba.

Within a tick, until stable: (1) ends: producer decrements, pushes of instances and of work; (2) over and arm;
(3) heads; (4) starts; then firmware takes the next interrupt. `compiled.load` executes this file and those it imports
once more with a `jit` that compiles; tables are then int64 arrays instead of lists.
"""

from wlm_dialect.runtime.firmware import firmware_step, serve
from wlm_dialect.runtime.heap import TOP, pop, push
from wlm_dialect.runtime.jit import jit
from wlm_dialect.runtime.pushes import enqueue, fail, push_instance, raise_interrupt
from wlm_dialect.runtime.state import (
    ACTIVE,
    BLOCKED,
    BUSY,
    BUSY_CAP,
    BW_TICK,
    CHECKS,
    CONS,
    CONSUME_END,
    CUR,
    DELAYED,
    DELTA,
    ENDED,
    ENGINES,
    EVENTS,
    FETCHED_TWICE,
    FW_PENDING,
    HEAD,
    HELD,
    HELD_CAP,
    HELD_TASK,
    HIGH,
    IDLE,
    KICKED,
    KICKS,
    LAG,
    LATE,
    LIST,
    LIVE,
    LIVE_SLOT,
    LOW,
    MANAGES,
    NEEDS,
    NEXT,
    NOT_FETCHED,
    NOW,
    PROD,
    QUEUED,
    RATE,
    REARMING,
    ROOM,
    ROUND,
    RULE,
    SCALE,
    SENTINEL,
    SERVICE,
    SERVICE_TICK,
    SETTLES,
    SETUP,
    SHARED,
    SHIFT,
    SLOT,
    SLOT_BASE,
    STALE_CONSUME,
    STALE_HEAD,
    STALE_START,
    STALE_UPDATE,
    STEP,
    STOP,
    STRICT,
    TAIL,
    TAIL_BARRIER,
    TAIL_EARLY,
    TAIL_TICK,
    TARGET,
    TASKS,
    TIES,
    UNDERFLOW,
    WAITER,
    WAKES,
    State,
)

FETCH, ENQUEUE, PROGRAM = 1, 2, 3  # of `program.Kind`, as constants that numba takes


@jit
def land(s: State, t: int, kind: int, now: int) -> None:
    """What a management DMA does at its end."""
    if kind == FETCH:
        manage, eng = s.manage, s.eng
        e = manage[TARGET][t]
        base = eng[LIST][e]
        slot = eng[SLOT_BASE][e] + manage[SLOT][t]
        for at in range(base + manage[LOW][t], base + manage[HIGH][t]):
            s.where[s.list_task[at]] = slot
            slot += 1
        if s.reg[MANAGES] and s.trigger_start[t] < s.trigger_start[t + 1]:
            raise_interrupt(s, t, now)
    elif kind == PROGRAM:
        for i in range(s.program_start[t], s.program_start[t + 1]):
            push_instance(s, s.program[i], t, now)


@jit
def consume(s: State, t: int) -> None:
    """Decrement the consumer counters of what `t` waited on."""
    bar, reg, slots = s.bar, s.reg, s.slots[t]
    cons = bar[CONS]
    for i in range(s.wait_start[t], s.wait_start[t + 1]):
        v = s.wait[i]
        p = s.pid[v]
        left = cons[p] - slots
        if left <= 0:
            if left < 0 or bar[CUR][p] != v:
                fail(s, 1, STALE_CONSUME, t, v, bar[CUR][p])
            elif bar[PROD][p] == 0:
                s.settle_queue[reg[SETTLES]] = p
                reg[SETTLES] += 1
        cons[p] = left


@jit
def finish(s: State, t: int, now: int) -> None:
    """Phase 1: task `t` is over, or the transfer of an enqueue is through."""
    reg, eng, bar = s.reg, s.eng, s.bar
    kind = s.kind[t]
    if kind:
        if kind == ENQUEUE and not enqueue(s, t, now):
            return
        land(s, t, kind, now)
    s.end[t] = now
    reg[ENDED] += 1
    e = s.engine[t]
    eng[BUSY][e] -= 1
    if not eng[KICKED][e]:
        eng[KICKED][e] = 1
        s.kick_queue[reg[KICKS]] = e
        reg[KICKS] += 1
    lag, held = eng[LAG][e], eng[HELD_TASK][e]
    if lag and held >= 0 and eng[HEAD][e] - 1 - lag >= eng[LIST][e] and s.list_task[eng[HEAD][e] - 1 - lag] == t:
        s.check_queue[reg[CHECKS]] = held
        reg[CHECKS] += 1
    if reg[CONSUME_END]:
        consume(s, t)
    prod, slots = bar[PROD], s.slots[t]
    for i in range(s.update_start[t], s.update_start[t + 1]):
        v = s.update[i]
        p = s.pid[v]
        left = prod[p] - slots
        if bar[CUR][p] != v or left < 0:
            fail(s, 2, UNDERFLOW if bar[CUR][p] == v else STALE_UPDATE, t, v, bar[CUR][p])
            return
        prod[p] = left
        if left == 0:
            s.lifted[v] = now
            s.wake_queue[reg[WAKES]] = p
            reg[WAKES] += 1
            if bar[CONS][p] == 0:
                s.settle_queue[reg[SETTLES]] = p
                reg[SETTLES] += 1
            if v == reg[TAIL_BARRIER]:
                reg[TAIL_TICK] = now


@jit
def arm(s: State, p: int, now: int) -> None:
    """The next instance of barrier `p` becomes current."""
    bar = s.bar
    v = bar[NEXT][p]
    bar[CUR][p], bar[NEXT][p] = v, s.next[v]
    bar[PROD][p], bar[CONS][p] = s.counts[0][v], s.counts[1][v]
    s.armed[v] = now


@jit
def settle(s: State, p: int, now: int) -> None:
    """Phase 2: barrier `p` may be over, and may arm its next instance."""
    bar, reg = s.bar, s.reg
    u = bar[CUR][p]
    if u >= 0 and bar[PROD][p] == 0 and bar[CONS][p] == 0 and s.lifted[u] >= 0:
        s.over[u] = now
        bar[CUR][p] = -1
        bar[LIVE][p] -= 1
        if s.raises[u]:
            raise_interrupt(s, s.rank[u], now)
        u = -1
    if u < 0 and bar[LIVE][p] > 0 and not bar[REARMING][p]:
        ticks = s.delta[bar[NEXT][p]] if reg[DELTA] else 0
        if ticks:
            bar[REARMING][p] = 1
            push(s.heap, (now + ticks) << reg[SHIFT] | ((3 * reg[TASKS] + 2 + p) ^ reg[TIES]))
        else:
            arm(s, p, now)


@jit
def kick(s: State, e: int, now: int) -> None:
    """Phase 3: engine `e` takes what it can from its FIFO."""
    eng, reg = s.eng, s.reg
    at, tail = eng[HEAD][e], eng[TAIL][e]
    while at < tail and eng[BUSY][e] < eng[BUSY_CAP][e] and eng[HELD][e] < eng[HELD_CAP][e]:
        t = s.list_task[at]
        link = s.link[t]
        if link == 1 and s.end[s.list_task[at - 1]] < 0:
            break
        at += 1
        eng[HEAD][e] = at
        eng[BUSY][e] += 1
        eng[HELD][e] += 1
        eng[HELD_TASK][e] = t
        s.head[t] = now
        if link == 0:
            eng[QUEUED][e] -= 1
            if eng[BLOCKED][e] >= 0:
                reg[ROOM] = 1
        if eng[NEEDS][e] and s.where[t] < 0:
            fail(s, 4, NOT_FETCHED, t, -1, s.where[t])
        first = s.wait_start[t]
        if reg[STRICT] and s.wait_start[t + 1] == first + 1:
            v = s.wait[first]
            if s.bar[CUR][s.pid[v]] != v:
                fail(s, 1, STALE_HEAD, t, v, s.bar[CUR][s.pid[v]])
        s.check_queue[reg[CHECKS]] = t
        reg[CHECKS] += 1


@jit
def claim_slots(s: State, t: int) -> None:
    """Fetch `t` begins to overwrite its slots."""
    manage, eng = s.manage, s.eng
    e = manage[TARGET][t]
    slot = eng[SLOT_BASE][e] + manage[SLOT][t]
    base = eng[LIST][e]
    for at in range(base + manage[LOW][t], base + manage[HIGH][t]):
        task, old = s.list_task[at], s.claim[slot]
        if s.where[task] != -2:
            fail(s, 6, FETCHED_TWICE, t, task, -1)
        elif old >= 0 and s.end[old] < 0:
            fail(s, 5, LIVE_SLOT, t, old, slot - eng[SLOT_BASE][e])
        s.where[task] = -1
        s.claim[slot] = task
        slot += 1


@jit
def begin(s: State, t: int, e: int, now: int) -> None:
    """Task `t` starts."""
    eng, reg = s.eng, s.reg
    s.start[t] = now
    eng[HELD][e] -= 1
    if eng[LAG][e]:
        eng[HELD_TASK][e] = -1
        if not eng[KICKED][e]:
            eng[KICKED][e] = 1
            s.kick_queue[reg[KICKS]] = e
            reg[KICKS] += 1
    if not reg[CONSUME_END]:
        consume(s, t)
    if s.kind[t] == FETCH:
        claim_slots(s, t)
    if reg[SHARED] and s.bytes[t] > 0:
        push(s.heap, (now + reg[SETUP]) << reg[SHIFT] | ((2 * reg[TASKS] + t) ^ reg[TIES]))
    else:
        push(s.heap, (now + s.cycles[t]) << reg[SHIFT] | (t ^ reg[TIES]))


@jit
def check(s: State, t: int, now: int) -> None:
    """Phase 4: start task `t`, which is at head, if the counters it can see allow it; else watch one that does not."""
    eng, bar, reg = s.eng, s.bar, s.reg
    e = s.engine[t]
    lag = eng[LAG][e]
    if lag:
        before = eng[HEAD][e] - 1 - lag
        if before >= eng[LIST][e] and s.end[s.list_task[before]] < 0:
            return  # `finish` of that task checks again
    prod, cur, stale = bar[PROD], bar[CUR], -1
    for i in range(s.wait_start[t], s.wait_start[t + 1]):
        v = s.wait[i]
        p = s.pid[v]
        wrong = cur[p] != v
        if prod[p] > 0 or (wrong and not reg[STRICT]):
            s.watch[t] = bar[WAITER][p]
            bar[WAITER][p] = t
            return
        if wrong:
            stale = v
    if stale >= 0:
        fail(s, 1, STALE_START, t, stale, cur[s.pid[stale]])
    elif reg[DELAYED] and s.delay[t] > 0:
        push(s.heap, (now + s.delay[t]) << reg[SHIFT] | ((reg[TASKS] + t) ^ reg[TIES]))
    else:
        begin(s, t, e, now)


@jit
def share(s: State, now: int, joins: int) -> None:
    """Shared bandwidth up to `now`: end what is through, let `joins` (a task, -1 = none) join, predict the next end."""
    reg, active, goal = s.reg, s.active, s.finish
    n = reg[ACTIVE]
    if n:
        reg[SERVICE] += (now - reg[SERVICE_TICK]) * (reg[RATE] // n)
    reg[SERVICE_TICK] = now
    if joins >= 0:
        active[n], goal[n] = joins, reg[SERVICE] + s.bytes[joins] * reg[SCALE]
        n += 1
    kept, least = 0, -1
    for i in range(n):
        t, at = active[i], goal[i]
        if at <= reg[SERVICE]:
            finish(s, t, now)
        else:
            active[kept], goal[kept] = t, at
            kept += 1
            if least < 0 or at < least:
                least = at
    reg[ACTIVE] = kept
    if kept:
        rate = reg[RATE] // kept
        reg[BW_TICK] = now + (least - reg[SERVICE] + rate - 1) // rate
        push(s.heap, reg[BW_TICK] << reg[SHIFT] | ((3 * reg[TASKS] + 1) ^ reg[TIES]))


@jit
def other(s: State, event: int, now: int) -> None:
    """Events that are no end of a task."""
    reg = s.reg
    tasks = reg[TASKS]
    if event < 2 * tasks:
        s.check_queue[reg[CHECKS]] = event
        reg[CHECKS] += 1
    elif event < 3 * tasks:
        share(s, now, event - 2 * tasks)
    elif event == 3 * tasks:
        firmware_step(s, now)
    elif event == 3 * tasks + 1:
        if now == reg[BW_TICK]:
            share(s, now, -1)
    else:
        p = event - 3 * tasks - 2
        s.bar[REARMING][p] = 0
        arm(s, p, now)


@jit
def place(n: int, i: int, ties: int) -> int:
    """The i-th of n in the order of ties."""
    return n - 1 - i if ties & 1 else i


@jit
def starts(s: State, now: int) -> None:
    """Phase 4: everything that may have become able to start."""
    reg, bar = s.reg, s.bar
    ties, tasks = reg[TIES], reg[TASKS]
    n = reg[WAKES]
    reg[WAKES] = 0
    for i in range(n):
        p = s.wake_queue[place(n, i, ties)]
        t = bar[WAITER][p]
        bar[WAITER][p] = -1
        while t >= 0:
            after = s.watch[t]
            check(s, t, now)
            t = after
    n = reg[CHECKS]
    reg[CHECKS] = 0
    for i in range(n):
        t = s.check_queue[place(n, i, ties)]
        if t >= tasks:
            begin(s, t - tasks, s.engine[t - tasks], now)
        else:
            check(s, t, now)


@jit
def stabilize(s: State, now: int) -> None:
    """Phases 2 to 4, and 1 for enqueues that found room, until nothing changes; then firmware's next interrupt."""
    reg, eng = s.reg, s.eng
    ties = reg[TIES]
    while reg[RULE] == 0:
        n = reg[SETTLES]
        reg[SETTLES] = 0
        for i in range(n):
            settle(s, s.settle_queue[place(n, i, ties)], now)
        n = reg[KICKS]
        reg[KICKS] = 0
        for i in range(n):
            e = s.kick_queue[place(n, i, ties)]
            eng[KICKED][e] = 0
            kick(s, e, now)
        if reg[RULE] == 0 and reg[WAKES] + reg[CHECKS] > 0:
            starts(s, now)
        reg[ROUND] += 1
        if reg[ROOM]:
            reg[ROOM] = 0
            for e in range(reg[ENGINES]):
                if eng[BLOCKED][e] >= 0:
                    finish(s, eng[BLOCKED][e], now)
        if reg[SETTLES] + reg[KICKS] + reg[WAKES] == 0:
            break
    if reg[RULE] == 0:
        if reg[TAIL_TICK] == now and reg[ENDED] < reg[TASKS]:
            fail(s, 10, TAIL_EARLY, -1, reg[TAIL_BARRIER], -1)
        if reg[FW_PENDING] and reg[STEP] == IDLE:
            serve(s, now)


@jit
def simulate(s: State) -> None:
    """Run until nothing is left to happen, a hazard, or the tick limit. Times land in the tables, the rest in `reg`."""
    reg, heap = s.reg, s.heap
    shift, tasks, ties, stop = reg[SHIFT], reg[TASKS], reg[TIES], reg[STOP]
    low = (1 << shift) - 1
    events = 0
    stabilize(s, 0)
    x = heap[TOP]
    while x < stop and reg[RULE] == 0:
        now = x >> shift
        reg[NOW] = now
        bound = (now + 1) << shift
        while x < bound:
            pop(heap)
            events += 1
            event = (x & low) ^ ties
            if event < tasks:
                finish(s, event, now)
            else:
                other(s, event, now)
            x = heap[TOP]
        stabilize(s, now)
        x = heap[TOP]
    reg[EVENTS] += events
    reg[LATE] = 1 if x < reg[SENTINEL] else 0
