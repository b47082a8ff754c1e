"""`make campaign`: break schedules in thousands of ways, and see that nothing goes unnoticed.

CAMPAIGN_SCALE= scales all numbers (1: the targets). The last line is the summary; exit code 1 if anything is
unexplained, if there was less of anything than `GOALS` say, or if an operator breaks less than a fifth of what it
touches. The same scale gives the same schedules, mutants and counts, whatever the number of processes.
"""

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.campaign.foreign import foreign_program
from tests.campaign.judge import STRESS_RUNS, Judgement, accepts, certificate_of, judge, tampered, text_of
from tests.campaign.judge_foreign import judge_foreign
from tests.campaign.mutations import OPERATORS, mutate
from tests.campaign.schedules import (
    MODES,
    NETWORKS,
    Schedule,
    cut_schedule,
    network_schedule,
    random_schedule,
    reuse,
)
from tests.oracles import promela, smt
from tests.oracles.schedule import read_schedule
from wlm_dialect.check import Certificate
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Program

HAZARDOUS = 0.2  # of the mutants of an operator, at least
GOALS = {
    "mutants judged": 10_000,
    "unmodified random schedules proved": 10_000,
    "agree with exploration": 5_000,
    "agree with z3": 200,
    "agree with SPIN": 100,
    "tampered certificates rejected": 1_000,
    "foreign programs agree with exploration": 2_000,
}
"""At scale 1, at least; and half of the unmodified schedules have three or more instances per barrier."""
FOREIGN_PROVED = 0.2  # of the foreign programs, at least: random ones are easily all wrong
STATES = 4_000
SOURCES = ("small", "medium", "cut-out", "network")


@dataclass(frozen=True)
class Row:
    """What one schedule or mutant contributes."""

    source: str  # small, medium, cut-out, network, foreign
    name: str
    mode: str
    operator: str  # "" = as lowered
    tasks: int
    reuse: float
    judgement: Judgement


@dataclass(frozen=True)
class Job:
    """A schedule, and how many mutants to make of it."""

    source: str
    seed: int
    operators: tuple[str, ...]
    whole: bool  # judge the schedule itself, too


def schedule_of(job: Job) -> Schedule | None:
    """The schedule of a job; None if it does not fit its machine."""
    match job.source:
        case "small":
            return random_schedule(job.seed, 3, 9, pools=job.seed % 16 == 15)
        case "medium":
            return random_schedule(job.seed, 16, 48)
        case "cut-out":
            return cut_schedule(job.seed)
        case "foreign":
            return Schedule(f"foreign {job.seed}", foreign_program(job.seed))
        case _:
            return network_schedule(NETWORKS[job.seed // 3 % len(NETWORKS)], "npu40xx:1", MODES[job.seed % 3])


def run_job(job: Job) -> list[Row]:
    """All rows of a job."""
    made = schedule_of(job)
    if made is None:
        return []
    if job.source == "foreign":
        found = judge_foreign(made.program, random.Random(job.seed), STATES)
        return [Row(job.source, made.name, made.mode, "", len(made.program), reuse(made.program), found)]
    rows = []
    states = STATES if job.source in ("small", "cut-out") else 0

    base: Certificate | None = None

    def add(operator: str, program: Program) -> None:
        # a schedule as lowered has to be proved; a mutant that is proved has to be right, too
        every, runs = job.source == "small", STRESS_RUNS if operator else 0
        found = judge(program, states=states, every_oracle=every, runs=runs, base=base)
        rows.append(Row(job.source, made.name, made.mode, operator, len(made.program), reuse(made.program), found))

    if job.whole:
        add("", made.program)
    if job.operators and (not rows or rows[0].judgement.how in ("explored", "proved")):
        base = certificate_of(made.program)
    rng = random.Random(job.seed)
    for operator in job.operators:
        mutant = mutate(made.program, operator, rng)
        if mutant is not None:
            add(operator, mutant)
    return rows


def number_of(count: int, scale: float) -> int:
    """A number at a scale."""
    return max(1, round(count * scale))


def jobs(scale: float) -> Iterator[Job]:
    """Everything to do, the sources mixed: the same seeds and operators in every campaign of one scale."""
    names = sorted(OPERATORS)

    def some(seed: int, count: int) -> tuple[str, ...]:
        return tuple(random.Random(seed).sample(names, count))

    number = partial(number_of, scale=scale)
    small = [Job("small", seed, some(seed, 3), True) for seed in range(number(3_100))]
    medium = [Job("medium", 100_000 + seed, some(seed, 1) if seed % 2 else (), True) for seed in range(number(9_000))]
    cuts = [Job("cut-out", seed, some(seed, 2), True) for seed in range(number(1_000))]
    real = [Job("network", seed, some(seed, 3), seed < 27) for seed in range(number(27 * 4))]
    foreign = [Job("foreign", seed, (), True) for seed in range(number(2_100))]
    order = [((n + 0.5) / len(row), job) for row in (small, medium, cuts, real, foreign) for n, job in enumerate(row)]
    yield from (job for _, job in sorted(order, key=lambda pair: pair[0]))


def campaign(scale: float, workers: int, tell: Callable[[str], None]) -> int:
    """Run all jobs, print tables and the summary; the exit code."""
    rows: list[Row] = []
    began = last = time.monotonic()
    done = 0
    todo = list(jobs(scale))
    solving = list(range(number_of(300, scale)))
    # an interrupt, or a polite kill, is for this process: it reports what there is so far
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    agreed = (0, 0, 0)
    with get_context("fork").Pool(workers, _deaf) as pool:
        try:
            for done, found in enumerate(pool.imap(run_job, todo, chunksize=2), 1):
                rows += found
                if time.monotonic() - last > 30:
                    last = time.monotonic()
                    tell(f"{done:,} of {len(todo):,} schedules, {len(rows):,} judged, {last - began:.0f} s")
            parts = [solving[n::workers] for n in range(workers)]
            for wrong, counts, notes in pool.imap(partial(solvers, z3_below=number_of(200, scale)), parts):
                rows += wrong
                agreed = (agreed[0] + counts[0], agreed[1] + counts[1], agreed[2] + counts[2])
                for note in dict.fromkeys(notes):
                    tell(note)
        except KeyboardInterrupt:
            pool.terminate()
            tell(f"interrupted: {done:,} of {len(todo):,} schedules")
    return report(rows, tell, agreed, scale)


def _deaf() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def solvers(seeds: list[int], z3_below: int) -> tuple[list[Row], tuple[int, int, int], list[str]]:
    """Hold z3 and SPIN against the checker (seeds below `z3_below`), and tampered certificates against `wlm-check`.

    What should not be is a row of its own; with it: how often z3 agreed, SPIN agreed, tampering was noticed; and notes.
    """
    wrong: list[Row] = []
    agreed = [0, 0, 0]
    with TemporaryDirectory() as folder:
        absent = promela.missing()
        explorer = None if absent else promela.compile_model(Path(folder))
        for seed in seeds:
            made = random_schedule(200_000 + seed, 3, 10)
            if made is None or made.program.machine.barriers.rearm == "bounded":
                continue
            rng = random.Random(seed)
            mutants = [mutate(made.program, name, rng) for name in rng.sample(sorted(OPERATORS), 2)]

            def note(program: Program, text: str, made: Schedule = made) -> None:
                found = Judgement("wrong", False, 0, 0, (), text)
                wrong.append(Row("small", made.name, made.mode, "", len(program), 1.0, found))

            for what, certificate in tampered(made.program, rng):
                if accepts(made.program, certificate):
                    note(made.program, f"wlm-check accepts, although {what}")
                else:
                    agreed[2] += 1
            for program in [made.program, *(m for m in mutants if m is not None)] if seed < z3_below else []:
                schedule = read_schedule(text_of(program), program.machine)
                unsafe = check(program).status != PROVED
                answers = [smt.has_hazard(schedule)]
                if explorer is not None and promela.fits(schedule) and len(program) <= 24:
                    answers.append(promela.has_hazard(schedule, explorer))
                for n, answer in enumerate(answers):
                    agreed[n] += answer == unsafe
                    if answer != unsafe:
                        note(program, f"{'SPIN' if n else 'z3'} says {'unsafe' if answer else 'safe'}")
    notes = [f"SPIN skipped: {absent}"] if absent else []
    return wrong, (agreed[0], agreed[1], agreed[2]), notes


def report(
    rows: list[Row], tell: Callable[[str], None], agreed: tuple[int, int, int] = (0, 0, 0), scale: float = 0.0
) -> int:
    """Tables and summary of all rows; the exit code. `agreed`: what `solvers` counted; `scale`: that of the goals."""
    foreign = [r for r in rows if r.source == "foreign"]
    mutants, plain = [r for r in rows if r.operator], [r for r in rows if not r.operator and r.source != "foreign"]
    _table(tell, "operator", mutants, lambda r: f"{OPERATORS[r.operator][0]:8} {r.operator}")
    _table(tell, "mode", mutants, lambda r: r.mode)
    _table(tell, "source", mutants, lambda r: r.source)
    rules = Counter(rule for r in mutants if r.judgement.how == "refuted" for rule in r.judgement.rules)
    tell("rules broken: " + ", ".join(f"{rule} {rules[rule]:,}" for rule in sorted(rules, key=lambda x: int(x[1:]))))
    _table(tell, "unmodified", plain, lambda r: r.source)
    _table(tell, "foreign", foreign, lambda r: r.mode)
    _histogram(tell, "tasks", [r.tasks for r in plain], (10, 20, 40, 80, 160, 1000))
    _histogram(tell, "instances per barrier", [r.reuse for r in plain], (1.5, 2, 3, 4, 6, 10))
    problems = [f"{r.name} {r.operator}: {r.judgement.detail}" for r in rows if r.judgement.how == "wrong"]
    problems += [
        f"{r.name} as lowered is {r.judgement.how}" for r in plain if r.judgement.how in ("refuted", "undecided")
    ]
    tame = _tame(mutants)
    for line in problems[:50]:
        tell(f"UNEXPLAINED {line}")
    for operator in tame:
        tell(f"TAME {operator}: less than {HAZARDOUS:.0%} of its mutants are hazardous")
    how = Counter(r.judgement.how for r in mutants)
    explored = sum(r.judgement.explored for r in mutants + plain)
    forged = sum(r.judgement.forged and r.judgement.how == "refuted" for r in mutants)
    strange = [sum(r.judgement.explored for r in foreign), *_foreign(foreign)]
    z3, spin, noticed = agreed
    deep = sum(r.reuse >= 3 for r in plain)
    random_ones = sum(r.source in ("small", "medium") and r.judgement.how in ("explored", "proved") for r in plain)
    counted = (len(mutants), random_ones, explored, z3, spin, noticed, strange[0])
    short = list(_short(counted, scale, deep, plain, mutants)) if scale else []
    if len(foreign) >= 40 and strange[1] < FOREIGN_PROVED * len(foreign):
        short.append(f"foreign programs proved: {strange[1]:,} of {len(foreign):,}")
    for line in short:
        tell(f"TOO FEW {line}")
    tell(
        f"campaign: {len(mutants):,} mutants: {how['refuted']:,} refuted and replayed, {how['explored']:,} equivalent"
        f" by exploration, {how['certified']:,} certified and stressed, {how['undecided']:,} undecided; {len(plain):,}"
        f" unmodified schedules proved ({random_ones:,} random ones), {deep:,} with 3 or more instances per barrier;"
        f" {explored:,} agree with exploration, {z3:,} with z3, {spin:,} with SPIN; {forged:,} forged certificates and"
        f" {noticed:,} tampered ones rejected; of {len(foreign):,} foreign programs {strange[0]:,} agree with"
        f" exploration, {strange[1]:,} are proved and certified, {strange[2]:,} rejected with forged certificates;"
        f" {len(problems):,} unexplained"
    )
    return 1 if problems or tame or short else 0


def _foreign(rows: list[Row]) -> tuple[int, int]:
    """How many are proved, for how many a forged certificate was rejected."""
    return sum(r.judgement.how in ("explored", "proved") for r in rows), sum(r.judgement.forged for r in rows)


def _short(counted: tuple[int, ...], scale: float, deep: int, plain: list[Row], mutants: list[Row]) -> Iterator[str]:
    """What there was less of than the goals at this scale; rounded down where a scale leaves few."""
    for (what, goal), count in zip(GOALS.items(), counted, strict=True):
        if count < int(goal * scale):
            yield f"{what}: {count:,} of {int(goal * scale):,}"
    if 2 * deep < len(plain):
        yield f"schedules with three or more instances per barrier: {deep:,} of {len(plain):,}"
    if scale >= 0.1:  # below, chance may leave one out
        yield from (f"mutants by {name}: none" for name in sorted(set(OPERATORS) - {r.operator for r in mutants}))
        yield from (f"mutants in mode {mode}: none" for mode in sorted(set(MODES) - {r.mode for r in mutants}))
        yield from (f"mutants of source {s}: none" for s in sorted(set(SOURCES) - {r.source for r in mutants}))


def _tame(mutants: list[Row]) -> list[str]:
    """Operators that break too little, where there are enough mutants to tell."""
    made, broke = (
        Counter(r.operator for r in mutants),
        Counter(r.operator for r in mutants if r.judgement.how == "refuted"),
    )
    return [name for name in sorted(made) if made[name] >= 40 and broke[name] < HAZARDOUS * made[name]]


def _table(tell: Callable[[str], None], title: str, rows: list[Row], key: Callable[[Row], str]) -> None:
    columns = ("refuted", "explored", "certified", "proved", "undecided", "wrong")
    counts = Counter((key(r), r.judgement.how) for r in rows)
    tell(f"\n{title:34}" + "".join(f"{c:>11}" for c in columns))
    for name in sorted({name for name, _ in counts}):
        tell(f"{name:34}" + "".join(f"{counts[name, c]:>11,}" for c in columns))


def _histogram(tell: Callable[[str], None], title: str, values: list[float], bounds: tuple[float, ...]) -> None:
    counts = Counter(next((f"< {b:g}" for b in bounds if v < b), f">= {bounds[-1]:g}") for v in values)
    names = [*(f"< {b:g}" for b in bounds), f">= {bounds[-1]:g}"]
    tell(f"{title}: " + ", ".join(f"{name}: {counts[name]:,}" for name in names if counts[name]))


if __name__ == "__main__":
    sys.exit(
        campaign(
            float(os.environ.get("CAMPAIGN_SCALE", "1")),
            int(os.environ.get("CAMPAIGN_WORKERS", str(os.cpu_count() or 1))),
            lambda line: print(line, flush=True),
        )
    )
