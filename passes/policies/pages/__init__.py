"""Policy `pages`: the baseline after npu_compiler's page-based management, with everything that it inserts.

Barriers, in the order in which they lift, are cut into pages of half the physical ones; two pages are live at a time,
and a border joins all queues. The steps stand in the order of upstream's passes; docs/barriers.md describes them and
says where they differ. Control-graph splits are left out: they serialise the whole program every few thousand tasks.
"""

from dataclasses import replace

from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.insert_pulses import missing_credits, with_pulses
from wlm_dialect.passes.insert_tail import with_tail
from wlm_dialect.passes.policies.pages.borders import BarrierDma, place_barrier_dmas
from wlm_dialect.passes.policies.pages.build import (
    DUMMY,
    Paged,
    check_slots,
    pad_pages,
    page_ids,
    program_of,
    sheet_of,
    without_implied,
)
from wlm_dialect.passes.policies.pages.channel import management_queue
from wlm_dialect.passes.policies.pages.dummies import insert_dummies
from wlm_dialect.passes.policies.pages.legalise import make_legal
from wlm_dialect.passes.policies.pages.manage import managed
from wlm_dialect.passes.policies.pages.programs import insert_barrier_dmas, order_around
from wlm_dialect.passes.policies.pages.sheet import Sheet
from wlm_dialect.passes.split_barriers import within_slots
from wlm_dialect.program import Program

__all__ = ["DUMMY", "BarrierDma", "Paged", "manage_pages", "place_pages"]

_ROUNDS = 8


def place_pages(program: Program, *, by_firmware: bool = False) -> Paged:
    """The program (phase virtual) on pages. ScheduleError where upstream gives up, too, with the page or task.

    With `by_firmware` there is no room for barrier DMAs, but evidence that each DMA FIFO has room for what firmware
    pushes (H6): pulses, which have their places on pages as all barriers.
    """
    program = within_slots(program)
    told: set[int] = set()
    while True:
        paged = _placed(program, with_barrier_dmas=not by_firmware)
        missing = {_own(paged, t) for t in missing_credits(paged.program)} if by_firmware else set()
        if not missing:
            return paged
        if missing <= told:
            raise ScheduleError(
                f"policy 'pages': its {len(paged.dummies)} dummies fill DMA FIFOs, and no task of the network is left "
                "to tell firmware when there is room [H6]"
            )
        program = with_pulses(program, sorted(missing - told))
        told |= missing


def manage_pages(program: Program) -> Program:
    """The program (phase virtual, with the fetches of wlm-insert-page-fetches) managed in full mode on pages."""
    queue = management_queue(program.machine)
    if program.machine.barriers.rearm == "bounded":
        raise ScheduleError(
            "policy 'pages' in full mode needs barriers that are re-armed at once, but machine "
            f"'{program.machine.name}' has rearm = 'bounded'; use mode partial or firmware [H1]"
        )
    depth = programmed_depth(program)
    return managed(_placed(within_slots(program), with_barrier_dmas=True, channel=queue), queue, depth)


def programmed_depth(program: Program) -> int:
    """Instances per barrier that bootstrap loads, and that one barrier DMA programs."""
    machine = program.machine
    return min(machine.management.program_depth, 1 + machine.barriers.fifo_depth)


def _own(paged: Paged, task: int) -> int:
    """The task of the network that stands for `task` or is the last before it on its queue."""
    listed: list[int] = paged.program.lists[int(paged.program.engine[task])].tolist()
    before = [paged.origin[t] for t in listed[: listed.index(task) + 1] if paged.origin[t] >= 0]
    return before[-1] if before else next(paged.origin[t] for t in listed if paged.origin[t] >= 0)


def _placed(program: Program, *, with_barrier_dmas: bool, channel: int = -1) -> Paged:
    """With a `channel` for management, barrier DMAs are inserted there; else their places are only noted."""
    ordered, sheet = sheet_of(program, channel)
    make_legal(sheet)
    insert_dummies(sheet)
    make_legal(sheet)
    depth = programmed_depth(program)
    dmas = place_barrier_dmas(sheet, depth) if with_barrier_dmas else []
    early = channel >= 0 and program.machine.engines[channel].order == "prefetching"
    inserted = insert_barrier_dmas(sheet, dmas, early_heads=early) if channel >= 0 else {}
    make_legal(sheet)
    _settle(sheet, inserted)
    padding = pad_pages(sheet, [e.max_waits != 1 for e in program.machine.engines])
    return _paged(ordered, sheet, dmas, inserted, padding, depth)


def _settle(sheet: Sheet, dmas: dict[int, BarrierDma]) -> None:
    """What barrier DMAs need, and dummies where the steps since have made new boundary tasks."""
    for _ in range(_ROUNDS if sheet.channel >= 0 else 0):
        changed = order_around(sheet, dmas)
        if not insert_dummies(sheet) and not changed:
            return
        make_legal(sheet)


def _paged(
    ordered: Program,
    sheet: Sheet,
    dmas: list[BarrierDma],
    inserted: dict[int, BarrierDma],
    padding: list[int],
    depth: int,
) -> Paged:
    """All of it in terms of the new program."""
    ids = page_ids(sheet)
    program, order, number = program_of(ordered, sheet, inserted, depth)
    if program.barriers.tail >= 0:
        program = with_tail(program)  # dummies end, too
    program = without_implied(program)
    check_slots(program)
    position = {t: i for i, t in enumerate(order)}
    used = sorted(ids, key=number.__getitem__)
    barrier_page, task_page = [sheet.barrier_page[v] for v in used], [sheet.task_page[t] for t in order]
    return Paged(
        program,
        [ids[v] for v in used],
        sheet.size,
        barrier_page,
        task_page,
        _boundary(program, barrier_page, task_page),
        [
            replace(
                dma,
                waits=tuple(number[v] for v in dma.waits),
                updates=tuple(number[v] for v in dma.updates),
                insert_after=position[dma.insert_after],
            )
            for dma in dmas
        ],
        sorted(position[t] for t in sheet.inserted if t not in inserted),
        sorted(number[v] for v in padding),
        [t if t < sheet.original else -1 for t in order],
    )


def _boundary(program: Program, barrier_page: list[int], task_page: list[int]) -> dict[int, list[int]]:
    """Page -> tasks that update the next one."""
    out: dict[int, list[int]] = {p: [] for p in range(max(barrier_page, default=0))}
    for t, p in enumerate(task_page):
        if any(barrier_page[v] > p for v in program.updates[t].tolist()):
            out[p].append(t)
    return out
