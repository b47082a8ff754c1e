"""The max-plus sweep: where nothing arbitrates in time, one pass in program order yields every time.

One source for CPython (lists) and numba (arrays). The caller has shown that everything a task waits for comes earlier
in program order, and checks afterwards that no rule was broken; see `maxplus`.
"""

from wlm_dialect.runtime.jit import jit


@jit
def sweep_serial(
    engine: list[int],
    cycles: list[int],
    wait_start: list[int],
    wait: list[int],
    update_start: list[int],
    update: list[int],
    pushed: list[int],
    gate: list[int],
    enqueued: list[int],
    head: list[int],
    start: list[int],
    end: list[int],
    lifted: list[int],
) -> None:
    """Serial engines, no dispatch delays, and no enqueue that waits for room.

    `pushed` is the task whose end pushes each task (-1: bootstrap), `gate` per engine the end of its last task.
    Fills the last five tables.
    """
    w = u = 0
    for t in range(len(engine)):
        e = engine[t]
        x = gate[e]
        by = pushed[t]
        if by >= 0:
            f = end[by]
            enqueued[t] = f
            if f > x:
                x = f
        head[t] = x
        last = wait_start[t + 1]
        if last != w:
            for v in wait[w:last]:
                f = lifted[v]
                if f > x:
                    x = f
            w = last
        start[t] = x
        x += cycles[t]
        end[t] = x
        gate[e] = x
        last = update_start[t + 1]
        if last != u:
            for v in update[u:last]:
                if x > lifted[v]:
                    lifted[v] = x
            u = last


@jit
def sweep_any(
    engine: list[int],
    cycles: list[int],
    delay: list[int],
    wait_start: list[int],
    wait: list[int],
    update_start: list[int],
    update: list[int],
    enqueue: list[list[int]],
    room: list[int],
    before: list[int],
    earlier: list[int],
    hold: list[int],
    list_task: list[int],
    enqueued: list[int],
    head: list[int],
    start: list[int],
    end: list[int],
    lifted: list[int],
) -> None:
    """Any order but pools; enqueues wait for room.

    Per task: `before` is the task before in its list whose start (`hold` 0) or end (`hold` 1) its head follows,
    `earlier` the task whose end its start follows, `room` the task whose head makes room for it (-1: none); `enqueue`
    has the columns first and last place in `list_task` that the task pushes. Fills the last five.
    """
    first, stop = enqueue[0], enqueue[1]
    for t in range(len(engine)):
        x = enqueued[t]
        p = before[t]
        if p >= 0:
            f = end[p] if hold[t] else start[p]
            if f > x:
                x = f
        head[t] = x
        for v in wait[wait_start[t] : wait_start[t + 1]]:
            if lifted[v] > x:
                x = lifted[v]
        p = earlier[t]
        if p >= 0 and end[p] > x:
            x = end[p]
        x += delay[t]
        start[t] = x
        x += cycles[t]
        for i in range(first[t], stop[t]):
            q = list_task[i]
            p = room[q]
            if p >= 0 and head[p] > x:
                x = head[p]
            enqueued[q] = x
        end[t] = x
        for v in update[update_start[t] : update_start[t + 1]]:
            if x > lifted[v]:
                lifted[v] = x
