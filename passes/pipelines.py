"""Named pipelines. Each line says why the pass stands where it does."""

from collections.abc import Callable
from typing import Literal

from xdsl.passes import ModulePass

from wlm_dialect.dialects.task import Mode
from wlm_dialect.errors import ScheduleError, did_you_mean
from wlm_dialect.passes.assign_barriers import AssignBarriersPass
from wlm_dialect.passes.choices import DEFAULTS, Choices, parse_mode
from wlm_dialect.passes.fuse_barriers import FuseBarriersPass
from wlm_dialect.passes.guard_enqueues import GuardEnqueuesPass
from wlm_dialect.passes.insert_barriers import InsertBarriersPass
from wlm_dialect.passes.insert_dependences import InsertDependencesPass
from wlm_dialect.passes.insert_fetches import InsertFetchesPass
from wlm_dialect.passes.insert_page_fetches import InsertPageFetchesPass
from wlm_dialect.passes.insert_pulses import InsertPulsesPass
from wlm_dialect.passes.insert_tail import InsertTailPass
from wlm_dialect.passes.limit_barriers import LimitBarriersPass
from wlm_dialect.passes.link_work_items import LinkWorkItemsPass
from wlm_dialect.passes.merge_barriers import MergeBarriersPass
from wlm_dialect.passes.place_enqueues import PlaceEnqueuesPass
from wlm_dialect.passes.place_pages import PlacePagesPass
from wlm_dialect.passes.place_programs import PlaceProgramsPass
from wlm_dialect.passes.policies import PAGES
from wlm_dialect.passes.reduce_dependences import ReduceDependencesPass
from wlm_dialect.passes.relieve_firmware import RelieveFirmwarePass
from wlm_dialect.passes.shorten_dependences import ShortenDependencesPass
from wlm_dialect.passes.split_barriers import SplitBarriersPass
from wlm_dialect.passes.stall_enqueues import StallEnqueuesPass
from wlm_dialect.passes.verify_phase import VerifyPhasePass
from wlm_dialect.passes.verify_schedule import VerifySchedulePass

STARVATION = ("neither", "barrier", "stall")


def _graph(mode: Mode, choices: Choices) -> tuple[ModulePass, ...]:
    return (
        # a front end has done this; IR written by hand may name only what its tasks read and write
        InsertDependencesPass(),
        # fetches are tasks like others from here on: their order is kept by the same barriers
        InsertFetchesPass(mode, choices.slots),
    )


def barriers() -> tuple[ModulePass, ...]:
    """From dependences to virtual barriers within the limits of the machine: the same in every mode."""
    return (
        VerifyPhasePass("graph"),
        # fewest edges first: every edge that goes is a producer slot, often a whole barrier
        ReduceDependencesPass(),
        # barriers that live long are the hard ones; what is moved may be implied there, hence reduced again
        ShortenDependencesPass(),
        ReduceDependencesPass(),
        InsertBarriersPass(),
        # equal producer sets become one barrier: fewer groups for fusion to look at
        MergeBarriersPass(),
        # each barrier less is an interrupt or a refill less, and no task starts later; before the tail, which no task
        # waits on
        FuseBarriersPass(early=True),
        # while barriers can still share freely: later passes count on what they insert to stay
        LimitBarriersPass(strict=False),
        # the tail joins last tasks, so it needs the final order; it may itself exceed the slots
        InsertTailPass(),
        SplitBarriersPass(),
        VerifyPhasePass("virtual"),
    )


def firmware(choices: Choices = DEFAULTS) -> tuple[ModulePass, ...]:
    """Firmware does everything from interrupts, descriptor fetches included."""
    _check_starvation("firmware", choices)
    return (*_graph("firmware", choices), *barriers(), *_by_firmware("firmware", choices))


def partial(choices: Choices = DEFAULTS) -> tuple[ModulePass, ...]:
    """The compiler fetches descriptors; firmware enqueues and programs barriers."""
    _check_starvation("partial", choices)
    return (*_graph("partial", choices), *barriers(), *_by_firmware("partial", choices))


def _check_starvation(mode: Mode, choices: Choices) -> None:
    value = choices.starvation
    if value not in STARVATION:
        raise ScheduleError(f"starvation is '{value}'{did_you_mean(value, STARVATION)}")
    if value != STARVATION[0] and mode != "full":
        raise ScheduleError(f"starvation={value} is a choice of mode full; in mode {mode} firmware enqueues")
    if value != STARVATION[0] and choices.policy == PAGES:
        raise ScheduleError(f"starvation={value} has no meaning with policy={PAGES}, which says where enqueues stand")


def _by_firmware(mode: Literal["firmware", "partial"], choices: Choices) -> tuple[ModulePass, ...]:
    return (
        # pulses and barriers to come follow from how many there are; what was done so far knows of no firmware
        RelieveFirmwarePass(mode),
        # evidence for pushes must exist before barriers are counted and bound
        InsertPulsesPass(mode),
        # joins, splits and adds order where barriers are scarce, then binds them
        AssignBarriersPass(mode, choices.policy),
        VerifyPhasePass("physical"),
        LinkWorkItemsPass(mode),
        *_final(),
    )


def _final() -> tuple[ModulePass, ...]:
    # always on: a pipeline never hands out a program that is not proved
    return (VerifyPhasePass("managed"), VerifySchedulePass())


def full(choices: Choices = DEFAULTS) -> tuple[ModulePass, ...]:
    """The compiler emits every management DMA; firmware boots and waits for the tail barrier."""
    _check_starvation("full", choices)
    if choices.policy == PAGES:
        return _full_on_pages()
    if choices.starvation == "stall":
        # before barriers are made of the dependences that it replaces, and before fetches, which must come first
        return (InsertDependencesPass(), StallEnqueuesPass(choices.policy, choices.slots), *after_stalls(choices))
    return (InsertDependencesPass(), *after_stalls(choices))


def after_stalls(choices: Choices) -> tuple[ModulePass, ...]:
    """Full mode from dependences on."""
    own = choices.starvation == "barrier"
    return (
        InsertFetchesPass("full", choices.slots),
        *barriers(),
        AssignBarriersPass("full", choices.policy, own),
        VerifyPhasePass("physical"),
        # needs to know which instance precedes which; its own DMAs use no barrier
        PlaceEnqueuesPass(),
        # needs to know what an enqueue pushes, and which physical barriers are left
        *((GuardEnqueuesPass(),) if own else ()),
        # last, because enqueues say when tasks are at head, and so when an instance must be there
        PlaceProgramsPass(),
        *_final(),
    )


def _full_on_pages() -> tuple[ModulePass, ...]:
    """The baseline: all management as npu_compiler places it, behind the same barriers as any other mode."""
    return (
        InsertDependencesPass(),
        # its groups, and one queue for all of them
        InsertPageFetchesPass(),
        *barriers(),
        # binds barriers and places enqueues and programming in one, because all three go by pages
        PlacePagesPass(),
        *_final(),
    )


PIPELINES: dict[str, Callable[..., tuple[ModulePass, ...]]] = {"firmware": firmware, "full": full, "partial": partial}


def build(spec: str) -> tuple[ModulePass, ...]:
    """The passes of a mode spec such as `full` or `full{policy=pages}`; ScheduleError if there is no such mode."""
    mode, choices = parse_mode(spec)
    return PIPELINES[mode](choices)
