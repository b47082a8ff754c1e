"""The bare loops of `bare`, compiled: event loop with a heap of its own, and max-plus pass.

Written again and not shared with `bare` or with the simulator: a yardstick is as fast as its form allows, which here
are bit masks and a heap in an array, there lists and `heapq`.
"""

from typing import Any

import numba as nb
import numpy as np

DEPTH, REPROGRAM = 64, 100


@nb.njit(cache=True)
def _push(heap: Any, n: int, x: int) -> int:
    i = n
    while i > 0:
        p = (i - 1) >> 1
        if heap[p] <= x:
            break
        heap[i] = heap[p]
        i = p
    heap[i] = x
    return n + 1


@nb.njit(cache=True)
def _pop(heap: Any, n: int) -> Any:
    r = heap[0]
    n -= 1
    x = heap[n]
    i = 0
    while True:
        c = 2 * i + 1
        if c >= n:
            break
        if c + 1 < n and heap[c + 1] < heap[c]:
            c += 1
        if heap[c] >= x:
            break
        heap[i] = heap[c]
        i = c
    heap[i] = x
    return r, n


@nb.njit(cache=True)
def heap_loop(engines, eng, dur, wp, wi, pp, pi, nprod0, ncons0, prevv, nextv):  # type: ignore[no-untyped-def]
    """Event loop; the makespan. Bit masks say which engines wait for a barrier."""
    tasks, barriers = len(eng), len(nextv)
    nprod, ncons, prog = nprod0.copy(), ncons0.copy(), prevv < 0
    first = np.zeros(engines + 1, np.int64)
    for t in range(tasks):
        first[eng[t] + 1] += 1
    for e in range(engines):
        first[e + 1] += first[e]
    queue = np.empty(tasks, np.int32)
    fill = first[:engines].copy()
    for t in range(tasks):
        queue[fill[eng[t]]] = t
        fill[eng[t]] += 1
    tail, head = first[:engines].copy(), first[:engines].copy()
    cur, need = np.full(engines, -1, np.int32), np.zeros(engines, np.int32)
    lift, wake = np.zeros(barriers, np.uint32), np.zeros(barriers, np.uint32)
    heap = np.empty(4 * engines + 64 + barriers // 8, np.int64)
    n = 0
    m = np.int64(tasks + barriers)
    now = np.int64(0)
    start = np.zeros(tasks, np.int64)
    kicks = np.uint32((1 << engines) - 1)
    begins = np.uint32(0)
    while True:
        while kicks or begins:
            if begins:
                for e in range(engines):
                    if begins >> e & 1:
                        t = cur[e]
                        start[t] = now
                        for k in range(wp[t], wp[t + 1]):
                            v = wi[k]
                            ncons[v] -= 1
                            if ncons[v] == 0 and nextv[v] >= 0:
                                n = _push(heap, n, (now + REPROGRAM) * m + tasks + nextv[v])
                        n = _push(heap, n, (now + dur[t]) * m + t)
                begins = np.uint32(0)
            kicked = kicks
            kicks = np.uint32(0)
            for e in range(engines):
                if not (kicked >> e & 1):
                    continue
                while True:
                    q, lim, h = tail[e], first[e + 1], head[e]
                    while q < lim and q - h < DEPTH:
                        t = queue[q]
                        blocked = -1
                        for k in range(wp[t], wp[t + 1]):
                            if not prog[wi[k]]:
                                blocked = wi[k]
                                break
                        if blocked < 0:
                            for k in range(pp[t], pp[t + 1]):
                                if not prog[pi[k]]:
                                    blocked = pi[k]
                                    break
                        if blocked >= 0:
                            wake[blocked] |= np.uint32(1 << e)
                            break
                        q += 1
                    tail[e] = q
                    if cur[e] >= 0 or h >= q:
                        break
                    t = queue[h]
                    head[e] = h + 1
                    cur[e] = t
                    c = 0
                    for k in range(wp[t], wp[t + 1]):
                        v = wi[k]
                        if nprod[v]:
                            lift[v] |= np.uint32(1 << e)
                            c += 1
                    need[e] = c
                    if c == 0:
                        begins |= np.uint32(1 << e)
        if n == 0:
            break
        x, n = _pop(heap, n)
        now = x // m
        i = x - now * m
        if i < tasks:
            e = eng[i]
            cur[e] = -1
            for k in range(pp[i], pp[i + 1]):
                v = pi[k]
                nprod[v] -= 1
                if nprod[v] == 0 and lift[v]:
                    w = lift[v]
                    lift[v] = 0
                    for g in range(engines):
                        if w >> g & 1:
                            need[g] -= 1
                            if need[g] == 0:
                                begins |= np.uint32(1 << g)
            kicks |= np.uint32(1 << e)
        else:
            v = i - tasks
            prog[v] = True
            kicks |= wake[v]
            wake[v] = 0
    return now


@nb.njit(cache=True)
def maxplus_pass(engines, eng, dur, wp, wi, pp, pi, nprod, ncons0, prevv, nextv):  # type: ignore[no-untyped-def]
    """Max-plus pass in program order; the makespan."""
    tasks, barriers = len(eng), len(nextv)
    ncons = ncons0.copy()
    armed, lifted, used = np.zeros(barriers, np.int64), np.zeros(barriers, np.int64), np.zeros(barriers, np.int64)
    pushed, done, place = np.zeros(engines, np.int64), np.zeros(engines, np.int64), np.zeros(engines, np.int32)
    ring = np.zeros((engines, DEPTH), np.int64)
    start = np.empty(tasks, np.int64)
    makespan = np.int64(0)
    for t in range(tasks):
        e = eng[t]
        a = max(pushed[e], ring[e, place[e]])
        s = done[e]
        for k in range(wp[t], wp[t + 1]):
            v = wi[k]
            a = max(a, armed[v])
            s = max(s, lifted[v])
        for k in range(pp[t], pp[t + 1]):
            a = max(a, armed[pi[k]])
        pushed[e] = a
        ring[e, place[e]] = max(a, done[e])
        place[e] = 0 if place[e] + 1 == DEPTH else place[e] + 1
        s = max(s, a)
        f = s + dur[t]
        done[e] = f
        start[t] = s
        makespan = max(makespan, f)
        for k in range(wp[t], wp[t + 1]):
            v = wi[k]
            used[v] = max(used[v], s)
            ncons[v] -= 1
            if ncons[v] == 0 and nextv[v] >= 0:
                armed[nextv[v]] = used[v] + REPROGRAM
        for k in range(pp[t], pp[t + 1]):
            v = pi[k]
            lifted[v] = max(lifted[v], f)
    return makespan
