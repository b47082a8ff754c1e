"""What becomes of a foreign program: the checker, exploration, replay and `wlm-check` have to agree about it."""

import random
from dataclasses import replace

from tests.campaign.forge import forge
from tests.campaign.judge import Judgement, accepts, certify, judge, text_of
from tests.oracles.explore import explore
from tests.oracles.schedule import read_schedule
from wlm_dialect.check import read
from wlm_dialect.program import Program

FORGERIES = 2


def judge_foreign(program: Program, rng: random.Random, states: int) -> Judgement:
    """As `judge` with every oracle; besides, what is proved has to be certified, and of what is not no certificate that
    claims all it may is accepted. `forged`: one was there, and rejected."""
    found = judge(program, states=states, every_oracle=True, replays=1, runs=0)
    if found.how == "wrong":
        return found
    if found.how in ("explored", "proved"):
        wrong = certify(program)
        return replace(found, how="wrong", detail=wrong) if wrong else found
    (schedule,) = read(text_of(program))
    forgeries = [c for _ in range(FORGERIES) if (c := forge(schedule, rng)) is not None]
    fooled = any(accepts(program, c) for c in forgeries)
    if fooled and (found.how == "refuted" or explore(read_schedule(text_of(program), program.machine)).faults):
        return replace(found, how="wrong", detail=f"{found.how}, but wlm-check accepts a forged certificate")
    return replace(found, forged=bool(forgeries) and not fooled)
