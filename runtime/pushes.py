"""Event loop: what lands in barrier and work FIFOs, in physical order and within their depth, or is a hazard."""

from wlm_dialect.runtime.heap import push
from wlm_dialect.runtime.jit import jit
from wlm_dialect.runtime.state import (
    BAD_BARRIER,
    BAD_FOUND,
    BAD_TASK,
    BAD_TICK,
    BAR_BY,
    BAR_TICK,
    BARRIER_FULL,
    BARRIER_ORDER,
    BARRIER_TIE,
    BLOCKED,
    BY_ARRIVAL,
    CAPACITY,
    CUR,
    DEPTH,
    DROP,
    FIFO_FULL,
    FIFO_ORDER,
    FIFO_TIE,
    FIFO_TWICE,
    FIRST,
    FW_PENDING,
    HIGH,
    KICKED,
    KICKS,
    LINKED,
    LIST,
    LIVE,
    LOW,
    NOW,
    PROGRAMMED_TWICE,
    PUSH_BY,
    PUSH_TICK,
    PUSHED,
    QUEUED,
    RAISED,
    ROUND,
    RULE,
    SETTLES,
    SHIFT,
    TAIL,
    TARGET,
    WHY,
    State,
)


@jit
def fail(s: State, rule: int, why: int, task: int, barrier: int, found: int) -> None:
    """Record a hazard unless there is one already."""
    reg = s.reg
    if reg[RULE] == 0:
        reg[RULE], reg[WHY], reg[BAD_TICK] = rule, why, reg[NOW]
        reg[BAD_TASK], reg[BAD_BARRIER], reg[BAD_FOUND] = task, barrier, found


@jit
def push_instance(s: State, v: int, by: int, now: int) -> None:
    """Instance `v` arrives at its barrier; `by` is the task, -1 firmware."""
    bar, reg, p = s.bar, s.reg, s.pid[v]
    last = bar[PUSHED][p]
    expected = bar[FIRST][p] if last < 0 else s.next[last]
    if v != expected:
        fail(s, 6 if v <= last else 3, PROGRAMMED_TWICE if v <= last else BARRIER_ORDER, by, v, expected)
    elif bar[BAR_TICK][p] == now and bar[BAR_BY][p] != by:
        fail(s, 3, BARRIER_TIE, by, v, bar[BAR_BY][p])
    elif bar[LIVE][p] >= reg[CAPACITY]:
        fail(s, 3, BARRIER_FULL, by, v, bar[CUR][p])
    else:
        bar[PUSHED][p], bar[BAR_TICK][p], bar[BAR_BY][p] = v, now, by
        bar[LIVE][p] += 1
        if bar[CUR][p] < 0:
            s.settle_queue[reg[SETTLES]] = p
            reg[SETTLES] += 1


@jit
def push_work(s: State, e: int, low: int, high: int, by: int, linked: int, now: int) -> int:
    """Push list places [low, high) of engine `e`, as far as there is room; the place that did not fit, else `high`."""
    eng = s.eng
    at = eng[TAIL][e]
    if at != low:
        fail(s, 6, FIFO_TWICE if at > low else FIFO_ORDER, s.list_task[low], by, -1)
        return low
    if eng[PUSH_TICK][e] == now and eng[PUSH_BY][e] != by:
        fail(s, 6, FIFO_TIE, s.list_task[low], by, eng[PUSH_BY][e])
        return low
    depth, queued = eng[DEPTH][e], eng[QUEUED][e]
    while at < high and queued < depth:
        queued += 1
        stop = high if linked else at + 1
        while at < stop:
            s.enqueued[s.list_task[at]] = now
            at += 1
    eng[TAIL][e], eng[QUEUED][e] = at, queued
    eng[PUSH_TICK][e], eng[PUSH_BY][e] = now, by
    if not eng[KICKED][e]:
        eng[KICKED][e] = 1
        s.kick_queue[s.reg[KICKS]] = e
        s.reg[KICKS] += 1
    return at


@jit
def enqueue(s: State, t: int, now: int) -> bool:
    """The transfer of enqueue `t` is through: push its range. False if it has to wait for room, or on a hazard."""
    eng, reg, manage = s.eng, s.reg, s.manage
    e = manage[TARGET][t]
    base = eng[LIST][e]
    low, high = base + manage[LOW][t], base + manage[HIGH][t]
    at = low if eng[BLOCKED][e] != t else eng[TAIL][e]
    at = push_work(s, e, at, high, t, reg[LINKED], now)
    if reg[RULE] == 0 and at < high:
        if reg[DROP]:
            fail(s, 6, FIFO_FULL, s.list_task[at], t, -1)
        else:
            eng[BLOCKED][e] = t
        return False
    if eng[BLOCKED][e] == t:
        eng[BLOCKED][e] = -1
    return reg[RULE] == 0


@jit
def raise_interrupt(s: State, number: int, now: int) -> None:
    """Queue an interrupt for firmware; `number` is a task (its DMA interrupt) or T + rank of an instance."""
    reg = s.reg
    key = number
    if reg[BY_ARRIVAL]:
        key += reg[ROUND] << reg[SHIFT]
    push(s.pending, key)
    s.handlers[RAISED][number] = now
    reg[FW_PENDING] += 1
