"""Barrier DMAs as tasks of the sheet, and what has to come after them.

A physical barrier that nobody has programmed reads as lifted. So a barrier DMA comes not only before the boundary tasks
of its page, which update what it programs (R12), but also, on each DMA queue, before the last task of the page, behind
which the next page comes to head. That is no rule upstream.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from wlm_dialect.passes.policies.pages.borders import BarrierDma, no_room
from wlm_dialect.passes.policies.pages.sheet import Sheet, boundary_tasks, outermost


def insert_barrier_dmas(sheet: Sheet, dmas: list[BarrierDma], *, early_heads: bool = False) -> dict[int, BarrierDma]:
    """The barrier DMAs as tasks on the management queue: task -> what it is.

    Where a task may wait on few barriers only, dummies in front wait on the rest. With `early_heads` the queue takes
    the next task to its head while one runs; then a dummy behind a barrier DMA keeps the next away from what it writes.
    """
    return {_insert(sheet, dma, early_heads): dma for dma in dmas}


def _insert(sheet: Sheet, dma: BarrierDma, early_heads: bool) -> int:
    queue = sheet.first_dma
    at = _position(sheet, dma)
    limit = (sheet.max_waits[queue] if sheet.max_waits else 0) or len(dma.waits)
    *before, waits = [dma.waits[i : i + limit] for i in range(0, len(dma.waits), limit)]
    parts: list[tuple[Sequence[int], Sequence[int]]] = [*((row, ()) for row in before), (waits, dma.updates)]
    made = -1
    for n, (waited, updated) in enumerate([*parts, ((), ())] if early_heads else parts):
        listed = sheet.lists[queue]
        behind_it = [*(t for v in dma.updates for t in sheet.consumers[v]), *listed[at + n : at + n + 1]]
        place = min(sheet.place[t] for t in behind_it)
        task = sheet.insert_at(queue, at + n, dma.page, place, waited, updated)
        made = task if updated else made
    return made


def _position(sheet: Sheet, dma: BarrierDma) -> int:
    """Where on the management queue: among the tasks of its page, behind what it waits for and before what follows."""
    page, listed = dma.page, sheet.lists[sheet.first_dma]
    low = bisect_left(listed, page, key=sheet.task_page.__getitem__)
    high = bisect_right(listed, page, key=sheet.task_page.__getitem__)
    needed = {t for v in dma.waits for t in sheet.producers[v]}
    late = sheet.followers(dma.updates, page)
    first = next((i for i in range(low, high) if listed[i] in late), high)
    last = next((i + 1 for i in range(high - 1, low - 1, -1) if _comes_before(sheet, listed[i], needed, page)), low)
    if last > first:
        raise no_room(page)
    behind = bisect_right(listed, sheet.place[dma.insert_after], key=sheet.place.__getitem__)
    return min(max(behind, last), first)


def _comes_before(sheet: Sheet, task: int, needed: set[int], page: int) -> bool:
    return task in needed or not sheet.reached([task], page, listed=True).isdisjoint(needed)


def order_around(sheet: Sheet, dmas: dict[int, BarrierDma]) -> bool:
    """Let the page before come in front of each barrier DMA, where steps behind made new boundary tasks, and the last
    DMA of each queue on its page behind it; whether that changed anything."""
    return any([order(sheet, task, dma) for task, dma in dmas.items() for order in (_order_before, _order_behind)])


def _order_before(sheet: Sheet, task: int, dma: BarrierDma) -> bool:
    changed = False
    for t in outermost(sheet, boundary_tasks(sheet, dma.page - 1), last=True):
        if task not in sheet.reached([t], dma.page):
            sheet.add_update(t, max(dma.waits))
            changed = True
    return changed


def _order_behind(sheet: Sheet, task: int, dma: BarrierDma) -> bool:
    behind = {task} | sheet.followers(dma.updates, dma.page) | sheet.reached([task], dma.page)
    late = [t for t in _last_dmas(sheet, dma.page) if t not in behind]
    for t in late:
        free = _free_of(sheet, sheet.updates[task], t, dma.page)
        if free and sheet.may_wait(t):
            sheet.add_wait(t, free[0])
        else:
            sheet.insert_task(sheet.queue[t], dma.page, dma.updates[:1], [])
    return bool(late)


def _free_of(sheet: Sheet, barriers: Iterable[int], task: int, page: int) -> list[int]:
    """Those of the barriers for which `task` can wait without waiting for itself."""
    ahead = {task} | sheet.reached([task], page, listed=True)
    return [v for v in barriers if ahead.isdisjoint(sheet.producers[v])]


def _last_dmas(sheet: Sheet, page: int) -> list[int]:
    """The last task of each DMA queue on the page, if the queue goes on behind it."""
    out: list[int] = []
    for q, listed in enumerate(sheet.lists):
        end = bisect_right(listed, page, key=sheet.task_page.__getitem__)
        if sheet.dma[q] and 0 < end < len(listed) and sheet.task_page[listed[end - 1]] == page:
            out.append(listed[end - 1])
    return out
