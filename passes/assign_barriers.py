"""Pass `wlm-assign-barriers`."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from wlm_dialect.errors import ScheduleError, did_you_mean
from wlm_dialect.kernels.csr import I32, I64
from wlm_dialect.passes.analysis.estimate import estimate, over_times
from wlm_dialect.passes.analysis.known_orders import KnownOrders, MissingOrder, with_orders
from wlm_dialect.passes.analysis.linear import linearised
from wlm_dialect.passes.analysis.order import Order, task_order
from wlm_dialect.passes.analysis.uses import last_use
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.insert_pulses import with_credits
from wlm_dialect.passes.insert_tail import with_tail
from wlm_dialect.passes.limit_barriers import limited
from wlm_dialect.passes.merge_barriers import ordered_by_first_use
from wlm_dialect.passes.place_enqueues import PlaceEnqueuesPass, pushes_fit
from wlm_dialect.passes.place_programs import refillable
from wlm_dialect.passes.policies import CHAINS, PAGES, check_policy, choose
from wlm_dialect.passes.policies.pages import place_pages
from wlm_dialect.passes.split_barriers import within_slots
from wlm_dialect.program import Barriers, Program

MODES = ("firmware", "partial", "full")
_ROUNDS = 12  # of repair per limit; most programs need none or one


@dataclass(frozen=True)
class AssignBarriersPass(ProgramPass):
    """Bind each virtual barrier to an instance of a physical one; fill in the counts (policy `chains`).

    A physical barrier is reused only where its previous instance is over in program order before the new one is first
    produced. For full mode that must also be *known*, from clocks: every consumer of the previous instance has started
    before each producer of the new one ends (H2), and before each of its consumers is at head (H1). There a task is
    held back by its predecessor, or, second choice, by an enqueue that wlm-place-enqueues puts late enough on the queue
    that manages its engine. Where no barrier qualifies, order is added: waits, or SYNC DMAs on the managing queue. The
    last resort is one task at a time.

    Precondition: phase virtual. Postcondition: phase physical; H2 and H9 hold; H1 once enqueues are placed.
    """

    name = "wlm-assign-barriers"
    phases = ("virtual",)
    mode: Literal["firmware", "partial", "full"] = "full"
    policy: str = CHAINS

    def transform(self, program: Program) -> Program:
        if self.mode not in MODES:
            raise ScheduleError(f"{self.name}: mode is '{self.mode}'{did_you_mean(self.mode, MODES)}")
        check_policy(self.policy)
        changed = assigned(program, self.mode, self.policy)
        if changed is None:
            raise ScheduleError(
                f"@{program.name}: no assignment to {program.machine.barriers.count} physical barriers was found; "
                "use a machine with more barriers [H1, H2]"
            )
        return changed


def assigned(program: Program, mode: str, policy: str = CHAINS) -> Program | None:
    """The program in phase physical, repaired where it must be, at worst one task at a time; None where that fails."""
    if policy == PAGES:
        return _on_pages(program, mode)
    limit = program.machine.barriers.count
    while limit > 1:
        candidate = legal(program, limit, mode)
        for _ in range(_ROUNDS):
            choice = None if candidate is None else _first_success(candidate, mode, policy)
            if candidate is None or choice is None:
                break
            if not choice.missing:
                done = configured(candidate, choice.pids)
                if mode != "full" or _placeable(done):
                    return done
                break
            candidate = legal(with_orders(candidate, choice.missing), limit, mode)
        limit -= max(1, limit // 8)
    candidate = legal(linearised(program, mode == "full"), program.machine.barriers.count, mode)
    choice = None if candidate is None else _first_success(candidate, mode, policy)
    return None if candidate is None or choice is None or choice.missing else configured(candidate, choice.pids)


def legal(program: Program, limit: int, mode: str) -> Program | None:
    """The program with few enough barriers in use, within the slots of each and with a complete tail (H9, H10).

    In the firmware modes also with evidence that each DMA FIFO has room (H6): inserted tasks move the others.
    """
    for _ in range(_ROUNDS):
        changed = limited(program, limit)
        if changed is None:
            return None
        if program.barriers.tail >= 0:
            changed = with_tail(changed)
        changed = within_slots(changed)
        if mode != "full":
            changed = with_credits(changed)
        if changed is program:
            return ordered_by_first_use(program)
        program = changed
    return None


def _placeable(program: Program) -> bool:
    """Look ahead: enqueues and refills will find their places."""
    enqueued = PlaceEnqueuesPass().transform(program)
    return pushes_fit(enqueued) and refillable(enqueued)


@dataclass(frozen=True)
class Choice:
    """Physical barrier per virtual one, and the orders that must be added to make it legal."""

    pids: list[int]
    missing: list[MissingOrder]


def _first_success(program: Program, mode: str, policy: str) -> Choice | None:
    """Even use of all barriers first; then more of them kept back for those that need one long idle; then repair."""
    if policy != CHAINS:
        return _chosen(program, mode, policy)
    if mode != "full":
        return chains(program, None, 0)
    order = task_order(program)
    count = program.machine.barriers.count
    for reserve in (count // 4, count // 2):
        choice = chains(program, order, reserve)
        if choice is not None and not choice.missing:
            return choice
    return chains(program, order, count // 4)


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


def _chosen(program: Program, mode: str, policy: str) -> Choice | None:
    """The choice of another policy, and in full mode the orders that it lacks."""
    pids = choose(policy, program)
    if pids is None:
        return None
    return Choice(pids, _missing(program, pids) if mode == "full" else [])


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


def chains(program: Program, order: Order | None, reserve: int) -> Choice | None:
    """Physical barrier per virtual one. Barriers are numbered by first use; `order` asks for known order.

    Of the candidates the one idle longest is taken, so that refills spread; but the `reserve` longest idle of all
    barriers only if there is no other: a task that knows little needs one of them. Where order is missing everywhere,
    the one idle longest is taken all the same and what is missing is noted. None: all are in use.
    """
    count = program.machine.barriers.count
    producers = program.producers.lists()
    last = np.asarray(last_use(program), np.int64)
    idle_since = over_times(program, estimate(program))
    released = np.full(count, -1, np.int64)  # last use of the instance now on each physical barrier
    since = np.full(count, -1, np.int64)  # when it is over, by estimate; -1: never used
    current = np.full(count, -1, np.int64)  # that instance
    known = None if order is None else KnownOrders(program, order)
    pids: list[int] = []
    missing: list[MissingOrder] = []
    for v, row in enumerate(producers):
        free = np.nonzero(released < row[0])[0]
        if not len(free):
            return None
        candidates = free if known is None else known.candidates(v, free, current)
        if not len(candidates) and known is not None:
            pid = int(free[np.argmin(since[free])])
            missing += known.missing(v, int(current[pid]))
        else:
            pid = _longest_idle(candidates, since, reserve)
        pids.append(pid)
        released[pid], since[pid], current[pid] = last[v], idle_since[v], v
    return Choice(pids, missing)


def _longest_idle(candidates: I64, since: I64, reserve: int) -> int:
    if reserve:
        kept_back = np.partition(since, reserve - 1)[reserve - 1]
        others = candidates[since[candidates] > kept_back]
        # with all of them kept back the one used last is least missed
        candidates = others if len(others) else candidates[since[candidates] == since[candidates].max()]
    return int(candidates[np.argmin(since[candidates])])


def configured(program: Program, pids: list[int]) -> Program:
    """Phase physical: barriers with their ids and counts in slots."""

    def slots(table: list[list[int]]) -> I32:
        return np.asarray([int(program.slots[row].sum()) for row in table], np.int32)

    count = len(program.barriers)
    barriers = Barriers(
        np.asarray(pids, np.int32),
        slots(program.producers.lists()),
        slots(program.consumers.lists()),
        np.zeros(count, np.int32),
        program.barriers.tail,
    )
    return program.with_(phase="physical", barriers=barriers)
