"""`ProgramPass`: what every pass of ours is: a function from program to program, applied to each task graph."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from wlm_dialect.errors import ScheduleError
from wlm_dialect.program import Program, decode, encode_into, find_graphs

_MADE_BY = {
    "graph": "a front end or wlm-insert-dependences",
    "virtual": "wlm-insert-barriers",
    "physical": "wlm-assign-barriers",
    "managed": "one of the pipelines firmware, partial, full",
}


@dataclass(frozen=True)
class ProgramPass(ModulePass):
    """Decode each task graph, transform the program, write it back in bulk. A module without a graph is left alone."""

    phases: ClassVar[tuple[str, ...]] = ("graph", "virtual", "physical", "managed")

    @abstractmethod
    def transform(self, program: Program) -> Program:
        """The new program; the same object means "nothing to do"."""

    def run(self, program: Program) -> Program:
        """`transform` behind the check of the phase: how the library runs a pass without IR."""
        if program.phase not in self.phases:
            needed = " or ".join(self.phases)
            raise ScheduleError(
                f"{self.name} needs a graph in phase {needed}, but @{program.name} is in phase {program.phase}; "
                f"phase {self.phases[0]} is made by {_MADE_BY[self.phases[0]]}"
            )
        return self.transform(program)

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for graph in find_graphs(op):
            program = decode(graph)
            changed = self.run(program)
            if changed is not program:
                encode_into(graph, changed)
