"""A slice of `make campaign`: the same jobs and judges, a few of each kind."""

from tests.campaign.campaign import Job, Row, report, run_job, solvers
from tests.campaign.judge import Judgement
from tests.campaign.mutations import OPERATORS

SLICE = [
    *(Job("small", seed, tuple(sorted(OPERATORS)[seed::14]), True) for seed in range(14)),
    *(Job("medium", 100_000 + seed, ("drop_wait", "overlap_slots"), True) for seed in range(6)),
    *(Job("cut-out", seed, ("reuse_live_barrier", "fetch_late"), True) for seed in (1, 5, 9)),
]


def test_nothing_in_a_slice_is_unexplained():
    rows = [row for job in SLICE for row in run_job(job)]
    said: list[str] = []
    assert report(rows, said.append) == 0, "\n".join(said)
    assert said[-1].endswith(" 0 unexplained")
    how = {row.judgement.how for row in rows if row.operator}
    assert how >= {"refuted", "explored"}
    assert {row.mode for row in rows} == {"firmware", "partial", "full"}


def test_tampering_is_noticed_and_solvers_agree():
    said: list[str] = []
    wrong, (z3, spin, noticed) = solvers(0.015, said.append)
    assert wrong == []
    assert z3 > 3
    assert noticed >= 8
    assert spin > 3 or said[0].startswith("SPIN skipped: ")


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
