"""The history of the bytes of an address space: who wrote last, who has read since."""

from bisect import bisect_left

Readers = tuple[int, "Readers"] | None  # a list that shares its tail


class Segments:
    """Segment i covers the bytes from ``cuts[i]`` to ``cuts[i + 1]``."""

    def __init__(self) -> None:
        self.cuts = [-1]
        self.history: list[tuple[int, Readers]] = [(-1, None)]

    def _cut(self, at: int) -> int:
        i = bisect_left(self.cuts, at)
        if i == len(self.cuts) or self.cuts[i] != at:
            self.cuts.insert(i, at)
            self.history.insert(i, self.history[i - 1])
        return i

    def touch(self, low: int, high: int, task: int, writes: bool) -> set[int]:
        """Note an access and return the tasks that have to be through before: the last writer, for a write also who
        has read since."""
        first, last = self._cut(low), self._cut(high)
        rivals: set[int] = set()
        for i in range(first, last):
            writer, readers = self.history[i]
            rivals.add(writer)
            if not writes:
                self.history[i] = (writer, (task, readers))
                continue
            while readers is not None:
                rivals.add(readers[0])
                readers = readers[1]
        if writes and first < last:
            self.history[first:last] = [(task, None)]
            del self.cuts[first + 1 : last]
        return rivals - {-1, task}
