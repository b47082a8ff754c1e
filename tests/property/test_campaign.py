"""A slice of `make campaign`: the same jobs and judges, a few of each kind."""

from dataclasses import replace

from tests.campaign.campaign import Job, Row, report, run_job, solvers
from tests.campaign.judge import Judgement
from tests.campaign.mutations import OPERATORS
from tests.campaign.schedules import random_schedule

SLICE = [
    *(Job("small", seed, tuple(sorted(OPERATORS)[seed::14]), True) for seed in range(14)),
    *(Job("medium", 100_000 + seed, ("drop_wait", "overlap_slots"), True) for seed in range(6)),
    *(Job("cut-out", seed, ("reuse_live_barrier", "fetch_late"), True) for seed in (1, 5, 9)),
    *(Job("foreign", seed, (), True) for seed in range(1_000, 1_012)),
]


def test_nothing_in_a_slice_is_unexplained():
    rows = [row for job in SLICE for row in run_job(job)]
    said: list[str] = []
    assert report(rows, said.append) == 0, "\n".join(said)
    assert said[-1].endswith(" 0 unexplained")
    how = {row.judgement.how for row in rows if row.operator}
    assert how >= {"refuted", "explored"}
    assert " of 12 foreign programs 12 agree with exploration, " in said[-1]
    assert {row.mode for row in rows} == {"firmware", "partial", "full"}


def test_tampering_is_noticed_and_solvers_agree():
    wrong, (z3, spin, noticed), notes = solvers([0, 1, 2], z3_below=3)
    assert wrong == []
    assert z3 > 3
    assert noticed >= 8
    assert spin > 3 or notes[0].startswith("SPIN skipped: ")


def row(operator: str, how: str, detail: str = "") -> Row:
    return Row("small", "random 1", "full", operator, 10, 1.0, Judgement(how, False, 0, 0, ("H1",), detail))


def test_what_is_unexplained_fails():
    said: list[str] = []
    assert report([row("drop_wait", "wrong", "proved, but")], said.append) == 1
    assert "UNEXPLAINED random 1 drop_wait: proved, but" in said
    assert report([row("", "refuted")], said.append) == 1
    assert "UNEXPLAINED random 1 as lowered is refuted" in said
    assert said[-1].endswith(" 1 unexplained")


def test_an_operator_that_breaks_too_little_fails():
    said: list[str] = []
    tame = [row("drop_wait", "refuted" if n < 7 else "explored") for n in range(40)]
    assert report(tame, said.append) == 1
    assert "TAME drop_wait: less than 20% of its mutants are hazardous" in said
    assert report([*tame, row("drop_wait", "refuted"), row("drop_wait", "refuted")], said.append) == 0


def test_fewer_than_the_goals_fail():
    said: list[str] = []
    rows = [row("drop_wait", "refuted"), row("", "proved")]
    assert report(rows, said.append, (200, 100, 1_000), scale=1.0) == 1
    told = [line for line in said if line.startswith("TOO FEW")]
    assert told[:3] == [
        "TOO FEW mutants judged: 1 of 10,000",
        "TOO FEW unmodified random schedules proved: 1 of 10,000",
        "TOO FEW agree with exploration: 0 of 5,000",
    ]
    assert "TOO FEW schedules with three or more instances per barrier: 0 of 1" in told
    assert "TOO FEW mutants by wrong_tail: none" in told
    assert "TOO FEW mutants in mode partial: none" in told
    assert "TOO FEW mutants of source network: none" in told
    assert not [line for line in told if "z3" in line or "SPIN" in line or "certificates" in line]


def test_foreign_programs_that_are_all_wrong_are_too_few():
    said: list[str] = []
    safe, wrong = Judgement("explored", True, 1, 0, ()), Judgement("refuted", True, 1, 1, ("H1",))
    made = [Row("foreign", f"foreign {n}", "full", "", 10, 1.0, safe if n < 7 else wrong) for n in range(40)]
    assert report(made, said.append) == 1
    assert "TOO FEW foreign programs proved: 7 of 40" in said
    made[7] = replace(made[7], judgement=safe)
    assert report(made, said.append) == 0
    made[9] = replace(made[9], judgement=replace(safe, how="wrong", detail="proved, but"))
    assert report(made, said.append) == 1
    assert "UNEXPLAINED foreign 9 : proved, but" in said


def test_some_schedules_are_for_machines_that_rearm_late():
    made = [random_schedule(seed, 3, 4) for seed in range(60)]
    kinds = {m.program.machine.barriers.rearm for m in made if m is not None}
    assert kinds == {"atomic", "acknowledged", "bounded"}
