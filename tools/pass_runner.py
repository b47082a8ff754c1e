"""Runs a pass pipeline and watches it: timing, printing, and who broke the IR."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.printer import Printer

from wlm_dialect.errors import UsageError
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.checker.orders import Orders, require_orders, required_orders
from wlm_dialect.program import as_read_back, decode, encode_into, find_graphs

T = TypeVar("T")
UNASSIGNED = ("graph", "virtual")


def _require(required: Mapping[str, Orders], module: ModuleOp, by: str) -> None:
    for program in map(decode, find_graphs(module)):
        if program.name in required:
            require_orders(required[program.name], program, by)


class ProgramRun:
    """Passes of ours one after the other on decoded programs: the IR is read once and written once.

    The result is that of writing and reading the IR in between. That is only so in phases graph and virtual; a run ends
    with the pass that leaves them.
    """

    def __init__(self, module: ModuleOp) -> None:
        self.programs = [(graph, decode(graph)) for graph in find_graphs(module)]
        self.changed: set[int] = set()

    def apply(self, each: ProgramPass) -> None:
        """Run one pass on all graphs."""
        for n, (graph, program) in enumerate(self.programs):
            changed = each.run(program)
            if changed is not program:
                self.programs[n] = (graph, as_read_back(changed) if changed.phase in UNASSIGNED else changed)
                self.changed.add(n)

    @property
    def ends(self) -> bool:
        """Whether the next pass must see IR that was written and read again."""
        return any(program.phase not in UNASSIGNED for _, program in self.programs)

    def write(self) -> None:
        """Put the programs that changed into the IR."""
        for n in sorted(self.changed):
            encode_into(*self.programs[n])


@dataclass
class PassRunner:
    """Options as on the command line. `doing` and `current` say where a failure happened; `seconds` grows per pass.

    `verify_each` None verifies wherever there is IR: passes of ours that follow each other share one round trip.
    `orders` sees after each pass that what the graphs required when they came in is still ordered.
    """

    verify: bool = True
    verify_each: bool | None = None
    before_all: bool = False
    after_all: bool = False
    after: tuple[str, ...] = ()
    orders: bool = False
    doing: str = ""  # "", "pass", "verify"
    current: str = ""  # name of the pass
    seconds: list[tuple[str, float]] = field(default_factory=list)
    unverified: int = 0  # passes since the last verification

    def check_names(self, passes: Sequence[ModulePass]) -> None:
        """UsageError if a pass to print after is not in the pipeline: nothing would ever be printed."""
        known = {p.name for p in passes}
        for name in self.after:
            if name not in known:
                listed = ", ".join(sorted(known)) or "none"
                raise UsageError(f"--print-ir-after={name}: no such pass in this pipeline; it runs: {listed}")

    def run(self, ctx: Context, module: ModuleOp, passes: Sequence[ModulePass]) -> None:
        """Apply the passes in order. Verifies the input, then where `verify_each` says and at the end.

        An exception leaves `doing` and `current` as they were: "verify" with a pass means that it or one since the last
        verification broke the IR.
        """
        self._verify(module)
        required = self._required(module)
        going: ProgramRun | None = None
        for n, each in enumerate(passes):
            self.doing, self.current = "pass", each.name
            if self.before_all:
                self._dump(module, f"before {each.name}")
            self.unverified += 1
            ours = _on_programs(each)
            if ours is None:
                self._timed(each.name, partial(each.apply, ctx, module))
            else:
                going = going or self._timed("(decode)", partial(ProgramRun, module))
                self._timed(each.name, partial(going.apply, ours))
                if n + 1 < len(passes) and self._goes_on(going, each, passes[n + 1]):
                    continue
                self._timed("(encode)", going.write)
                going = None
            self.doing = "verify"
            if self.after_all or each.name in self.after:
                self._dump(module, f"after {each.name}")
            if self.verify_each is not False or n == len(passes) - 1:
                self._verify(module)
            if required:
                self.doing = "pass"
                self._timed("(orders)", partial(_require, required, module, each.name))
        self.doing, self.current = "", ""

    def _goes_on(self, going: ProgramRun, each: ModulePass, then: ModulePass) -> bool:
        """Whether the next pass can take the programs as they are."""
        shown = (
            self.orders
            or self.before_all
            or self.after_all
            or each.name in self.after
            or (self.verify and self.verify_each)
        )
        return not shown and not going.ends and _on_programs(then) is not None

    def _required(self, module: ModuleOp) -> dict[str, Orders]:
        """Per graph in phase graph what has to be ordered; UsageError if there is none to tell it from."""
        if not self.orders:
            return {}
        programs = [program for program in map(decode, find_graphs(module)) if program.phase == "graph"]
        if not programs:
            raise UsageError("--verify-orders needs a graph in phase graph: later there are barriers, not dependences")
        return {program.name: required_orders(program) for program in programs}

    def _verify(self, module: ModuleOp) -> None:
        self.doing = "verify"
        if self.verify:
            self._timed("(verify)", module.verify)
            self.unverified = 0

    def blamed(self) -> str:
        """Who broke the IR when verification failed: the pass that ran last, or one up to it."""
        return f"pass '{self.current}'" if self.unverified < 2 else f"a pass up to '{self.current}'"

    def _timed(self, name: str, action: Callable[[], T]) -> T:
        begin = time.perf_counter()
        try:
            return action()
        finally:
            self.seconds.append((name, time.perf_counter() - begin))

    @staticmethod
    def _dump(module: ModuleOp, where: str) -> None:
        print(f"// -----// IR {where} //----- //", file=sys.stderr)
        Printer(stream=sys.stderr).print_op(module)
        print(file=sys.stderr)


def _on_programs(each: ModulePass) -> ProgramPass | None:
    """The pass, if it sees nothing of a module but its programs."""
    return each if isinstance(each, ProgramPass) and type(each).apply is ProgramPass.apply else None


def timing_table(seconds: Sequence[tuple[str, float]]) -> str:
    """One line per step, work in brackets summed up at the end, with its share of the whole."""
    steps = [(name, t) for name, t in seconds if not name.startswith("(")]
    others = dict.fromkeys(name for name, _ in seconds if name.startswith("("))
    steps += [(name, sum(t for n, t in seconds if n == name)) for name in others]
    total = sum(t for _, t in steps)
    width = max([len("total"), *(len(name) for name, _ in steps)])
    lines = [f"{'pass':<{width}}  {'ms':>10}  {'share':>6}"]
    for name, t in [*steps, ("total", total)]:
        lines.append(f"{name:<{width}}  {1000 * t:>10.2f}  {100 * t / total if total else 0:>5.1f}%")
    return "\n".join(lines)
