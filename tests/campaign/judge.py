"""What becomes of a schedule or a mutant: refuted and replayed, or safe on evidence that is not the checker's word."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from tests.oracles.explore import Answer, explore
from tests.oracles.schedule import read_schedule
from wlm_dialect.check import Certificate, read, seal
from wlm_dialect.check import check as check_certificate
from wlm_dialect.check.events import Events
from wlm_dialect.errors import WlmError
from wlm_dialect.passes.analysis.order import fetchers
from wlm_dialect.passes.checker.certificate import certify as make_certificate
from wlm_dialect.passes.checker.findings import Finding
from wlm_dialect.passes.verify_schedule import PROVED, REFUTED, UNDECIDED
from wlm_dialect.program import Program, encode_module
from wlm_dialect.runtime.compiled import available
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.timing import Timing
from wlm_dialect.verification import Verification, verify

COMPILE_FROM = 400  # tasks
STRESS_RUNS = 100


@lru_cache(maxsize=4)
def text_of(program: Program) -> str:
    """The program as the tools print it; several judges read it."""
    return str(encode_module(program))


@dataclass(frozen=True)
class Judgement:
    """`how`: refuted, explored (equivalent by exploration), certified (and stressed), proved (and no more was asked),
    undecided, or wrong, which `detail` explains.

    `forged`: a certificate of the original, sealed again for this refuted mutant, was rejected.
    """

    how: str
    explored: bool  # exploration was complete, or found a fault, and agrees
    states: int
    findings: int
    rules: tuple[str, ...]
    detail: str = ""
    forged: bool = False


def judge(
    program: Program,
    *,
    states: int,
    every_oracle: bool = False,
    replays: int = 2,
    runs: int = STRESS_RUNS,
    base: Certificate | None = None,
) -> Judgement:
    """Check, replay, and hold against exploration of up to `states` states (0: not at all) or certificate and stress.

    `every_oracle` asks exploration about refuted programs, too, and compares fault by fault. `runs` under random
    latencies are the stress; 0: the word of the checker is enough. `base` is the certificate of the schedule that the
    program is a mutant of.
    """
    verdict = verify(program, replays=replays)
    rules = tuple(sorted({f.rule for f in verdict.findings}))

    def said(how: str, answer: Answer | None = None, detail: str = "") -> Judgement:
        done = answer is not None and (bool(answer.faults) or not answer.cut)
        return Judgement(how, done, answer.states if answer else 0, len(verdict.findings), rules, detail)

    answer = None
    states *= program.machine.barriers.rearm != "bounded"  # exploration knows no time
    if states and (verdict.status != REFUTED or every_oracle):
        answer = explore(read_schedule(text_of(program), program.machine), states)
        wrong = disagreement(program, verdict, answer)
        if wrong:
            return said("wrong", answer, wrong)
    match verdict.status:
        case "refuted":
            fooled = "" if base is None else borrowed(base, program)
            return replace(said("wrong" if fooled else "refuted", answer, fooled), forged=base is not None)
        case "undecided":
            allowed = may_be_undecided(program)
            return said(
                "undecided" if allowed else "wrong", answer, "" if allowed else f"undecided: {verdict.findings[0]}"
            )
    if answer is not None and not answer.cut:
        return said("explored", answer)
    if not runs:
        return said("proved")
    wrong = stress(program, runs) or certify(program)
    return said("wrong" if wrong else "certified", None, wrong)


def may_be_undecided(program: Program) -> bool:
    """Pools, bounded re-arming, more than four waits (design section 5); firmware that serves by id, and several waits
    where re-arming is acknowledged (docs/rules.md)."""
    several = max(map(len, program.waits.lists()), default=0)
    pools = any(e.order == "pool" for e in program.machine.engines)
    by_id = program.mode != "full" and program.machine.firmware.service_order == "id"
    return (
        pools
        or by_id
        or program.machine.barriers.rearm == "bounded"
        or (program.machine.barriers.rearm == "acknowledged" and several > 1)
        or several > 4
    )


def disagreement(program: Program, verdict: Verification, answer: Answer) -> str:
    """Why the checker and exploration do not say the same; empty if they do."""
    if verdict.status == PROVED and answer.faults:
        return f"proved, but exploration finds {sorted(answer.faults)}"
    if verdict.status == REFUTED and not answer.faults and not answer.cut:
        return f"refuted ({verdict.findings[0]}), but exploration finds nothing"
    if verdict.status == UNDECIDED and answer.faults and not may_be_undecided(program):
        return f"undecided, but exploration finds {sorted(answer.faults)}"
    for fault in sorted(answer.faults):
        if not any(_named(program, finding, *fault) for finding in verdict.findings):
            return f"exploration finds {fault}, which is not among {[str(f) for f in verdict.findings]}"
    return ""


def _named(program: Program, finding: Finding, rule: str, task: int, barrier: str) -> bool:
    """Whether a finding is about a fault that exploration came across."""
    if rule == "H7" and task < 0:  # nothing moves: because of a circle, or of what nobody ever pushes
        return finding.rule in ("H6", "H7")
    if rule != finding.rule:
        return False
    if rule == "H5":  # of two fetches into one slot in the wrong order, either overwrites what the other one fetched
        return task in (finding.other, fetchers(program)[finding.task])
    mine = finding.task
    name = program.barrier_name(finding.barrier) if finding.barrier >= 0 else ""
    if rule == "H3":  # of two pushes in the wrong order, either is the one to blame
        return name.split("#")[0] == barrier.split("#")[0]
    if rule == "H6" and "never enqueued" in finding.text:
        return mine == task or (task >= 0 and program.engine[mine] == program.engine[task] and mine < task)
    return (task < 0 or mine in (-1, task)) and (not barrier or name in ("", barrier))


def tampered(program: Program, rng: random.Random) -> Iterator[tuple[str, Certificate]]:
    """Certificates of a proved program that are wrong, sealed again: an event left out, or before what it waits for;
    and two that nobody sealed again."""
    (schedule,) = read(text_of(program))
    good = make_certificate(schedule)
    order = good["order"]
    causes = Events(schedule).before
    lost = rng.randrange(len(order))
    yield "an event is left out", _sealed({**good, "order": order[:lost] + order[lost + 1 :]})
    place = {here: n for n, (here, _) in enumerate(order)}
    caused = [here for here, _ in order if causes[here]]
    here = rng.choice(caused)
    early = place[rng.choice(causes[here])]
    moved = [entry for entry in order if entry[0] != here]
    moved.insert(early, order[place[here]])
    yield "an event comes before what it waits for", _sealed({**good, "order": moved})
    yield "the seal is another one", {**good, "seal": seal({**good, "format": 0})}
    yield "another schedule is named", {**good, "schedule": "0" * 64}


def _sealed(certificate: Certificate) -> Certificate:
    return {**certificate, "seal": seal(certificate)}


def accepts(program: Program, certificate: Certificate) -> bool:
    """Whether `wlm-check` takes a certificate for a proof of the program."""
    (schedule,) = read(text_of(program))
    try:
        check_certificate(schedule, certificate)
    except WlmError:
        return False
    return True


def timings(program: Program, count: int) -> Iterator[Timing]:
    """Random latencies of every kind."""
    for seed in range(count):
        match seed % 4:
            case 0:
                yield Timing.uniform(program, 90, seed)
            case 1:
                yield Timing.heavy_tail(program, seed)
            case _:
                yield Timing.adversarial(program, seed)


def stress(program: Program, runs: int = STRESS_RUNS) -> str:
    """What goes wrong in `runs` runs under random latencies; empty if nothing does."""
    compiled = len(program) >= COMPILE_FROM and available()
    for n, timing in enumerate(timings(program, runs)):
        result = run(program, timing=timing, engine="events", ties=n, compiled=compiled)
        if result.outcome != "finished":
            return f"proved, but run {n} ends in {result.outcome}: {result.hazard}"
    return ""


def certificate_of(program: Program) -> Certificate:
    """The certificate of a proved program. Raises ScheduleError if there is none."""
    (schedule,) = read(text_of(program))
    return make_certificate(schedule)


def certify(program: Program) -> str:
    """Why `wlm-check` does not accept the certificate of a program that was proved; empty if it does."""
    try:
        (schedule,) = read(text_of(program))
        check_certificate(schedule, make_certificate(schedule))
    except WlmError as error:
        return f"proved, but not certified: {error}"
    return ""


def borrowed(base: Certificate, program: Program) -> str:
    """Whether `wlm-check` falls for the certificate of a safe program, sealed again for another, refuted one.

    Empty if it rejects it.
    """
    try:
        (schedule,) = read(text_of(program))
        forged = {**base, "program": schedule.name, "schedule": schedule.digest()}
        forged["seal"] = seal(forged)
        check_certificate(schedule, forged)
    except WlmError:
        return ""
    return "refuted, but wlm-check accepts the certificate of the schedule it was made from"
