"""Policies: which physical barrier each virtual one gets. One line per policy; loaded when asked for.

A policy that *chooses* is a function (program, count) -> a physical barrier per virtual one, or None where it cannot
place. The program is in phase virtual, its barriers are numbered by first use and fit the machine: the front end of
`wlm-assign-barriers` has seen to it. A physical barrier may be taken only if the last use of its current instance comes
before the first producer of the new one in program order. Code outside the tree adds such functions by the entry point
group ``wlm.policies``.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points

from wlm_dialect.errors import ScheduleError, did_you_mean
from wlm_dialect.passes.analysis.uses import last_use
from wlm_dialect.program import Program

Choose = Callable[[Program, int], list[int] | None]

CHAINS = "chains"
"""Ours, the default: `wlm_dialect.passes.assign_barriers`."""
PAGES = "pages"
"""The baseline that changes the program as well: `wlm_dialect.passes.policies.pages`."""
POLICIES = {
    "color-bins": "color_bins:color_bins",
    "round-robin": "round_robin:round_robin",
}


def policy_names() -> list[str]:
    """Every policy, plug-ins included, sorted."""
    return sorted({CHAINS, PAGES, *POLICIES, *(entry.name for entry in entry_points(group="wlm.policies"))})


def check_policy(name: str) -> None:
    """Raise ScheduleError unless there is a policy of that name."""
    names = policy_names()
    if name not in names:
        raise ScheduleError(f"wlm-assign-barriers: there is no policy '{name}'{did_you_mean(name, names)}")


def choose(name: str, program: Program) -> list[int] | None:
    """What the policy `name` chooses for the program, checked; None where it cannot place."""
    pids = _load(name)(program, program.machine.barriers.count)
    if pids is not None:
        _check(name, program, pids)
    return pids


def _load(name: str) -> Choose:
    if name in POLICIES:
        module, _, function = POLICIES[name].partition(":")
        found: Choose = getattr(import_module(f"wlm_dialect.passes.policies.{module}"), function)
        return found
    for entry in entry_points(group="wlm.policies"):
        if entry.name == name:
            plug = entry.load()
            if not callable(plug):
                raise ScheduleError(
                    f"policy '{name}': entry point '{entry.value}' is no function (program, count) -> list of ids"
                )
            loaded: Choose = plug
            return loaded
    raise ScheduleError(f"policy '{name}' does not choose physical barriers for a given program")


def _check(name: str, program: Program, pids: list[int]) -> None:
    """One physical barrier of the machine per virtual one, each free in program order when it is taken."""
    count, barriers = program.machine.barriers.count, len(program.barriers)
    if len(pids) != barriers:
        raise ScheduleError(f"policy '{name}' chose {len(pids)} physical barriers for {barriers} virtual ones")
    last = last_use(program)
    current: dict[int, int] = {}
    for v, (pid, row) in enumerate(zip(pids, program.producers.lists(), strict=True)):
        if not 0 <= pid < count:
            raise ScheduleError(
                f"policy '{name}' chose physical barrier {pid} for v{v}; the machine has 0 to {count - 1}"
            )
        u = current.get(pid, -1)
        if u >= 0 and (not row or last[u] >= row[0]):
            raise ScheduleError(
                f"policy '{name}' gave v{v} physical barrier {pid}, which v{u} still uses in program order [H2]"
            )
        current[pid] = v
