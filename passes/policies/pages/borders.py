"""Room for barrier DMAs: each programs one half of the physical barriers with what the next pages need.

On its page it waits on *start barriers*, which are lifted only after the whole page before, and updates *end barriers*,
before which nothing updates the next page. The two must differ, which can take changes of the graph.
"""

from dataclasses import dataclass

from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.policies.pages.sheet import Sheet, boundary_tasks, outermost

_ROUNDS = 100


@dataclass(frozen=True)
class BarrierDma:
    """A DMA to insert: it runs behind task `insert_after` on the first DMA queue and programs `pids`."""

    page: int
    waits: tuple[int, ...]
    updates: tuple[int, ...]
    insert_after: int
    pids: tuple[int, ...]


def programming_pages(pages: int, depth: int) -> list[int]:
    """The pages with a barrier DMA, if bootstrap fills each barrier with `depth` instances and so does a DMA."""
    return [p for p in range(2 * depth - 1, pages - 1) if p % (2 * depth) in (0, 2 * depth - 1)]


def place_barrier_dmas(sheet: Sheet, depth: int) -> list[BarrierDma]:
    """The barrier DMAs of all pages that have one. ScheduleError where there is no place for one."""
    return [_place(sheet, p) for p in programming_pages(sheet.pages, depth)]


def start_barriers(sheet: Sheet, page: int) -> list[int]:
    """Per last boundary task of the page before, the first barrier of the page that it updates; ascending."""
    found = (
        [v for v in sheet.updates[t] if sheet.barrier_page[v] == page]
        for t in outermost(sheet, boundary_tasks(sheet, page - 1), last=True)
    )
    return sorted({min(row) for row in found if row})


def end_barriers(sheet: Sheet, page: int) -> list[int]:
    """Per first boundary task of the page, the last barrier that it waits on; ascending."""
    out: set[int] = set()
    for t in outermost(sheet, boundary_tasks(sheet, page), last=False):
        here = [v for v in sheet.waits[t] if sheet.barrier_page[v] == page]
        out.add(max(here) if here else sheet.anchor(t))
    return sorted(out - {-1})


def _place(sheet: Sheet, page: int) -> BarrierDma:
    starts = start_barriers(sheet, page)
    common = sorted(set(starts) & set(end_barriers(sheet, page)))
    if common and len(common) < len(starts):
        starts = [v for v in starts if v not in common]
        for t in [t for v in common for t in sheet.producers[v]]:
            if sheet.task_page[t] < page:
                sheet.add_update(t, max(starts))
    elif common:
        starts = [_separate(sheet, page)]
    found = _before(sheet, page, starts) or _before(sheet, page, [_separate(sheet, page)])
    if found is None:
        raise no_room(page)
    starts, ends = found
    sheet.quiet |= frozenset(starts)  # the DMA will wait on them, perhaps nobody else does
    half = (page + 1) % 2 * sheet.size
    pids = tuple(range(half, half + sheet.size))
    return BarrierDma(page, tuple(starts), tuple(ends), _insertion(sheet, page, starts, ends), pids)


def _separate(sheet: Sheet, page: int) -> int:
    """Make the first barrier of the page its only start, and let no boundary task wait on it."""
    first = sheet.page_barriers[page][0]
    for t in outermost(sheet, boundary_tasks(sheet, page - 1), last=True):
        sheet.add_update(t, first)
    for _ in range(_ROUNDS):
        waiting = [t for t in outermost(sheet, boundary_tasks(sheet, page), last=False) if _ends_with(sheet, t, first)]
        if not waiting:
            return first
        _move(sheet, page, waiting[0], first)
    raise no_room(page)


def _ends_with(sheet: Sheet, task: int, barrier: int) -> bool:
    here = [v for v in sheet.waits[task] if sheet.barrier_page[v] == sheet.task_page[task]]
    return (max(here) if here else sheet.anchor(task)) == barrier


def _move(sheet: Sheet, page: int, task: int, first: int) -> None:
    """Let a boundary task wait on an end barrier instead of `first`; if that is cyclic, it is none any more."""
    others = [v for v in end_barriers(sheet, page) if v != first]
    others = others or [v for v in sheet.page_barriers[page] if v != first and sheet.consumers[v]][-1:]
    if not others:
        raise no_room(page)
    end = others[0]
    later = sheet.reached([task], page, listed=True)
    if task in sheet.producers[end] or not later.isdisjoint(sheet.producers[end]):
        heir = min((t for t in sheet.consumers[end]), key=lambda t: sheet.place[t])
        for v in [v for v in sheet.updates[task] if sheet.barrier_page[v] > page]:
            sheet.drop_update(task, v)
            sheet.add_update(heir, v)
        return
    before = list(sheet.producers[first])
    if first in sheet.waits[task]:
        sheet.drop_wait(task, first)
    sheet.add_wait(task, end)
    for t in before:
        if task in sheet.reached([t], page):
            continue
        if not sheet.reached(sheet.consumers[end], page, listed=True).isdisjoint([t]) or t in sheet.consumers[end]:
            raise no_room(page)
        sheet.add_update(t, end)


def _before(sheet: Sheet, page: int, starts: list[int]) -> tuple[list[int], list[int]] | None:
    """Start barriers that do not depend on an end barrier, and the end barriers; None if there are none.

    Tasks that start the page update one that is left instead of one that is not.
    """
    ends = end_barriers(sheet, page)
    late = sheet.followers(ends, page)
    kept = [v for v in starts if late.isdisjoint(sheet.producers[v])]
    if not kept or not ends or set(kept) & set(ends):
        return None
    for v in starts:
        if v not in kept:
            for t in list(sheet.producers[v]):
                if sheet.task_page[t] < page:
                    sheet.add_update(t, max(kept))
    return kept, ends


def _insertion(sheet: Sheet, page: int, starts: list[int], ends: list[int]) -> int:
    """The task behind which the DMA goes: the last producer of its start barriers, else one of its queue."""
    made = max((t for v in starts for t in sheet.producers[v]), key=lambda t: sheet.place[t])
    used = min((t for v in ends for t in sheet.consumers[v]), key=lambda t: sheet.place[t])
    if sheet.place[made] < sheet.place[used]:
        return made
    needed = {t for v in starts for t in sheet.producers[v]}
    late = sheet.followers(ends, page)
    behind = -1
    for t in sheet.lists[sheet.first_dma] if sheet.first_dma >= 0 else []:
        if sheet.task_page[t] > page or t in late:
            break
        behind = t
    rest = [
        t for t in sheet.on_page[page] if sheet.queue[t] == sheet.first_dma and sheet.place[t] > sheet.place[behind]
    ]
    if behind < 0 or any(t in needed or not sheet.reached([t], page, listed=True).isdisjoint(needed) for t in rest):
        raise no_room(page)
    return behind


def no_room(page: int) -> ScheduleError:
    """What is raised where a barrier DMA finds no place."""
    return ScheduleError(f"policy 'pages': page {page} has no place for the DMA that programs the next pages")
