"""Check a VTA program: proved right for every timing, or refuted with an order of execution that shows it."""

from collections.abc import Callable, Iterator

import numpy as np

from wlm_dialect.passes.vta import differs, rules
from wlm_dialect.passes.vta.findings import PROVED, REFUTED, UNDECIDED, VtaFinding, VtaVerdict
from wlm_dialect.passes.vta.flow import Flow
from wlm_dialect.passes.vta.rules import Case
from wlm_dialect.program.vta import QUEUES, Memory, Op, Segment, Tokens, VtaProgram, encode_uops, find_accesses
from wlm_dialect.program.vta.hardware import HARDWARE, SIM, TARGETS, Hardware

_RULES: tuple[Callable[[Case], Iterator[VtaFinding]], ...] = (
    rules.bad_flags,
    rules.indices,
    rules.blocked,
    rules.left_over,
    rules.finish,
    rules.races,
)
_DIFFERS: tuple[Callable[[Case, Hardware], Iterator[VtaFinding]], ...] = (
    differs.stale_out,
    differs.uop_memory,
    differs.token_overflow,
    differs.command_queues,
    differs.arithmetic,
)
_TIMELESS = (
    "each pop finds its token: the program ends, no module waits for ever",
    "no tokens are left over but those of carry_out",
    "FINISH is the last instruction and waits for every load and store",
    "no data race: conflicting accesses of INP, WGT, ACC and of DRAM are ordered",
    "every index is inside its scratchpad",
)
_CONDITIONS = (
    "a module executes its instructions in order, one at a time; each takes all its pops at once, before it starts",
    "tokens are counters: the k-th pop of a queue takes its k-th push",
)


def check(program: VtaProgram, hardware: Hardware | None = None, *, fragment: bool = False) -> VtaVerdict:
    """Check every launch of `program` on `hardware` (default: what its configuration's TARGET runs on).

    `fragment`: it is a piece of a program; then nothing about its end is reported.
    """
    hardware = hardware or hardware_of(program)
    program = with_kernels(program)
    accesses = tuple(find_accesses(program))
    initial = program.initial_tokens
    findings: list[VtaFinding] = []
    case = Case(program, Flow.of(program, initial), accesses, fragment)
    for launch in range(program.launches):
        case = Case(program, Flow.of(program, initial), accesses, fragment)
        findings = [f for rule in _RULES for f in rule(case)]
        if findings or launch + 1 == program.launches or case.flow.left == initial:
            break
        initial = case.flow.left
    other: list[VtaFinding] = []
    if hardware is SIM:
        other = _elsewhere(case)
    else:
        findings += [f for rule in _DIFFERS for f in rule(case, hardware)]
    return _verdict(case, findings, hardware, other, initial)


def hardware_of(program: VtaProgram) -> Hardware:
    """What the TARGET of a program's configuration runs on; the reference simulator if that is unknown."""
    return HARDWARE[TARGETS.get(program.config.target, "sim")]


def with_kernels(program: VtaProgram) -> VtaProgram:
    """A program from a dump with its micro-op kernels as data: the runtime records them in DRAM one after the other."""
    if not program.kernels or program.segments:
        return program
    insn = program.insn
    loads = (insn["op"] == Op.LOAD) & (insn["memory"] == Memory.UOP) & (insn["x"] > 0)
    if not loads.any():
        return program
    data = np.frombuffer(b"".join(encode_uops(kernel, program.config) for kernel in program.kernels), np.uint8)
    first = int(insn["dram"][loads].min())
    ends = insn["dram"][loads] + insn["x"][loads]
    if int(ends.max() - first) * 4 > len(data):
        return program  # some kernels are not in this text: where the others are is not known
    size = program.config.element_bytes(Memory.UOP)
    return program.with_(segments=(Segment("UOP", first * size, data, size),))


def _elsewhere(case: Case) -> list[VtaFinding]:
    """What the implementations in hardware would do differently, each difference once."""
    seen: dict[tuple[str, int], VtaFinding] = {}
    for name in ("chisel", "hls"):
        for rule in _DIFFERS:
            for f in rule(case, HARDWARE[name]):
                seen.setdefault((f.rule, f.task), f)
    return sorted(seen.values(), key=lambda f: (int(f.rule[1:]), f.task))


def _verdict(
    case: Case, findings: list[VtaFinding], hardware: Hardware, other: list[VtaFinding], initial: Tokens
) -> VtaVerdict:
    certain = [f for f in findings if not f.undecided]
    status = REFUTED if certain else UNDECIDED if findings else PROVED
    conditions = list(_CONDITIONS)
    if hardware.commands is not None:
        what = "loses a token" if hardware.saturates else "makes the push wait"
        conditions.append(
            f"command queues of {hardware.commands} entries, dependence queues of {hardware.tokens}; a full one {what}"
        )
    else:
        conditions.append(
            "command and dependence queues are as long as it takes (--hardware chisel or hls bounds them)"
        )
    if any(initial):
        conditions.append(f"before the launch the queues hold: {initial}")
    if case.fragment:
        waiting = len(case.flow) - sum(len(tasks) for tasks in case.graph.flow.lists)
        rest = f"; {waiting} instructions wait for tokens pushed there and are not checked" if waiting else ""
        conditions.append(f"this is a fragment: what comes after its last instruction is not known{rest}")
    flow = case.flow
    counts = {
        "instructions": len(flow),
        **{f"tokens of {name}": flow.token_count(q) for q, name in enumerate(QUEUES)},
    }
    properties = _properties(case, hardware) if status == PROVED else ()
    return VtaVerdict(
        case.program.name, status, tuple(findings), properties, tuple(conditions), counts, hardware.name, tuple(other)
    )


def _properties(case: Case, hardware: Hardware) -> tuple[str, ...]:
    out = list(_TIMELESS)
    if case.fragment:
        out = ["within the fragment no modules wait for each other in a circle", *out[3:]]
    if hardware is not SIM:
        out.append(f"nothing that {hardware.name} does differently: OUT, micro-op memory, full queues, loops, shifts")
    return tuple(out)
