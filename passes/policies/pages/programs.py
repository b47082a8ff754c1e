"""Barrier DMAs as tasks of the sheet, and what has to come after them.

A physical barrier that nobody has programmed reads as lifted. So a barrier DMA comes before whatever may look at, or
update, what it programs: all boundary tasks of its page, and on each other DMA queue the last task of the page, behind
which the next page comes to head. Upstream's rules promise the first boundary tasks only (R12).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.policies.pages.borders import BarrierDma
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
    needed, late = _needed(sheet, dma), followers(sheet, dma.updates, page)
    first = next((i for i in range(low, high) if listed[i] in late), high)
    last = next((i + 1 for i in range(high - 1, low - 1, -1) if _comes_before(sheet, listed[i], needed, page)), low)
    if last > first:
        raise ScheduleError(f"policy 'pages': page {page} has no place for the DMA that programs the next pages")
    behind = bisect_right(listed, sheet.place[dma.insert_after], key=sheet.place.__getitem__)
    return min(max(behind, last), first)


def _needed(sheet: Sheet, dma: BarrierDma) -> set[int]:
    return {t for v in dma.waits for t in sheet.producers[v]}


def followers(sheet: Sheet, barriers: Iterable[int], page: int) -> set[int]:
    """Tasks up to `page` that cannot start, or stand behind one that cannot, before these barriers are lifted."""
    waiting = {t for v in barriers for t in sheet.consumers[v]}
    return waiting | sheet.reached(waiting, page, listed=True)


def _comes_before(sheet: Sheet, task: int, needed: set[int], page: int) -> bool:
    return task in needed or not sheet.reached([task], page, listed=True).isdisjoint(needed)


def order_around(sheet: Sheet, dmas: dict[int, BarrierDma]) -> bool:
    """Let the page before come in front of each barrier DMA, and behind it the boundary tasks of its page and the last
    DMA of each queue there; whether that changed anything."""
    return any([order(sheet, task, dma) for task, dma in dmas.items() for order in (_order_before, _order_behind)])


def _order_before(sheet: Sheet, task: int, dma: BarrierDma) -> bool:
    changed = False
    for t in outermost(sheet, boundary_tasks(sheet, dma.page - 1), last=True):
        if task not in sheet.reached([t], dma.page):
            sheet.add_update(t, max(dma.waits))
            changed = True
    return changed


def _order_behind(sheet: Sheet, task: int, dma: BarrierDma) -> bool:
    page = dma.page
    behind = {task} | followers(sheet, dma.updates, page) | sheet.reached([task], page)
    changed = False
    for t in boundary_tasks(sheet, page):
        if t not in behind:
            if not _wait(sheet, task, t, page) and not _update(sheet, task, dma, t):
                _hand_over(sheet, dma, t)
            behind |= {t, *sheet.reached([t], page)}
            changed = True
    for t in _last_dmas(sheet, page):
        if t not in behind:
            if not _wait(sheet, task, t, page):
                sheet.insert_task(sheet.queue[t], page, dma.updates[:1], [])
            changed = True
    return changed


def _wait(sheet: Sheet, task: int, then: int, page: int) -> bool:
    """Let `then` wait on a barrier that the barrier DMA `task` updates, if that is no circle."""
    if not sheet.dma[sheet.queue[then]] or not sheet.may_wait(then):
        return False
    ahead = {then} | sheet.reached([then], page, listed=True)
    free = [v for v in sheet.updates[task] if ahead.isdisjoint(sheet.producers[v])]
    if free:
        sheet.add_wait(then, free[0])
    return bool(free)


def _update(sheet: Sheet, task: int, dma: BarrierDma, then: int) -> bool:
    """Let the barrier DMA update what `then` waits on, if that is no circle."""
    anchor = sheet.anchor(then)
    if anchor < 0 or not followers(sheet, [anchor], dma.page).isdisjoint([task, *_needed(sheet, dma)]):
        return False
    sheet.add_update(task, anchor)
    return True


def _hand_over(sheet: Sheet, dma: BarrierDma, task: int) -> None:
    """The barrier DMA needs `task`, so that it cannot be a boundary task: one behind the DMA updates for it."""
    heir = min((t for v in dma.updates for t in sheet.consumers[v]), key=lambda t: sheet.place[t])
    sheet.add_update(task, dma.updates[0])
    for v in [v for v in sheet.updates[task] if sheet.barrier_page[v] > dma.page]:
        sheet.drop_update(task, v)
        sheet.add_update(heir, v)


def _last_dmas(sheet: Sheet, page: int) -> list[int]:
    """The last task of each DMA queue on the page, if the queue goes on behind it."""
    out: list[int] = []
    for q, listed in enumerate(sheet.lists):
        end = bisect_right(listed, page, key=sheet.task_page.__getitem__)
        if sheet.dma[q] and 0 < end < len(listed) and sheet.task_page[listed[end - 1]] == page:
            out.append(listed[end - 1])
    return out
