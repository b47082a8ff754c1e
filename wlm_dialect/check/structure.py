"""Rules that need no order of events: everything once (H6), limits (H9), one tail (H10, H11); as proof/Structure.v."""

from collections import Counter

from wlm_dialect.check.text import Schedule
from wlm_dialect.errors import ProgramError


class RejectedError(ProgramError):
    """A rule is broken, or the certificate does not prove that none is."""

    exit_code = 2


def need(ok: bool, text: str) -> None:
    """RejectedError with `text` unless `ok`."""
    if not ok:
        raise RejectedError(text)


def structure(schedule: Schedule) -> None:
    """Raises RejectedError with the first rule that does not hold."""
    sizes = Counter(task.engine for task in schedule.tasks)
    _tasks(schedule, sizes)
    _items(schedule, sizes)
    _instances(schedule)
    _tail(schedule)


def _tasks(schedule: Schedule, sizes: Counter[int]) -> None:
    machine = schedule.machine
    lists: dict[int, list[int]] = {}
    for t, task in enumerate(schedule.tasks):
        lists.setdefault(task.engine, []).append(t)
    fetched: dict[int, int] = {}
    late = {item.engine for item in schedule.items if item.late}
    boot = Counter({item.engine: item.high for item in schedule.items if not item.late})
    for t, task in enumerate(schedule.tasks):
        limit = machine.engines[task.engine].max_waits
        need(not limit or len(task.waits) <= limit, f"H9: task {t} waits on {len(task.waits)} barriers")
        need(task.slots > 0, f"H9: task {t} counts {task.slots} slots")
        need(all(0 <= low < high for _, low, high, _ in task.data), f"H8: task {t} names bytes that do not exist")
        need(task.low >= 0 and task.slot >= 0, f"H9: task {t} begins before a list or its slots")
        need(task.job == "run" or machine.engines[task.engine].kind == "dma", f"H9: task {t} is no task of a DMA")
        for verb in (task.waits, task.updates):
            need(len({v[0] for v in verb}) == len(verb), f"H9: task {t} uses a barrier twice")
        if task.job in ("fetch", "enqueue"):
            need(task.low < task.high <= sizes[task.target], f"H6: task {t} goes beyond a list")
        if task.job == "fetch":
            slots = machine.engines[task.target].descriptor_slots
            need(task.slot + task.high - task.low <= slots, f"H9: task {t} fills slots that do not exist")
            for x in lists[task.target][task.low : task.high]:
                need(x not in fetched, f"H6: the descriptor of task {x} is fetched twice")
                fetched[x] = t
        if task.job == "enqueue":
            need(task.target not in late, f"H6: task {t} and firmware push into one FIFO")
            need(task.low >= boot[task.target], f"H6: task {t} pushes what bootstrap has pushed")
        for p in {p for p, _ in task.programs}:
            row = [k for q, k in task.programs if q == p]
            need(row == sorted(row), f"H3: task {t} pushes the instances of b{p} out of order")
        times = Counter(p for p, _ in task.programs)
        deepest = max(times.values(), default=0)
        need(deepest <= machine.management.program_depth, f"H9: task {t} pushes {deepest} instances of one barrier")
    for t, task in enumerate(schedule.tasks):
        need(t in fetched or not machine.engines[task.engine].descriptor_slots, f"H4: no descriptor for task {t}")
        if task.job == "enqueue" and machine.management.linked_enqueue:
            groups = {fetched.get(x, -1) for x in lists[task.target][task.low : task.high]}
            need(len(groups) == 1, f"H4: task {t} links descriptors of {len(groups)} groups")


def _items(schedule: Schedule, sizes: Counter[int]) -> None:
    reached: Counter[int] = Counter()
    late: set[int] = set()
    for item in schedule.items:
        e, at = item.engine, reached[item.engine]
        need(item.low < item.high <= sizes[e], f"H6: a work item goes beyond the list of engine {e}")
        if item.late:
            late.add(e)
            need(schedule.mode != "full", f"H6: a work item of engine {e} waits for an interrupt in full mode")
        need(
            item.low >= at if item.late else item.low == at and e not in late,
            f"H6: work items of engine {e} out of order",
        )
        fetches = all(schedule.tasks[f].job == "fetch" for f in item.done)
        need(fetches, f"H7: a work item of engine {e} waits for a task whose end does not interrupt")
        reached[e] = item.high


def _instances(schedule: Schedule) -> None:
    model = schedule.machine.barriers
    pushed = Counter(v for task in schedule.tasks for v in task.programs) + Counter(schedule.loaded)
    programmed = {
        v
        for p, row in schedule.barriers.items()
        for k, (_, _, irq) in enumerate(row)
        if irq == "over" and schedule.mode != "full"
        for v in schedule.topped_up((p, k))
    }
    for p, row in schedule.barriers.items():
        need(0 <= p < model.count, f"H9: the machine has no barrier {p}")
        loaded = [k for q, k in schedule.loaded if q == p]
        need(loaded == list(range(len(loaded))), f"H3: bootstrap loads b{p} out of order")
        need(len(loaded) <= model.fifo_depth + 1, f"H3: bootstrap loads {len(loaded)} instances of b{p}")
        for k, (producers, consumers, irq) in enumerate(row):
            fits = producers <= model.max_producers and consumers <= model.max_consumers
            need(fits and producers + consumers <= model.max_sum, f"H9: b{p}#{k} counts more than its counters hold")
            need(producers > 0, f"H7: b{p}#{k} has no producer")
            by_firmware = (p, k) in programmed and (p, k) not in schedule.loaded
            need(pushed[p, k] + by_firmware == 1, f"H6: b{p}#{k} is programmed {pushed[p, k] + by_firmware} times")
            quiet = not irq or (irq == "over" and schedule.mode != "full")
            need(quiet or (p, k) == schedule.tail, f"H10: b{p}#{k} interrupts although it is not the tail")
    used: Counter[tuple[int, int, int]] = Counter()
    for task in schedule.tasks:
        for verb, group in enumerate((task.updates, task.waits)):
            for p, k in group:
                used[p, k, verb] += task.slots
    for p, row in schedule.barriers.items():
        for k, (producers, consumers, _) in enumerate(row):
            need((used[p, k, 0], used[p, k, 1]) == (producers, consumers), f"H9: the counts of b{p}#{k} are wrong")


def _tail(schedule: Schedule) -> None:
    need(schedule.tail is not None, "H10: there is no tail")
    assert schedule.tail is not None
    p, k = schedule.tail
    row = schedule.barriers[p]
    need(row[k][2] == "lifted", "H10: the tail raises no interrupt")
    need(row[k][1] == 0 and k == len(row) - 1, "H11: something comes after the tail")
