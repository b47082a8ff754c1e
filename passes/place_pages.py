"""Pass `wlm-place-pages`."""

from dataclasses import dataclass

from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.policies.pages import manage_pages
from wlm_dialect.program import Program


@dataclass(frozen=True)
class PlacePagesPass(ProgramPass):
    """Full mode of the baseline `pages`: bind barriers by page and insert all of its management DMAs, on one queue.

    Pages are made legal and padded, dummies inserted, DMAs that program half of the barriers put where the pages need
    them, and tasks of DPUs and SHAVEs pushed a page ahead. docs/barriers.md describes the steps, and what is added
    where upstream's rules leave an order unknown that the machine needs.

    Precondition: phase virtual, with the fetches of wlm-insert-page-fetches. Postcondition: phase managed, mode full;
    ScheduleError with the page or task where upstream gives up, too.
    """

    name = "wlm-place-pages"
    phases = ("virtual",)

    def transform(self, program: Program) -> Program:
        return manage_pages(program)
