"""Full mode of the baseline on random graphs and machines: proved or given up with a reason, never refuted."""

from hypothesis import event, given

from tests.property.strategies import Case, cases
from tests.property.test_policies import campaign, gives_up
from wlm_dialect import api
from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.policies.pages.channel import management_queue
from wlm_dialect.passes.verify_schedule import PROVED, check
from wlm_dialect.program import Kind

SPEC = "full{policy=pages}"


@given(case=cases(60))
@campaign(60)
def test_pages_in_full_mode_are_proved_or_refused(case: Case) -> None:
    try:
        done = api.compile_program(case.graph, SPEC, api.pipeline(SPEC)[:-1], validate=True).program
    except ScheduleError as error:
        event(str(error)[:80])
        if not gives_up(case, error):
            raise
        return
    event("placed")
    verdict = check(done)
    assert verdict.status == PROVED, verdict.findings[0]
    queue = management_queue(case.machine)
    management = [t for t in range(len(done)) if done.kind[t] not in (Kind.RUN, Kind.SYNC)]
    assert {int(done.engine[t]) for t in management} <= {queue}
    run = api.run(done)
    assert run.hazard is None
    assert run.makespan is not None
    assert run.makespan >= api.run(case.graph).makespan
