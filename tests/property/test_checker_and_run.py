"""The checker against the simulator: what is proved never fails in a run, what is refuted fails in a replayed one.

Programs come from the pipelines (without their last check) and from one or two random edits of them; the checker and
the simulator share neither code nor method.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace

import numpy as np
import pytest

from tests.property.strategies import SCALE
from wlm_dialect.errors import WlmError
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.passes.checker.replay import counterexamples
from wlm_dialect.passes.pipelines import PIPELINES
from wlm_dialect.passes.verify_schedule import PROVED, REFUTED, Finding, check
from wlm_dialect.program import Kind, Program
from wlm_dialect.program.model import IRQ_OFF, Draft
from wlm_dialect.runtime.result import DEADLOCK, HAZARD
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing

MODES = ("firmware", "partial", "full")
VARIANTS: dict[str, dict[str, object]] = {
    "serial": {},
    "prefetching": {"dpu.order": "prefetching", "shave.order": "prefetching"},
    "outstanding": {"dma.order": "outstanding", "dma.servers": 2},
    "pool": {"shave.order": "pool", "shave.servers": 2},
    "drop": {"full_fifo": "drop"},
    "consume at end": {"barriers.consume_at": "end"},
    "by id": {"firmware.service_order": "id"},
    "bare register": {"barriers.fifo_depth": 0},
}
STRUCTURAL = ("H7", "H9", "H11")


def random_graph(machine: MachineModel, rng: random.Random) -> Program:
    """6 to 24 tasks on all engines, each after up to two of the six before it."""
    draft = Draft("net", machine)
    engines = [i for i, e in enumerate(machine.engines) if not e.firmware]
    for t in range(rng.randrange(6, 25)):
        near = range(max(0, t - 6), t)
        after = sorted(set(rng.sample(near, min(t, rng.randrange(3), len(near)))))
        draft.add(rng.choice(engines), f"t{t}", rng.randrange(50, 500), after=after)
    return draft.finish()


def lower(graph: Program, mode: str) -> Program:
    """Through the pipeline, but for its verification."""
    for step in PIPELINES[mode]():
        if not step.name.startswith("wlm-verify"):
            graph = step.run(graph)  # type: ignore[attr-defined]
    return graph


def recount(program: Program, waits: list[list[int]], updates: list[list[int]]) -> Program:
    """Other waits and updates, with counts that fit."""
    table = program.with_(waits=Csr.of(waits), updates=Csr.of(updates))
    size = len(table.barriers)
    made, used = (
        np.bincount(t.index, weights=table.slots[t.rows()], minlength=size).astype(np.int32)
        for t in (table.updates, table.waits)
    )
    return table.with_(barriers=replace(table.barriers, producers=made, consumers=used))


def drop_wait(p: Program, rng: random.Random) -> Program | None:
    waits = p.waits.lists()
    return _drop(p, rng, waits, waits, p.updates.lists())


def drop_update(p: Program, rng: random.Random) -> Program | None:
    updates = p.updates.lists()
    return _drop(p, rng, updates, p.waits.lists(), updates)


def _drop(
    p: Program, rng: random.Random, edited: list[list[int]], waits: list[list[int]], updates: list[list[int]]
) -> Program | None:
    many = [t for t, row in enumerate(edited) if row and (edited is waits or _others(p, row))]
    if not many:
        return None
    row = edited[rng.choice(many)]
    row.pop(rng.randrange(len(row)))
    return recount(p, waits, updates)


def _others(p: Program, row: list[int]) -> bool:
    """Whether each barrier has another producer: one without is no program that IR can hold."""
    return all(len(p.producers[v]) > 1 for v in row)


def move_wait(p: Program, rng: random.Random) -> Program | None:
    waits = p.waits.lists()
    waiting = [t for t, row in enumerate(waits) if row]
    if not waiting:
        return None
    waits[rng.choice(waiting)] = [rng.randrange(len(p.barriers))]
    return recount(p, waits, p.updates.lists())


def move_instance(p: Program, rng: random.Random) -> Program:
    pid = p.barriers.pid.copy()
    pid[rng.randrange(len(pid))] = rng.choice(pid.tolist())
    return p.with_(barriers=replace(p.barriers, pid=pid))


def other_evidence(p: Program, rng: random.Random) -> Program | None:
    at = p.items.at.lists()
    late = [i for i, row in enumerate(at) if row]
    if not late:
        return None
    at[rng.choice(late)] = [rng.randrange(len(p.barriers))]
    return p.with_(items=replace(p.items, at=Csr.of(at)))


def other_slot(p: Program, rng: random.Random) -> Program | None:
    fetches = np.nonzero(p.kind == Kind.FETCH)[0].tolist()
    if not fetches:
        return None
    slot = p.slot.copy()
    slot[rng.choice(fetches)] = rng.randrange(4)
    return p.with_(slot=slot)


def early_program(p: Program, rng: random.Random) -> Program | None:
    waits = p.waits.lists()
    programs = [t for t in np.nonzero(p.kind == Kind.PROGRAM)[0].tolist() if waits[t]]
    if not programs:
        return None
    waits[rng.choice(programs)] = []
    return recount(p, waits, p.updates.lists())


def interrupt_off(p: Program, rng: random.Random) -> Program:
    irq = p.barriers.irq.copy()
    v = rng.randrange(len(irq))
    irq[v] = IRQ_OFF if v != p.barriers.tail else irq[v]
    return p.with_(barriers=replace(p.barriers, irq=irq))


EDITS = (drop_wait, drop_update, move_wait, move_instance, other_evidence, other_slot, early_program, interrupt_off)


def programs(variant: str, seeds: range) -> Iterator[tuple[str, Program]]:
    """Lowered programs of a machine, each with three edited ones; the text tells how to get it again."""
    machine = preset("tiny").with_(**VARIANTS[variant])
    ordered = any(e.ends_in_order for e in machine.engines_of("dma"))
    modes = [mode for mode in MODES if mode != "full" or ordered]  # the one thing full mode cannot do without
    for seed in seeds:
        rng = random.Random(seed)
        mode = modes[seed % len(modes)]
        base = lower(random_graph(machine, rng), mode)
        yield f"{variant}, seed {seed}, {mode}", base
        for _ in range(3):
            edited: Program | None = base
            used = [rng.choice(EDITS) for _ in range(rng.choice([1, 1, 2]))]
            for edit in used:
                edited = edit(edited, rng) if edited is not None else None
            if edited is not None:
                yield f"{variant}, seed {seed}, {mode}, {', '.join(e.__name__ for e in used)}", edited


def timings(program: Program, seed: int) -> Iterator[Timing | None]:
    """The nominal timing, then 19 random ones of every kind."""
    yield None
    for n in range(19):
        make = (Timing.heavy_tail, Timing.adversarial)[n % 2]
        yield make(program, seed + n) if n % 3 else Timing.uniform(program, 60, seed + n)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_proved_never_fails(variant):
    proved = 0
    for seed, (name, program) in enumerate(programs(variant, range(9 * SCALE))):
        if check(program).status == PROVED:
            proved += 1
            for n, timing in enumerate(timings(program, seed)):
                result = run(program, timing=timing, engine="events", ties=n)
                assert result.outcome == "finished", f"{name}, timing {n}: {result.hazard}"
    assert proved > 0


def shows(program: Program, finding: Finding) -> bool:
    """Whether one of the timings that the checker proposes breaks a rule."""
    for delays in counterexamples(program, finding):
        if run(program, timing=Timing(**asdict(delays)), engine="events").outcome in (HAZARD, DEADLOCK):
            return True
    return False


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v != "by id"])
def test_what_is_refuted_can_be_shown(variant):
    """Every certain finding about an order is replayed. By id the proposed timings are attempts only."""
    replayed = Counter[str]()
    for name, program in programs(variant, range(18 * SCALE)):
        verdict = check(program)
        if verdict.status != REFUTED or any(f.nodes[0] < 0 for f in verdict.findings):
            continue
        for finding in verdict.findings:
            if not finding.undecided:
                assert shows(program, finding), f"{name}: {finding}"
                replayed[finding.rule] += 1
    assert sum(replayed.values()) > 4, replayed


def test_findings_that_need_no_timing_show_in_every_run():
    seen = 0
    for name, program in programs("serial", range(12 * SCALE)):
        verdict = check(program)
        if any(f.nodes[0] < 0 and f.rule in STRUCTURAL for f in verdict.findings):
            try:
                outcome = run(program, engine="events").outcome
            except WlmError:
                outcome = HAZARD
            seen += 1
            assert outcome in (HAZARD, DEADLOCK), f"{name}: {verdict.findings[0]}"
    assert seen > 3
