"""`make campaign`: break schedules in thousands of ways, and see that nothing goes unnoticed.

CAMPAIGN_SCALE= scales all numbers (1: the targets). The last line is the summary; exit code 1 if anything is
unexplained, or if an operator breaks less than a fifth of what it touches.
"""

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.campaign.judge import STRESS_RUNS, Judgement, accepts, certificate_of, judge, tampered
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
from wlm_dialect.program import Program, encode_module

HAZARDOUS = 0.2  # of the mutants of an operator, at least
STATES = 4_000


@dataclass(frozen=True)
class Row:
    """What one schedule or mutant contributes."""

    source: str  # small, medium, cut-out, network
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
        case _:
            return network_schedule(NETWORKS[job.seed // 3 % len(NETWORKS)], "npu40xx:1", MODES[job.seed % 3])


def run_job(job: Job) -> list[Row]:
    """All rows of a job."""
    made = schedule_of(job)
    if made is None:
        return []
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


def jobs(scale: float) -> Iterator[Job]:
    """Everything to do, the sources mixed: the same seeds and operators in every campaign of one scale."""
    names = sorted(OPERATORS)

    def some(seed: int, count: int) -> tuple[str, ...]:
        return tuple(random.Random(seed).sample(names, count))

    def number(count: int) -> int:
        return max(1, round(count * scale))

    small = [Job("small", seed, some(seed, 3), True) for seed in range(number(3_000))]
    medium = [Job("medium", 100_000 + seed, some(seed, 1) if seed % 2 else (), True) for seed in range(number(8_500))]
    cuts = [Job("cut-out", seed, some(seed, 2), True) for seed in range(number(900))]
    real = [Job("network", seed, some(seed, 3), seed < 27) for seed in range(number(27 * 4))]
    order = [((n + 0.5) / len(row), job) for row in (small, medium, cuts, real) for n, job in enumerate(row)]
    yield from (job for _, job in sorted(order, key=lambda pair: pair[0]))


def campaign(scale: float, workers: int, tell: Callable[[str], None]) -> int:
    """Run all jobs, print tables and the summary; the exit code."""
    rows: list[Row] = []
    began = last = time.monotonic()
    done = 0
    todo = list(jobs(scale))
    # an interrupt, or a polite kill, is for this process: it reports what there is so far
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with get_context("fork").Pool(workers, _deaf) as pool:
        try:
            for done, found in enumerate(pool.imap(run_job, todo, chunksize=2), 1):
                rows += found
                if time.monotonic() - last > 30:
                    last = time.monotonic()
                    tell(f"{done:,} of {len(todo):,} schedules, {len(rows):,} judged, {last - began:.0f} s")
        except KeyboardInterrupt:
            pool.terminate()
            tell(f"interrupted: {done:,} of {len(todo):,} schedules")
    rows_of_solvers, agreed = solvers(scale, tell)
    return report(rows + rows_of_solvers, tell, agreed)


def _deaf() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def solvers(scale: float, tell: Callable[[str], None]) -> tuple[list[Row], tuple[int, int, int]]:
    """Hold z3 and SPIN against the checker, and tampered certificates against `wlm-check`.

    What should not be is a row of its own; returned with it: how often z3 agreed, SPIN agreed, tampering was noticed.
    """
    wrong: list[Row] = []
    agreed = [0, 0, 0]
    with TemporaryDirectory() as folder:
        absent = promela.missing()
        if absent:
            tell(f"SPIN skipped: {absent}")
        explorer = None if absent else promela.compile_model(Path(folder))
        for seed in range(max(1, round(200 * scale))):
            made = random_schedule(200_000 + seed, 3, 10)
            if made is None:
                continue
            rng = random.Random(seed)
            mutants = [mutate(made.program, name, rng) for name in rng.sample(sorted(OPERATORS), 2)]
            for program in [made.program, *(m for m in mutants if m is not None)]:
                schedule = read_schedule(str(encode_module(program)), program.machine)
                unsafe = check(program).status != PROVED
                if program is made.program:
                    for what, certificate in tampered(program, rng):
                        if accepts(program, certificate):
                            found = Judgement("wrong", False, 0, 0, (), f"wlm-check accepts, although {what}")
                            wrong.append(Row("small", made.name, made.mode, "", len(program), 1.0, found))
                        else:
                            agreed[2] += 1
                answers = [smt.has_hazard(schedule)]
                if explorer is not None and promela.fits(schedule) and len(program) <= 24:
                    answers.append(promela.has_hazard(schedule, explorer))
                for n, answer in enumerate(answers):
                    agreed[n] += answer == unsafe
                    if answer != unsafe:
                        text = f"{'SPIN' if n else 'z3'} says {'unsafe' if answer else 'safe'}"
                        found = Judgement("wrong", False, 0, 0, (), text)
                        wrong.append(Row("small", made.name, made.mode, "", len(program), 1.0, found))
    return wrong, (agreed[0], agreed[1], agreed[2])


def report(rows: list[Row], tell: Callable[[str], None], agreed: tuple[int, int, int] = (0, 0, 0)) -> int:
    """Tables and summary of all rows; the exit code. `agreed`: what `solvers` counted."""
    mutants, plain = [r for r in rows if r.operator], [r for r in rows if not r.operator]
    _table(tell, "operator", mutants, lambda r: f"{OPERATORS[r.operator][0]:8} {r.operator}")
    _table(tell, "mode", mutants, lambda r: r.mode)
    _table(tell, "source", mutants, lambda r: r.source)
    rules = Counter(rule for r in mutants if r.judgement.how == "refuted" for rule in r.judgement.rules)
    tell("rules broken: " + ", ".join(f"{rule} {rules[rule]:,}" for rule in sorted(rules, key=lambda x: int(x[1:]))))
    _table(tell, "unmodified", plain, lambda r: r.source)
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
    explored = sum(r.judgement.explored for r in rows)
    forged = sum(r.judgement.forged and r.judgement.how == "refuted" for r in rows)
    z3, spin, noticed = agreed
    deep = sum(r.reuse >= 3 for r in plain)
    tell(
        f"campaign: {len(mutants):,} mutants: {how['refuted']:,} refuted and replayed, {how['explored']:,} equivalent"
        f" by exploration, {how['certified']:,} certified and stressed, {how['undecided']:,} undecided; {len(plain):,}"
        f" schedules proved, {deep:,} with 3 or more instances per barrier; {explored:,} agree with exploration,"
        f" {z3:,} with z3, {spin:,} with SPIN; {forged + noticed:,} certificates that were forged or"
        f" tampered with rejected;"
        f" {len(problems):,} unexplained"
    )
    return 1 if problems or tame else 0


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
