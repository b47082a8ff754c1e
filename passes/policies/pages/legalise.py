"""Legal pages: no dependence spans more than a border, and each border joins all queues.

Each step edits the sheet and returns whether it changed anything. Repeated until none does: a step that makes a task a
boundary task gives the others more to do.
"""

from collections.abc import Callable, Iterable

from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.policies.pages.sheet import Sheet, boundary_tasks, outermost

_ROUNDS = 8


def make_legal(sheet: Sheet) -> None:
    """All steps until nothing changes. ScheduleError where a dependence finds no task to lead it over a border."""
    for _ in range(_ROUNDS):
        if not any([step(sheet) for step in STEPS]):
            return
    raise ScheduleError(f"policy 'pages': borders of pages still change after {_ROUNDS} rounds")


def add_boundaries(sheet: Sheet) -> bool:
    """Each page but the last has a boundary task (R5), and on its queue no task without updates comes after it."""
    changed = False
    for p in range(sheet.pages - 1):
        following = _entry(sheet, p + 1)
        if not sheet.on_page[p]:
            if sheet.first_dma < 0:
                raise ScheduleError(f"policy 'pages': page {p} has no task, and there is no DMA queue for a dummy")
            sheet.insert_task(sheet.first_dma, p, sheet.page_barriers[p][-1:], [following])
            changed = True
        elif not boundary_tasks(sheet, p):
            sheet.add_update(sheet.on_page[p][-1], following)
            changed = True
        changed |= _repeat_updates(sheet, p)
    return changed


def _entry(sheet: Sheet, page: int) -> int:
    """The first barrier of a page that somebody waits on; the last one if a dummy will have to."""
    row = sheet.page_barriers[page]
    return next((v for v in row if sheet.consumers[v]), row[0] if sheet.on_page[page] else row[-1])


def _repeat_updates(sheet: Sheet, page: int) -> bool:
    """The last task of a queue that has boundary tasks updates what one of them does, if it updates nothing."""
    changed = False
    boundary = boundary_tasks(sheet, page)
    queues = {sheet.chain(t) for t in boundary}
    for t in last_users(sheet, page):
        if sheet.chain(t) in queues and ends_unseen(sheet, t):
            mine = seen_ahead(sheet, page, [b for b in boundary if sheet.chain(b) == sheet.chain(t)])
            if mine:
                sheet.add_update(t, min(mine))
                changed = True
    return changed


def last_users(sheet: Sheet, page: int) -> list[int]:
    """Per queue the last task of the page that uses a barrier."""
    users = [t for t in sheet.on_page[page] if sheet.waits[t] or sheet.updates[t]]
    return outermost(sheet, users, last=True)


def ends_unseen(sheet: Sheet, task: int) -> bool:
    """Whether the task updates no barrier that somebody waits on."""
    return not any(_seen(sheet, v) for v in sheet.updates[task])


def seen_ahead(sheet: Sheet, page: int, tasks: Iterable[int]) -> list[int]:
    """The barriers behind `page` that these tasks update and somebody waits on."""
    return [v for t in tasks for v in sheet.updates[t] if sheet.barrier_page[v] > page and _seen(sheet, v)]


def _seen(sheet: Sheet, barrier: int) -> bool:
    return bool(sheet.consumers[barrier]) or barrier == sheet.tail


def shorten(sheet: Sheet) -> bool:
    """Updates two pages or more ahead, and waits on former pages, go from border to border instead (R2, R3)."""
    changed = False
    for p in range(sheet.pages):
        for t in list(sheet.on_page[p]):
            for v in [v for v in sheet.updates[t] if sheet.barrier_page[v] > p + 1]:
                sheet.drop_update(t, v)
                step = _step_over(sheet, t)
                sheet.add_update(step, v)
                changed = True
            for v in [v for v in sheet.waits[t] if sheet.barrier_page[v] < p]:
                sheet.drop_wait(t, v)
                for producer in list(sheet.producers[v]):
                    _order(sheet, producer, t)
                changed = True
    return changed


def _step_over(sheet: Sheet, task: int) -> int:
    """A boundary task of the next page that comes after `task`: on its queue if there is one, else the first."""
    page = sheet.task_page[task] + 1
    boundary = boundary_tasks(sheet, page)
    chosen = next((t for t in boundary if sheet.chain(t) == sheet.chain(task)), boundary[0] if boundary else -1)
    anchor = sheet.anchor(chosen) if chosen >= 0 else -1
    if anchor < 0:
        raise ScheduleError(
            f"policy 'pages': no boundary task of page {page} can take over an update of {sheet.name(task)}"
        )
    sheet.add_update(task, anchor)
    return chosen


def _order(sheet: Sheet, first: int, then: int) -> None:
    """`first` ends before `then`, on a later page, starts: by their queue, or over boundary tasks of pages between."""
    while sheet.chain(first) != sheet.chain(then):
        if sheet.task_page[first] >= sheet.task_page[then] - 1:
            sheet.add_update(first, sheet.needed_anchor(then))
            return
        first = _step_over(sheet, first)


def join_queues(sheet: Sheet) -> bool:
    """The last boundary tasks of a page come before the first ones of the next, on all queues (R6)."""
    changed = False
    for p in range(sheet.pages - 2):
        for source, target in missing_joins(sheet, p):
            sheet.add_update(source, sheet.needed_anchor(target))
            changed = True
    return changed


def missing_joins(sheet: Sheet, page: int) -> list[tuple[int, int]]:
    """Pairs (last boundary task of `page`, first one of the next) that no path orders."""
    targets = outermost(sheet, boundary_tasks(sheet, page + 1), last=False)
    out: list[tuple[int, int]] = []
    for source in outermost(sheet, boundary_tasks(sheet, page), last=True):
        reached = sheet.reached([source], page + 1)
        out += [(source, target) for target in targets if target not in reached]
    return out


def close_pages(sheet: Sheet) -> bool:
    """Last tasks of queues that update nothing come before a boundary task or become one; no barrier lacks users."""
    changed = False
    for p in range(sheet.pages - 1):
        for t in last_without_update(sheet, p):
            sheet.add_update(t, _end_of_page(sheet, p, t))
            changed = True
    return _drop_unused(sheet) or changed


def last_without_update(sheet: Sheet, page: int) -> list[int]:
    """Of the last task per queue on a page those whose end nobody sees."""
    inner = page < sheet.pages - 2  # behind that, nothing is reused that a dummy could still wait on
    return [t for t in last_users(sheet, page) if ends_unseen(sheet, t) and (inner or t < sheet.original)]


def _end_of_page(sheet: Sheet, page: int, task: int) -> int:
    """The latest wait barrier of first boundary tasks; what one updates if `task` could not come before that."""
    boundary = boundary_tasks(sheet, page)
    starts = outermost(sheet, boundary, last=False)
    waits = [v for t in starts for v in sheet.waits[t] if sheet.barrier_page[v] == page]
    if waits:
        after = {*sheet.consumers[max(waits)]}
        if task not in after and task not in sheet.reached(after, page, listed=True):
            return max(waits)
    return min(seen_ahead(sheet, page, boundary), default=_entry(sheet, page + 1))


def _drop_unused(sheet: Sheet) -> bool:
    """A barrier without consumers loses its producers; one without producers gets a boundary task (R7)."""
    changed = False
    for v, p in enumerate(sheet.barrier_page):
        lonely = not sheet.consumers[v] and v != sheet.tail and v not in sheet.quiet
        if lonely and sheet.producers[v]:
            for t in list(sheet.producers[v]):
                sheet.drop_update(t, v)
            changed = True
        elif sheet.consumers[v] and not sheet.producers[v] and p > 0:
            for t in boundary_tasks(sheet, p - 1)[:1]:  # without any, the next round makes one
                sheet.add_update(t, v)
            changed = True
    return changed


STEPS: tuple[Callable[[Sheet], bool], ...] = (add_boundaries, shorten, join_queues, close_pages)
