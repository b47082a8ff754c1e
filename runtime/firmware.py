"""Event loop: firmware, one sequential server that takes interrupts, programs barriers and pushes work items."""

from wlm_dialect.runtime.heap import pop, push
from wlm_dialect.runtime.jit import jit
from wlm_dialect.runtime.pushes import fail, push_instance, push_work
from wlm_dialect.runtime.state import (
    DONE,
    ENGINES,
    FIFO_FULL,
    FRONT,
    FW_INSTANCE,
    FW_ITEM,
    FW_LEFT,
    FW_PENDING,
    FW_SOURCE,
    HANDLERS,
    IDLE,
    IN_INTERRUPT,
    IN_PROGRAM,
    IN_PUSH,
    ITEM_COST,
    ITEM_ENGINE,
    ITEM_HIGH,
    ITEM_LOW,
    ITEM_NEED,
    ITEM_NEXT,
    LAGGED,
    LIST,
    PUSHES,
    RULE,
    SERVED,
    SHIFT,
    SOURCE,
    STEP,
    T_INTERRUPT,
    T_PROGRAM,
    TASKS,
    TIES,
    State,
)


@jit
def next_item(s: State) -> int:
    """Take the first item, in order of declaration, that is next on its engine and waits for nothing; -1 = none."""
    front, best = s.eng[FRONT], -1
    for e in range(s.reg[ENGINES]):
        item = front[e]
        if item >= 0 and (best < 0 or item < best) and s.items[ITEM_NEED][item] == 0:
            best = item
    if best >= 0:
        front[s.items[ITEM_ENGINE][best]] = s.items[ITEM_NEXT][best]
    return best


@jit
def push_item(s: State, item: int, now: int) -> None:
    """Firmware's push of a work item lands; it never waits for room."""
    items = s.items
    e = items[ITEM_ENGINE][item]
    low, high = s.eng[LIST][e] + items[ITEM_LOW][item], s.eng[LIST][e] + items[ITEM_HIGH][item]
    at = push_work(s, e, low, high, -1, 0, now)
    if s.reg[RULE] == 0 and at < high:
        fail(s, 6, FIFO_FULL, s.list_task[at], -1, -1)


@jit
def serve(s: State, now: int) -> None:
    """Firmware takes the next interrupt."""
    reg = s.reg
    number = pop(s.pending) & ((1 << reg[SHIFT]) - 1)
    reg[FW_PENDING] -= 1
    reg[FW_SOURCE], reg[STEP] = number, IN_INTERRUPT
    n = reg[HANDLERS]
    s.handlers[SOURCE][n], s.handlers[SERVED][n] = number, now
    extra = s.lag[number] if reg[LAGGED] else 0
    push(s.heap, (now + reg[T_INTERRUPT] + extra) << reg[SHIFT] | ((3 * reg[TASKS]) ^ reg[TIES]))


@jit
def firmware_step(s: State, now: int) -> None:
    """Phase 1: the current step of the handler is over; what it did lands, and the next step begins."""
    reg, number, ticks = s.reg, s.reg[FW_SOURCE], 0
    if reg[STEP] == IN_INTERRUPT:
        reg[FW_LEFT] = 0
        if number >= reg[TASKS]:
            over = s.ranked[number - reg[TASKS]]
            reg[FW_INSTANCE], reg[FW_LEFT] = s.refill[over], s.refills[over]
    elif reg[STEP] == IN_PROGRAM:
        push_instance(s, reg[FW_INSTANCE], -1, now)
        reg[FW_INSTANCE] = s.next[reg[FW_INSTANCE]]
        reg[FW_LEFT] -= 1
    if reg[FW_LEFT] > 0:
        reg[STEP] = IN_PROGRAM
        ticks = reg[T_PROGRAM]
    elif reg[STEP] == IN_PUSH:
        push_item(s, reg[FW_ITEM], now)
    else:
        for i in range(s.trigger_start[number], s.trigger_start[number + 1]):
            s.items[ITEM_NEED][s.trigger[i]] -= 1
        reg[STEP] = IN_PUSH
    if reg[STEP] == IN_PUSH:
        item = next_item(s)
        if item < 0:
            s.handlers[DONE][reg[HANDLERS]] = now
            reg[HANDLERS] += 1
            reg[STEP] = IDLE
            return
        reg[FW_ITEM] = item
        s.handlers[PUSHES][reg[HANDLERS]] += 1
        ticks = s.items[ITEM_COST][item]
    push(s.heap, (now + ticks) << reg[SHIFT] | ((3 * reg[TASKS]) ^ reg[TIES]))
