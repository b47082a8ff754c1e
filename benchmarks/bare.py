"""Bare loops: the least an event loop or a max-plus pass can do on the barrier graph of a program. The yardstick.

No FIFOs of their own for barriers, no descriptors, no management, no checks: a task is enqueued once its instances are
programmed (`REPROGRAM` ticks after the instance before is over), waits, runs, posts.
"""

import heapq
from typing import Any

import numpy as np

from wlm_dialect.program import Program

DEPTH, REPROGRAM = 64, 100


def arrays(program: Program) -> dict[str, Any]:
    """What the bare loops read, as numpy arrays."""
    p = program
    return {
        "eng": p.engine,
        "dur": p.cycles.astype(np.int32),
        "wp": p.waits.start,
        "wi": p.waits.index,
        "pp": p.updates.start,
        "pi": p.updates.index,
        "nprod": np.bincount(p.updates.index, minlength=len(p.barriers)).astype(np.int32),
        "ncons": np.bincount(p.waits.index, minlength=len(p.barriers)).astype(np.int32),
        "prevv": p.barriers.previous,
        "nextv": p.barriers.next,
    }


def heap_loop(d: dict[str, list[int]], engines: int) -> int:
    """Event loop on `heapq`, ints and flat lists; the makespan."""
    eng, dur, wp, wi, pp, pi, nextv = d["eng"], d["dur"], d["wp"], d["wi"], d["pp"], d["pi"], d["nextv"]
    nprod, ncons = d["nprod"][:], d["ncons"][:]
    tasks, barriers = len(eng), len(nextv)
    prog = bytearray(v < 0 for v in d["prevv"])
    lists: list[list[int]] = [[] for _ in range(engines)]
    for t in range(tasks):
        lists[eng[t]].append(t)
    length = [len(x) for x in lists]
    tail, head = [0] * engines, [0] * engines
    cur, need, stop = [-1] * engines, [0] * engines, [-1] * engines
    lift: dict[int, list[int]] = {}
    wake: dict[int, list[int]] = {}
    heap: list[int] = []
    push, pop = heapq.heappush, heapq.heappop
    m = tasks + barriers
    now = 0
    start = [0] * tasks

    def begin(e: int) -> None:
        t = cur[e]
        start[t] = now
        for k in range(wp[t], wp[t + 1]):
            v = wi[k]
            c = ncons[v] - 1
            ncons[v] = c
            if c == 0 and nextv[v] >= 0:
                push(heap, (now + REPROGRAM) * m + tasks + nextv[v])
        push(heap, (now + dur[t]) * m + t)

    def kick(e: int) -> None:
        queue = lists[e]
        while True:
            q, lim, h = tail[e], length[e], head[e]
            while q < lim and q - h < DEPTH:
                t = queue[q]
                blocked = -1
                for k in range(wp[t], wp[t + 1]):
                    if not prog[wi[k]]:
                        blocked = wi[k]
                        break
                else:
                    for k in range(pp[t], pp[t + 1]):
                        if not prog[pi[k]]:
                            blocked = pi[k]
                            break
                if blocked >= 0:
                    if stop[e] != blocked:
                        stop[e] = blocked
                        wake.setdefault(blocked, []).append(e)
                    break
                q += 1
            tail[e] = q
            if cur[e] >= 0 or h >= q:
                return
            t = queue[h]
            head[e] = h + 1
            cur[e] = t
            n = 0
            for k in range(wp[t], wp[t + 1]):
                v = wi[k]
                if nprod[v]:
                    lift.setdefault(v, []).append(e)
                    n += 1
            need[e] = n
            if n == 0:
                begin(e)

    for e in range(engines):
        kick(e)
    while heap:
        now, i = divmod(pop(heap), m)
        if i < tasks:
            e = eng[i]
            cur[e] = -1
            for k in range(pp[i], pp[i + 1]):
                v = pi[k]
                c = nprod[v] - 1
                nprod[v] = c
                if c == 0:
                    for f in lift.pop(v, ()):
                        need[f] -= 1
                        if need[f] == 0:
                            begin(f)
            kick(e)
        else:
            v = i - tasks
            prog[v] = 1
            for f in wake.pop(v, ()):
                kick(f)
    assert head == length, "deadlock"
    return now


def maxplus_pass(d: dict[str, list[int]], engines: int) -> int:
    """Max-plus pass in program order on flat lists; the makespan."""
    eng, dur, wp, wi, pp, pi, nextv = d["eng"], d["dur"], d["wp"], d["wi"], d["pp"], d["pi"], d["nextv"]
    ncons = d["ncons"][:]
    tasks, barriers = len(eng), len(nextv)
    armed, lifted, used = [0] * barriers, [0] * barriers, [0] * barriers
    pushed, done, place = [0] * engines, [0] * engines, [0] * engines
    ring = [[0] * DEPTH for _ in range(engines)]
    start = [0] * tasks
    makespan = w0 = p0 = 0
    for t in range(tasks):
        e = eng[t]
        a = pushed[e]
        r = ring[e]
        k = place[e]
        x = r[k]
        if x > a:
            a = x
        w1 = wp[t + 1]
        p1 = pp[t + 1]
        s = done[e]
        waits = wi[w0:w1]
        for v in waits:
            x = armed[v]
            if x > a:
                a = x
            x = lifted[v]
            if x > s:
                s = x
        posts = pi[p0:p1]
        for v in posts:
            x = armed[v]
            if x > a:
                a = x
        pushed[e] = a
        x = done[e]
        r[k] = a if a > x else x
        k += 1
        place[e] = 0 if k == DEPTH else k
        if a > s:
            s = a
        f = s + dur[t]
        done[e] = f
        start[t] = s
        if f > makespan:
            makespan = f
        for v in waits:
            if s > used[v]:
                used[v] = s
            c = ncons[v] - 1
            ncons[v] = c
            if c == 0:
                n = nextv[v]
                if n >= 0:
                    armed[n] = used[v] + REPROGRAM
        for v in posts:
            if f > lifted[v]:
                lifted[v] = f
        w0 = w1
        p0 = p1
    return makespan
