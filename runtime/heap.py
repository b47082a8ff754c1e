"""The heap of events in pure Python: `heapq` on a list of ints. `heap_array` is the same for compiled loops."""

from heapq import heappop as pop
from heapq import heappush as push

__all__ = ["TOP", "pop", "push"]

TOP = 0  # index of the least entry
