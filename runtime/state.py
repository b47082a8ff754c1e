"""What the event loop reads and writes: flat integer tables, as lists (pure Python) or as int64 arrays (compiled).

Tables with several columns are indexed ``table[COLUMN][row]``; scalars live in `reg`. Ids of events: task = its end;
T + task = its delayed start; 2T + task = its transfer is past the setup; 3T = firmware's step is over; 3T + 1 = a
shared transfer may be through; 3T + 2 + p = barrier p is re-armed. An event is ``time << SHIFT | id``.
"""

from typing import NamedTuple

# engines
LIST, BUSY_CAP, HELD_CAP, LAG, DEPTH, NEEDS, SLOT_BASE = 0, 1, 2, 3, 4, 5, 6
BUSY, HELD, HELD_TASK, HEAD, TAIL, QUEUED, BLOCKED, PUSH_TICK, PUSH_BY, KICKED, FRONT = (
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    14,
    15,
    16,
    17,
)
ENGINE_COLUMNS = 18
"""LIST..SLOT_BASE: first place in `list_task`; tasks that may be past head and not ended; tasks that may be past head
and not started; start waits for the end of the task LAG before (0: no); FIFO depth; needs descriptors; first row in
`claim`. The rest changes: BUSY, HELD and HELD_TASK count and name such tasks; HEAD and TAIL are the places of the next
task to pop and to push; QUEUED entries are in the FIFO; BLOCKED is the enqueue that waits for room; PUSH_TICK and
PUSH_BY belong to the last push; KICKED: is in `kick_queue`; FRONT is the next work item of the engine."""

# barriers
PROD, CONS, CUR, LIVE, PUSHED, NEXT, FIRST, REARMING, BAR_TICK, BAR_BY, WAITER = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
BARRIER_COLUMNS = 11
"""PROD and CONS are the hardware's counters. CUR is the current instance (-1: idle), LIVE counts the instances pushed
and not over, PUSHED is the last one pushed, NEXT the one that will be armed next, FIRST the first of all; REARMING: a
bounded re-arm is under way; BAR_TICK and BAR_BY belong to the last push; WAITER is the first task that watches PROD."""

# firmware: work items and handlers
ITEM_ENGINE, ITEM_LOW, ITEM_HIGH, ITEM_COST, ITEM_NEED, ITEM_NEXT = 0, 1, 2, 3, 4, 5
ITEM_COLUMNS = 6
SOURCE, RAISED, SERVED, DONE, PUSHES = 0, 1, 2, 3, 4
HANDLER_COLUMNS = 5

# management DMAs
TARGET, LOW, HIGH, SLOT = 0, 1, 2, 3

# registers
SHIFT, TASKS, TIES, STOP, STRICT, DROP, LINKED, CAPACITY, DELTA, CONSUME_END, DELAYED, SHARED = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
)
RULE, WHY, BAD_TASK, BAD_BARRIER, BAD_FOUND, BAD_TICK = 12, 13, 14, 15, 16, 17
NOW, EVENTS, ENDED, ROUND, SETTLES, WAKES, KICKS, CHECKS, ROOM, TAIL_BARRIER, TAIL_TICK = (
    18,
    19,
    20,
    21,
    22,
    23,
    24,
    25,
    26,
    27,
    28,
)
STEP, FW_SOURCE, FW_ITEM, FW_PENDING, HANDLERS, BY_ARRIVAL, MANAGES, T_INTERRUPT, T_PROGRAM = (
    29,
    30,
    31,
    32,
    33,
    34,
    35,
    36,
    37,
)
SETUP, RATE, SCALE, SERVICE, SERVICE_TICK, ACTIVE, BW_TICK = 38, 39, 40, 41, 42, 43, 44
SENTINEL, LATE, ENGINES, LAGGED, FW_INSTANCE, FW_LEFT = 45, 46, 47, 48, 49, 50
REGISTERS = 51

IDLE, IN_INTERRUPT, IN_PROGRAM, IN_PUSH = 0, 1, 2, 3  # values of STEP
NEVER = (1 << 63) - 1  # value of SENTINEL, the last entry of every heap, later than any event, in arrays
NEVER_IN_LISTS = 1 << 400  # the same in lists, whose integers have no limit

# reasons (WHY) of hazards
STALE_HEAD, STALE_START, STALE_CONSUME = 1, 2, 3  # H1
STALE_UPDATE, UNDERFLOW = 4, 5  # H2
BARRIER_FULL, BARRIER_ORDER, BARRIER_TIE = 6, 7, 8  # H3
NOT_FETCHED = 9  # H4
LIVE_SLOT = 10  # H5
FIFO_FULL, FIFO_ORDER, FIFO_TWICE, FIFO_TIE, FETCHED_TWICE, PROGRAMMED_TWICE = 11, 12, 13, 14, 15, 16  # H6
TAIL_EARLY = 17  # H10


class State(NamedTuple):
    """Static tables first. T tasks, V instances, P barriers, E engines, I work items, S descriptor slots."""

    kind: list[int]  # (T,)
    engine: list[int]
    cycles: list[int]  # duration, push latency included
    slots: list[int]
    wait_start: list[int]  # (T + 1,)
    wait: list[int]
    update_start: list[int]
    update: list[int]
    link: list[int]  # (T,) 1: head is the end of the task before; 2: shares its FIFO entry; 0: own entry
    manage: list[list[int]]  # (4, T) TARGET, LOW, HIGH, SLOT
    program_start: list[int]
    program: list[int]
    delay: list[int]  # (T,) dispatch delay; empty if DELAYED is 0
    bytes: list[int]  # (T,) moved over shared bandwidth; empty if SHARED is 0
    list_task: list[int]  # (T,) the lists of all engines, one after the other
    pid: list[int]  # (V,)
    next: list[int]  # the next instance of the same barrier
    counts: list[list[int]]  # (2, V) producers, consumers as configured
    raises: list[int]  # (V,) 1: interrupt when over
    delta: list[int]  # (V,) ticks a bounded re-arm takes; empty if DELTA is 0
    refill: list[int]  # (V,) the first instance that the handler of this one programs; -1 = none
    refills: list[int]  # (V,) how many it programs, one after the other
    rank: list[int]  # (V,) interrupt number: T + place in (pid, instance) order
    ranked: list[int]  # (V,) its inverse
    lag: list[int]  # (T + V,) extra ticks of the interrupt with this number; empty: none
    trigger_start: list[int]  # (T + V + 1,) interrupt number -> work items that name it
    trigger: list[int]
    items: list[list[int]]  # (ITEM_COLUMNS, I)
    eng: list[list[int]]  # (ENGINE_COLUMNS, E)
    bar: list[list[int]]  # (BARRIER_COLUMNS, P)
    reg: list[int]  # (REGISTERS,)
    heap: list[int]
    pending: list[int]  # heap of raised interrupts
    handlers: list[list[int]]  # (HANDLER_COLUMNS, T + V)
    watch: list[int]  # (T,) next task that watches the same barrier
    where: list[int]  # (T,) descriptor slot; -1 = fetch under way, -2 = never fetched
    claim: list[int]  # (S,) task whose descriptor is in the slot or on its way there
    active: list[int]  # transfers under way over shared bandwidth
    finish: list[int]  # the service at which each of them is through
    settle_queue: list[int]
    wake_queue: list[int]
    kick_queue: list[int]
    check_queue: list[int]
    enqueued: list[int]  # (T,) times
    head: list[int]
    start: list[int]
    end: list[int]
    armed: list[int]  # (V,) times
    lifted: list[int]
    over: list[int]


class Flat:
    """The same fields as `State` in slots: CPython reads them three times as fast as those of a named tuple."""

    __slots__ = State._fields

    def __init__(self, state: State) -> None:
        for name, value in zip(State._fields, state, strict=True):
            setattr(self, name, value)
