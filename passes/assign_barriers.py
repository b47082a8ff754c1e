"""Pass `wlm-assign-barriers`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.dialects.task import MODES, Mode
from wlm_dialect.errors import ScheduleError, did_you_mean
from wlm_dialect.kernels.barrier_choice import NO_WINDOW, UNKNOWN, Knowledge, Uses, chosen
from wlm_dialect.kernels.csr import int32
from wlm_dialect.passes.analysis.estimate import Estimate, estimate, over_times
from wlm_dialect.passes.analysis.known_orders import KnownOrders, MissingOrder, with_orders
from wlm_dialect.passes.analysis.linear import linearised_without_pulses
from wlm_dialect.passes.analysis.order import Order, task_order
from wlm_dialect.passes.analysis.spare_joins import without_spare_joins
from wlm_dialect.passes.analysis.stretches import in_stretches
from wlm_dialect.passes.analysis.uses import last_use
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.insert_pulses import with_credits
from wlm_dialect.passes.insert_tail import with_tail
from wlm_dialect.passes.limit_barriers import limited, width
from wlm_dialect.passes.order_barriers import ordered_by_first_use
from wlm_dialect.passes.place_enqueues import PlaceEnqueuesPass
from wlm_dialect.passes.place_programs import refillable
from wlm_dialect.passes.policies import CHAINS, PAGES, check_policy, choose
from wlm_dialect.passes.policies.pages import place_pages
from wlm_dialect.passes.split_barriers import within_slots
from wlm_dialect.program import Barriers, Kind, Program

_ROUNDS = 12  # of repair per limit; most programs need none or one
_RESERVES = (4, 8, 12, 14, 15, 0)  # sixteenths of all barriers to keep back for those that need one long idle
_PATIENCE = 3  # rounds in which half of the orders that lack have to be found
_FEW = 8  # orders: worth all rounds
_SHARE = 8  # and so is one order per so many barriers
_ABOUT = 1.0005  # times the best estimate: as good
_DEAR = 1.02  # times the estimate before repair: worth a look at the last resort


@dataclass(frozen=True)
class AssignBarriersPass(ProgramPass):
    """Bind each virtual barrier to an instance of a physical one; fill in the counts (policy `chains`).

    A physical barrier is reused only where its previous instance is over in program order before the new one is first
    produced. For full mode that must also be *known*, from clocks: every consumer of the previous instance has started
    before each producer of the new one ends (H2), and before each of its consumers is at head (H1). There a task is
    held back by its predecessor, or, second choice, by an enqueue that wlm-place-enqueues puts late enough on the queue
    that manages its engine. Where no barrier qualifies, order is added: waits, or SYNC DMAs on the managing queue. The
    last resort of full mode are stretches that one queue dispatches (`analysis/stretches.py`), also where repair costs
    more by estimate; that of the firmware modes is one task at a time.

    Precondition: phase virtual. Postcondition: phase physical; H2 and H9 hold; H1 once enqueues are placed.
    """

    name = "wlm-assign-barriers"
    phases = ("virtual",)
    mode: Mode = "full"
    policy: str = CHAINS
    per_fifo: bool = False  # leave a physical barrier to each work FIFO: wlm-guard-enqueues

    def transform(self, program: Program) -> Program:
        if self.mode not in MODES:
            raise ScheduleError(f"{self.name}: mode is '{self.mode}'{did_you_mean(self.mode, MODES)}")
        check_policy(self.policy)
        lonely = np.nonzero(np.diff(program.producers.start) == 0)[0]
        if len(lonely):
            name = program.barrier_name(int(lonely[0]))
            raise ScheduleError(f"@{program.name}: barrier {name} has no producer, so nothing lifts it [H7]")
        changed = self._assigned(program)
        if changed is None:
            count, model = program.machine.barriers.count, program.machine.name
            raise ScheduleError(
                f"@{program.name}: no assignment to {count} physical barriers was found: in mode {self.mode} a task "
                f"waits for one while it updates another, so it takes 2, and machine '{model}' has {count}; use a "
                "machine with more barriers, or mode full, which needs 1 [H1, H2]"
            )
        return changed

    def _assigned(self, program: Program) -> Program | None:
        machine, kept = program.machine, len(fifos(program)) if self.per_fifo else 0
        if not kept or 3 * kept > machine.barriers.count:
            return assigned(program, self.mode, self.policy)
        fewer = machine.with_(**{"barriers.count": machine.barriers.count - kept})
        changed = assigned(program.with_(machine=fewer), self.mode, self.policy)
        return None if changed is None else changed.with_(machine=machine)


def fifos(program: Program) -> list[int]:
    """The engines whose work FIFOs enqueues fill: those with descriptors and tasks."""
    engines = program.machine.engines
    return [e for e, tasks in enumerate(program.lists) if engines[e].descriptor_slots and len(tasks)]


def assigned(program: Program, mode: str, policy: str = CHAINS) -> Program | None:
    """The program in phase physical, repaired where it must be, at worst one task at a time; None where that fails."""
    if policy == PAGES:
        return _on_pages(program, mode)
    if mode == "full":
        repaired = _best_repaired(program, policy)  # may have no task: then it is false, but not None
        if repaired is None:
            return configured(*in_stretches(within_slots(program)))
        return _sooner_in_stretches(program, repaired)
    found = _repaired(program, mode, policy)
    if found is not None:
        return found
    return _repaired(linearised_without_pulses(program, mode), mode, policy)


def _best_repaired(program: Program, policy: str) -> Program | None:
    """Full mode: with SYNCs that stand for many orders each or with one per order, whatever is faster by estimate; of
    equals what has fewer."""
    few = _repaired(program, "full", policy, together=True)
    if few is not None and not np.any(few.kind == Kind.SYNC):
        return few
    found = [p for p in (few, _repaired(program, "full", policy)) if p is not None]
    ends = [max(estimate(p).end) for p in found]
    good = [p for p, end in zip(found, ends, strict=True) if end <= _ABOUT * min(ends)]
    return min(good, key=lambda p: np.count_nonzero(p.kind == Kind.SYNC), default=None)


def _sooner_in_stretches(program: Program, repaired: Program) -> Program:
    """The last resort of full mode in place of a repair that costs much, where by estimate it ends sooner."""
    if max(estimate(repaired).end, default=0) <= _DEAR * max(estimate(program).end, default=0):
        return repaired
    try:
        stretches = configured(*in_stretches(within_slots(program)))
    except ScheduleError:  # barriers that need time to re-arm
        return repaired
    return min((repaired, stretches), key=lambda p: max(estimate(PlaceEnqueuesPass().transform(p), managed=True).end))


def _repaired(program: Program, mode: str, policy: str, *, together: bool = False) -> Program | None:
    """The program in phase physical, with orders added where some are missing; None where that leads nowhere.

    Fewer barriers in use at once leave more of them idle for long. A lower limit starts where it first matters.
    """
    count = program.machine.barriers.count
    rounds = [program]
    for limit in dict.fromkeys((count, max(1, 3 * count // 4), max(1, count // 2))):
        start = next((i for i, before in enumerate(rounds) if limit == count or width(before) > limit), None)
        if start is None:
            break
        found, rounds = _rounds(rounds[start], limit, mode, policy, together)
        if found is not None:
            return found
    return None


def _rounds(
    program: Program, limit: int, mode: str, policy: str, together: bool
) -> tuple[Program | None, list[Program]]:
    """Rounds of repair at one limit, as long as they get on: the result, if any, and the program of each round."""
    rounds: list[Program] = []
    lacking: list[int] = []
    while _gets_on(lacking, len(program.barriers)):
        found = legal(program, limit, mode)
        if found is None:
            break
        candidate, order = found
        rounds.append(candidate)
        choice = _choice(candidate, order, mode, policy)
        if choice is None:
            break
        if not choice.missing:
            done = configured(candidate, choice.pids)
            lean = without_spare_joins(done) if mode == "full" else done
            return next((p for p in dict.fromkeys((lean, done)) if _placeable(p, mode)), None), rounds
        lacking.append(len(choice.missing))
        program = with_orders(candidate, choice.missing, together=together)
    return None, rounds


def _gets_on(lacking: list[int], barriers: int) -> bool:
    """Whether another round may help, after rounds that lacked so many orders: few are left, or half as many as before.

    What is added takes barriers itself, so many orders that do not become fewer soon cost more than a few joins. Where
    they are few for so many barriers they may become more for some rounds, until what is added is enough.
    """
    recent, before = lacking[-_PATIENCE:], lacking[:-_PATIENCE]
    few = min(lacking, default=0) <= _FEW or _SHARE * lacking[-1] <= barriers
    return len(lacking) < _ROUNDS and (few or not before or 2 * min(recent) <= min(before))


def legal(program: Program, limit: int, mode: str) -> tuple[Program, Order] | None:
    """The program with few enough barriers in use, within the slots of each and with a complete tail (H9, H10).

    In the firmware modes also with evidence that each DMA FIFO has room (H6): inserted tasks move the others. And its
    clocks, but for those of barriers.
    """
    for _ in range(_ROUNDS):
        changed = limited(program, limit)
        if changed is None:
            return None
        order = task_order(changed)
        if program.barriers.tail >= 0:
            changed = with_tail(changed, order)
        changed = within_slots(changed)
        if mode != "full":
            changed = with_credits(changed)
        if changed is program:
            return ordered_by_first_use(program), order
        program = changed
    return None


def _placeable(program: Program, mode: str) -> bool:
    """Look ahead: enqueues and refills find their places, and in partial mode a barrier tells of each fetch in time."""
    if mode == "full":
        return refillable(PlaceEnqueuesPass().transform(program))
    last = last_use(program)
    fetches = np.nonzero(program.kind == Kind.FETCH)[0].tolist()
    return mode == "firmware" or all(_is_told(program, f, last) for f in fetches)


def _is_told(program: Program, fetch: int, last: list[int]) -> bool:
    """Whether a barrier of the fetch, or of what follows it on its queue, is last used before its group (H4)."""
    first = int(program.lists[int(program.target[fetch])][int(program.low[fetch])])
    tail = program.barriers.tail
    for t in program.lists[int(program.engine[fetch])][int(program.position[fetch]) :].tolist():
        if t >= first:
            return False
        if any(last[v] < first and v != tail for v in program.updates[t].tolist()):
            return True
    return False


@dataclass(frozen=True)
class Choice:
    """Physical barrier per virtual one, and the orders that must be added to make it legal."""

    pids: list[int]
    missing: list[MissingOrder]


def _choice(program: Program, order: Order, mode: str, policy: str) -> Choice | None:
    """Which barrier gets which, and what full mode lacks; None where all are in use at some point."""
    if policy == CHAINS:
        return chains(program, order if mode == "full" else None)
    pids = choose(policy, program)
    if pids is None:
        return None
    return Choice(pids, _missing(program, pids) if mode == "full" else [])


def _on_pages(program: Program, mode: str) -> Program:
    """The baseline legalises its pages itself; full mode needs H1 besides, for which nothing is added there."""
    paged = place_pages(program, by_firmware=mode != "full")
    missing = _missing(paged.program, paged.pids) if mode == "full" else []
    if missing:
        raise ScheduleError(
            f"@{program.name}: policy 'pages' leaves {len(missing)} orders unknown that full mode needs, the first for "
            f"'{paged.program.names[missing[0].then]}'; use policy '{CHAINS}', or mode partial [H1]"
        )
    return configured(paged.program, paged.pids)


def _missing(program: Program, pids: list[int]) -> list[MissingOrder]:
    """What full mode does not know of a given assignment, though it must."""
    known = KnownOrders(program, task_order(program))
    current: dict[int, int] = {}
    missing: list[MissingOrder] = []
    for v, pid in enumerate(pids):
        if pid in current:
            missing += known.missing(v, current[pid])
        current[pid] = v
    return missing


def chains(program: Program, order: Order | None) -> Choice | None:
    """Physical barrier per virtual one. Barriers are numbered by first use; `order` asks for known order (full mode).

    There more or fewer barriers are kept back for those that need one long idle, whatever leaves least to repair. Where
    order is missing everywhere, or no DMA queue has a place for a refill, the best is taken all the same and what is
    missing is noted. None: all are in use.
    """
    model = program.machine.barriers
    times = estimate(program)
    over = over_times(program, times)
    first = program.producers.index[program.producers.start[:-1]]
    uses = Uses(first.astype(np.int64), np.asarray(last_use(program), np.int64), np.asarray(over, np.int64))
    known = None if order is None else KnownOrders(program, order)
    rows = _nothing_to_know(len(first)) if known is None else known.rows
    best: tuple[int, list[int], list[int]] | None = None
    for reserve in (0,) if known is None else [model.count * n // 16 for n in _RESERVES]:
        found = chosen(uses, rows, model.count, model.fifo_depth, min(reserve, model.count - 1))
        if found is None:
            return None
        bad = int((found[1] >= NO_WINDOW).sum()) if known is not None else 0
        if best is None or bad < best[0]:
            best = bad, found[0].tolist(), found[1].tolist()
        if not bad:
            break
    assert best is not None
    _, pids, quality = best
    return Choice(pids, [] if known is None else _to_repair(known, pids, quality, times, over))


def _to_repair(
    known: KnownOrders, pids: list[int], quality: list[int], times: Estimate, over: list[int]
) -> list[MissingOrder]:
    """The orders that are missing where a barrier is not good enough."""
    depth = known.program.machine.barriers.fifo_depth
    chain: dict[int, list[int]] = {}
    missing: list[MissingOrder] = []
    for v, (pid, good) in enumerate(zip(pids, quality, strict=True)):
        row = chain.setdefault(pid, [])
        if good == UNKNOWN:
            missing += known.missing(v, row[-1])
        elif good == NO_WINDOW:
            former = row[-1 - depth]
            missing += known.missing_window(v, former, times.start, over[former])
        row.append(v)
    return missing


def _nothing_to_know(count: int) -> Knowledge:
    """Where firmware programs barriers, nothing has to be known from clocks."""
    none = np.zeros((count, 0), np.int32)
    anywhere = np.zeros((count, 1), np.int32)
    return Knowledge(none, none, none, anywhere, anywhere, anywhere)


def configured(program: Program, pids: list[int]) -> Program:
    """Phase physical: barriers with their ids and counts in slots."""
    made, used = (table.sums(program.slots).astype(np.int32) for table in (program.producers, program.consumers))
    barriers = Barriers(int32(pids), made, used, np.zeros(len(pids), np.int32), program.barriers.tail)
    return program.with_(phase="physical", barriers=barriers)
