"""Passes and pipelines. One line per pass: name -> module and class; loaded when asked for."""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points

from xdsl.passes import ModulePass

PASSES = {
    "wlm-assign-barriers": "assign_barriers:AssignBarriersPass",
    "wlm-fuse-barriers": "fuse_barriers:FuseBarriersPass",
    "wlm-guard-enqueues": "guard_enqueues:GuardEnqueuesPass",
    "wlm-insert-barriers": "insert_barriers:InsertBarriersPass",
    "wlm-insert-dependences": "insert_dependences:InsertDependencesPass",
    "wlm-insert-fetches": "insert_fetches:InsertFetchesPass",
    "wlm-insert-page-fetches": "insert_page_fetches:InsertPageFetchesPass",
    "wlm-insert-pulses": "insert_pulses:InsertPulsesPass",
    "wlm-insert-tail": "insert_tail:InsertTailPass",
    "wlm-limit-barriers": "limit_barriers:LimitBarriersPass",
    "wlm-link-work-items": "link_work_items:LinkWorkItemsPass",
    "wlm-lower-to-vta": "lower_to_vta:LowerToVtaPass",
    "wlm-merge-barriers": "merge_barriers:MergeBarriersPass",
    "wlm-merge-waits": "merge_waits:MergeWaitsPass",
    "wlm-order-barriers": "order_barriers:OrderBarriersPass",
    "wlm-order-tasks": "order_tasks:OrderTasksPass",
    "wlm-place-enqueues": "place_enqueues:PlaceEnqueuesPass",
    "wlm-place-pages": "place_pages:PlacePagesPass",
    "wlm-place-programs": "place_programs:PlaceProgramsPass",
    "wlm-reduce-barriers": "reduce_barriers:ReduceBarriersPass",
    "wlm-reduce-dependences": "reduce_dependences:ReduceDependencesPass",
    "wlm-relieve-firmware": "relieve_firmware:RelieveFirmwarePass",
    "wlm-set-machine": "set_machine:SetMachinePass",
    "wlm-shorten-dependences": "shorten_dependences:ShortenDependencesPass",
    "wlm-split-barriers": "split_barriers:SplitBarriersPass",
    "wlm-split-contexts": "split_contexts:SplitContextsPass",
    "wlm-stall-enqueues": "stall_enqueues:StallEnqueuesPass",
    "wlm-verify-phase": "verify_phase:VerifyPhasePass",
    "wlm-verify-schedule": "verify_schedule:VerifySchedulePass",
}


def _lazy(place: str) -> Callable[[], type[ModulePass]]:
    def load() -> type[ModulePass]:
        module, _, name = place.partition(":")
        found: type[ModulePass] = getattr(import_module(f"wlm_dialect.passes.{module}"), name)
        return found

    return load


def get_all_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Name -> factory of the pass class, plug-ins (entry point group ``wlm.passes``) included."""
    out = {name: _lazy(place) for name, place in PASSES.items()}
    for entry in entry_points(group="wlm.passes"):
        out.setdefault(entry.name, entry.load)
    return out
