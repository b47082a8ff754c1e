"""Dummy DMAs: on each DMA queue and page one DMA that comes after the whole page before.

DMA queues are enqueued whole at bootstrap and look at physical barriers, so that a DMA two pages ahead must not come to
head early: it would take the old instance of its barrier for its own.
"""

from wlm_dialect.passes.policies.pages.sheet import Sheet, boundary_tasks, outermost


def insert_dummies(sheet: Sheet) -> list[int]:
    """Insert what is missing; the tasks inserted. The first DMA queue is served to the end, others as long as used."""
    first, out = sheet.first_dma, []
    for p in range(1, sheet.pages - 1):
        for q, listed in enumerate(sheet.lists):
            if not sheet.dma[q]:
                continue
            used = q == first or (bool(listed) and sheet.task_page[listed[-1]] > p)
            if used and not _guards(sheet, p, q):
                out.append(_insert(sheet, p, q))
    return out


def _guards(sheet: Sheet, page: int, queue: int) -> bool:
    """Whether the last DMA of the queue on the page is a boundary task or comes after all of the page before."""
    here = [t for t in sheet.on_page[page] if sheet.queue[t] == queue]
    if not here:
        return False
    if here[-1] in boundary_tasks(sheet, page):
        return True
    return all(here[-1] in sheet.reached([t], page) for t in _page_starts(sheet, page))


def _page_starts(sheet: Sheet, page: int) -> list[int]:
    return outermost(sheet, boundary_tasks(sheet, page - 1), last=True)


def _insert(sheet: Sheet, page: int, queue: int) -> int:
    """A dummy that waits on the barrier of the earliest boundary task; before that of a sync task."""
    boundary = boundary_tasks(sheet, page)
    wait = sheet.needed_anchor(boundary[0])
    updates: list[int] = []
    if boundary[0] in sheet.sync and len(sheet.page_barriers[page]) > 1:
        updates = [wait]
        wait = max(v for v in sheet.page_barriers[page] if v != updates[0])
    for t in _page_starts(sheet, page):
        if t not in sheet.producers[wait] and sheet.reached([t], page).isdisjoint(sheet.producers[wait]):
            sheet.add_update(t, wait)
    return sheet.insert_task(queue, page, [wait], updates)
