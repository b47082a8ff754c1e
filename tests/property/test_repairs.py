"""What a finding suggests, done to the program, makes the finding go away."""

import random
import re

from tests.campaign.mutations import mutate, recounted
from tests.campaign.schedules import random_schedule
from wlm_dialect.passes.verify_schedule import Finding, check
from wlm_dialect.program import Program

WAIT = re.compile(r"'(?P<task>.*)' on (?P<engine>\w+) waiting on (?P<barrier>b\d+#\d+) too would order them")


def with_wait(p: Program, words: re.Match[str]) -> Program:
    task = next(t for t in range(len(p)) if (p.names[t], p.engine_name(t)) == (words["task"], words["engine"]))
    barrier = next(v for v in range(len(p.barriers)) if p.barrier_name(v) == words["barrier"])
    waits = p.waits.lists()
    waits[task].append(barrier)
    return recounted(p, waits=waits)


def same(a: Finding, b: Finding) -> bool:
    return (a.rule, a.task, a.barrier, a.other) == (b.rule, b.task, b.barrier, b.other)


def test_a_suggested_wait_orders_what_was_not_ordered():
    done = 0
    for seed in range(40):
        made = random_schedule(seed, 4, 16)
        mutant = None if made is None else mutate(made.program, "drop_wait", random.Random(seed))
        if mutant is None:
            continue
        for finding in check(mutant).findings:
            words = WAIT.match(finding.repair)
            if finding.rule == "H8" and words:
                after = check(with_wait(mutant, words)).findings
                assert not any(same(finding, other) or other.rule == "H7" for other in after), f"{seed}: {finding}"
                done += 1
    assert done > 10


def test_an_enqueue_that_comes_too_early_is_to_be_listed_later():
    listed = 0
    for seed in range(2, 40, 3):  # full mode
        made = random_schedule(seed, 4, 16)
        mutant = None if made is None else mutate(made.program, "fetch_late", random.Random(seed))
        if mutant is not None:
            repairs = [f.repair for f in check(mutant).findings if f.rule == "H4"]
            listed += sum(
                bool(re.match(r"listing 'enqueue .*' on \w+ behind 'fetch .*' would order them", r)) for r in repairs
            )
    assert listed > 2
