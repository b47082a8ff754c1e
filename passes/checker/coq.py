"""A schedule and its certificate as a file that `coqc` accepts if and only if the checker of proof/ does."""

from collections.abc import Iterable
from typing import Any

from wlm_dialect.check.certificate import Certificate
from wlm_dialect.check.events import Events
from wlm_dialect.check.text import Instance, Schedule, Task
from wlm_dialect.errors import ScheduleError

_IRQ = {"": "Off", "over": "Over", "lifted": "Lifted"}
_ORDER = {"serial": "Serial", "prefetching": "Prefetching", "outstanding": "Outstanding {}", "pool": "Pool {}"}

_HEAD = """(* @{name}, {mode} mode, on {machine}: {tasks} tasks, {events} events.
   Accepted by coqc if and only if the hint below proves that the program is safe for every timing; the theorem is in
   proof/Safe.v of wlm-dialect. Check it with: coqc -Q PROOF wlm THIS_FILE
   where PROOF is the folder proof/ after `make proof`. *)
From Coq Require Import List PArith NArith.
From wlm Require Import Machine Elaborate Certify Clocks Safe.
Import ListNotations.
Definition n := N.to_nat.
Definition u (b : positive) (k : N) := (b, n k).
Definition o (e : positive) (chain : nat) := (e, chain).
Definition i (a b : N) (q : irq) := (n a, n b, q).
Definition r := fun s low high => Access s low high false.
Definition w := fun s low high => Access s low high true.
"""
_TAIL = """
Theorem safe : safe_program program_.
Proof. apply (accepted_is_safe program_ hint_). vm_cast_no_check (eq_refl true). Time Qed.
Print Assumptions safe.
"""


def coq_text(schedule: Schedule, certificate: Certificate | None) -> str:
    """The file. Without a certificate (the verdict is not "proved") it holds the program alone and is not accepted.

    Raises ScheduleError under bounded re-arming and with top-ups, which are proved on paper only (docs/theorem.md).
    """
    if schedule.machine.barriers.rearm == "bounded":
        raise ScheduleError(
            f"@{schedule.name}: re-arming is bounded, and the formal proof covers atomic and acknowledged re-arming: "
            "choose one of these in the machine, or use --certificate"
        )
    preload = schedule.machine.firmware.preload
    if preload:
        raise ScheduleError(
            f"@{schedule.name}: firmware.preload is {preload}, and the formal proof covers firmware that programs an "
            "instance when the one before is over: set it to 0 in the machine, or use --certificate"
        )
    events = Events(schedule)
    name, mode, machine = schedule.name, schedule.mode, schedule.machine.name
    head = _HEAD.format(name=name, mode=mode, machine=machine, tasks=len(schedule.tasks), events=len(events.before))
    return "".join([head, _program(schedule), _hint(certificate), _TAIL])


def _list(rows: Iterable[str]) -> str:
    return "[" + ";\n  ".join(rows) + "]"


def _inline(rows: Iterable[str]) -> str:
    return "[" + ";".join(rows) + "]"


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _uses(instances: Iterable[Instance]) -> str:
    return _inline(f"u {p + 1} {k}" for p, k in instances)


def _machine(schedule: Schedule) -> str:
    m = schedule.machine
    engines = _list(
        f"Engine {e + 1} {_nested(_ORDER[x.order].format(x.servers))} {x.fifo_depth} {x.descriptor_slots} "
        f"{x.max_waits} {_bool(x.kind == 'dma')}"
        for e, x in enumerate(m.engines)
    )
    b = m.barriers
    flags = [b.rearm == "atomic", m.firmware.service_order == "id", m.full_fifo == "block"]
    flags += [m.management.linked_enqueue, b.consume_at == "end"]
    limits = f"({b.max_producers}, {b.max_consumers}, {b.max_sum})%nat"
    words = " ".join(_bool(f) for f in flags)
    return f"Machine_ {engines} {b.count} {b.fifo_depth} {words} {limits} {m.management.program_depth}"


def _nested(word: str) -> str:
    return f"({word})" if " " in word else word


def _spaces(schedule: Schedule) -> dict[object, int]:
    """Numbers of the address spaces that somebody writes, and one for each task that others come after."""
    written = sorted({a[0] for task in schedule.tasks for a in task.data if a[3]})
    waited = sorted({a for task in schedule.tasks for a in task.after})
    return {key: n for n, key in enumerate([*written, *(("after", t) for t in waited)], 1)}


def _task(t: int, task: Task, spaces: dict[object, int]) -> str:
    job = "Run"
    if task.job == "fetch":
        job = f"(Fetch {task.target + 1} (n {task.low}) (n {task.high}) (n {task.slot}))"
    elif task.job == "enqueue":
        job = f"(Enqueue {task.target + 1} (n {task.low}) (n {task.high}))"
    elif task.job == "program":
        job = f"(Program {_uses(task.programs)})"
    rows = [f"{'w' if writes else 'r'} {spaces[s]} {low} {high}" for s, low, high, writes in task.data if s in spaces]
    # a dependence is a datum: one byte that the former task writes and the later one reads
    rows += [f"w {spaces['after', t]} 0 1"] if ("after", t) in spaces else []
    rows += [f"r {spaces['after', a]} 0 1" for a in task.after]
    data = _inline(rows)
    return f"Task {task.engine + 1} {job} {task.slots} {_uses(task.waits)} {_uses(task.updates)} {data}"


def _barrier(schedule: Schedule, p: int) -> str:
    loaded = _inline(f"n {k}" for q, k in schedule.loaded if q == p)
    rows = _inline(f"i {a} {b} {_IRQ[irq]}" for a, b, irq in schedule.barriers[p])
    return f"Barrier {p + 1} {loaded} {rows}"


def _program(schedule: Schedule) -> str:
    spaces = _spaces(schedule)
    tasks = _list(_task(t, task, spaces) for t, task in enumerate(schedule.tasks))
    barriers = _list(_barrier(schedule, p) for p in schedule.barriers)
    items = _list(
        f"Item {w.engine + 1} (n {w.low}) (n {w.high}) {_uses(w.at)} {_inline(str(f + 1) for f in w.done)}"
        for w in schedule.items
    )
    tail = schedule.tail or (0, 0)
    lines = [
        "Open Scope positive_scope.",
        f"Definition machine_ := {_machine(schedule)}.",
        f"Definition tasks_ : list task := {tasks}.",
        f"Definition barriers_ : list barrier := {barriers}.",
        f"Definition items_ : list item := {items}.",
        f"Definition program_ := Program_ machine_ {_bool(schedule.mode == 'full')} tasks_ barriers_ items_ "
        f"(u {tail[0] + 1} {tail[1]}).",
    ]
    return "\n".join(lines) + "\n"


def _hint(certificate: Certificate | None) -> str:
    if certificate is None:
        return "Definition hint_ := Hint 0 [] [] [].\n"
    chains = certificate["chains"]
    order = _list(f"o {e} {chain if chain >= 0 else chains}" for e, chain in certificate["order"])
    extra = _list(f"({e}, {_inline(_extra(*x) for x in orders)})" for e, orders in certificate["extra"])
    steps = _list(f"({8 * (t + 1) + 1}, {_uses((p, k) for p, k in found)})" for t, found in certificate["steps"])
    return (
        f"Definition order_ : list (positive * nat) := {order}.\n"
        f"Definition extra_ : list (positive * list extra) := {extra}.\n"
        f"Definition steps_ : list (positive * list (positive * nat)) := {steps}.\n"
        f"Definition hint_ := Hint {chains} order_ extra_ steps_.\n"
    )


def _extra(kind: str, other: Any) -> str:
    return f"Serve {other // 8}" if kind == "serve" else f"Join {other}"
