"""Runs a pass pipeline and watches it: timing, printing, and who broke the IR."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.printer import Printer

from wlm_dialect.errors import UsageError


@dataclass
class PassRunner:
    """Options as on the command line. `doing` and `current` say where a failure happened; `seconds` grows per pass."""

    verify: bool = True
    verify_each: bool = True
    before_all: bool = False
    after_all: bool = False
    after: tuple[str, ...] = ()
    doing: str = ""  # "", "pass", "verify"
    current: str = ""  # name of the pass
    seconds: list[tuple[str, float]] = field(default_factory=list)

    def check_names(self, passes: Sequence[ModulePass]) -> None:
        """UsageError if a pass to print after is not in the pipeline: nothing would ever be printed."""
        known = {p.name for p in passes}
        for name in self.after:
            if name not in known:
                listed = ", ".join(sorted(known)) or "none"
                raise UsageError(f"--print-ir-after={name}: no such pass in this pipeline; it runs: {listed}")

    def run(self, ctx: Context, module: ModuleOp, passes: Sequence[ModulePass]) -> None:
        """Apply the passes in order. Verifies the input, then after each pass or once at the end.

        An exception leaves `doing` and `current` as they were: "verify" with a pass means that this pass broke the IR.
        """
        self.doing, self.current = "verify", ""
        if self.verify:
            self._timed("(verify)", module.verify)
        for n, each in enumerate(passes):
            self.doing, self.current = "pass", each.name
            if self.before_all:
                self._dump(module, f"before {each.name}")
            self._timed(each.name, partial(each.apply, ctx, module))
            self.doing = "verify"
            if self.after_all or each.name in self.after:
                self._dump(module, f"after {each.name}")
            if self.verify and (self.verify_each or n == len(passes) - 1):
                self._timed("(verify)", module.verify)
        self.doing, self.current = "", ""

    def blamed(self) -> str:
        """Who broke the IR when verification failed: the pass that ran last, or one up to it without verify-each."""
        return f"pass '{self.current}'" if self.verify_each else f"a pass up to '{self.current}'"

    def _timed(self, name: str, action: Callable[[], None]) -> None:
        begin = time.perf_counter()
        try:
            action()
        finally:
            self.seconds.append((name, time.perf_counter() - begin))

    @staticmethod
    def _dump(module: ModuleOp, where: str) -> None:
        print(f"// -----// IR {where} //----- //", file=sys.stderr)
        Printer(stream=sys.stderr).print_op(module)
        print(file=sys.stderr)


def timing_table(seconds: Sequence[tuple[str, float]]) -> str:
    """One line per step, verification summed up at the end, with its share of the whole."""
    steps = [(name, t) for name, t in seconds if not name.startswith("(")]
    others = dict.fromkeys(name for name, _ in seconds if name.startswith("("))
    steps += [(name, sum(t for n, t in seconds if n == name)) for name in others]
    total = sum(t for _, t in steps)
    width = max([len("total"), *(len(name) for name, _ in steps)])
    lines = [f"{'pass':<{width}}  {'ms':>10}  {'share':>6}"]
    for name, t in [*steps, ("total", total)]:
        lines.append(f"{name:<{width}}  {1000 * t:>10.2f}  {100 * t / total if total else 0:>5.1f}%")
    return "\n".join(lines)
