"""The heap of events in an int64 array: entry 0 is the size, the heap starts at entry 1."""

from wlm_dialect.runtime.jit import jit

TOP = 1  # index of the least entry


@jit
def push(heap: list[int], x: int) -> None:
    """`heapq.heappush`."""
    i = heap[0] + 1
    heap[0] = i
    while i > 1 and heap[i >> 1] > x:
        heap[i] = heap[i >> 1]
        i >>= 1
    heap[i] = x


@jit
def pop(heap: list[int]) -> int:
    """`heapq.heappop`."""
    top, size = heap[1], heap[0] - 1
    heap[0] = size
    x, i = heap[size + 1], 1
    while 2 * i <= size:
        child = 2 * i
        if child < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= x:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = x
    return top
