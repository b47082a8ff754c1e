"""What the checker of VTA programs says: findings that carry an order to replay, and the verdict."""

from dataclasses import dataclass

from wlm_dialect.passes.checker.findings import PROVED, REFUTED, UNDECIDED, Finding, Verdict

__all__ = ["PROVED", "REFUTED", "RULES", "UNDECIDED", "Finding", "VtaFinding", "VtaVerdict"]

RULES = {
    "V1": "flags and opcodes: only neighbours that a module has, only instructions that exist",
    "V2": "a missing token: a pop that no push matches",
    "V3": "deadlock: instructions that wait for each other",
    "V4": "left-over tokens: a push that no pop matches and carry_out does not declare, or the other way round",
    "V5": "no FINISH, or one that is not the last instruction",
    "V6": "early FINISH: it does not wait for the last load or the last store",
    "V7": "data race on a scratchpad",
    "V8": "data race on DRAM, between a store and a load",
    "V9": "an index beyond the end of a scratchpad, a field that cannot be",
    "V10": "stale OUT: a store of what no GEMM or ALU wrote",
    "V11": "micro-op memory smaller than the configuration says",
    "V12": "more tokens than a dependence queue holds",
    "V13": "a full command queue stops fetch for ever",
    "V14": "arithmetic and loops that hardware does differently",
}


@dataclass(frozen=True)
class VtaFinding(Finding):
    """One broken rule of a VTA program. `task` and `other` are instructions, -1 = none.

    `order`: the instructions in an order of execution that shows it, as far as execution goes; empty: any order does.
    """

    order: tuple[int, ...] = ()
    queue: int = -1


@dataclass(frozen=True)
class VtaVerdict(Verdict):
    """The outcome of a check. `differs` do not count: they concern other implementations than the one asked for."""

    findings: tuple[VtaFinding, ...]
    hardware: str = "sim"
    differs: tuple[VtaFinding, ...] = ()

    def report(self, limit: int = 20) -> str:
        """All of it as text: findings, properties, conditions, and what would go wrong on other hardware."""
        text = super().report(limit)
        if not self.differs:
            return text
        lines = [text, f"no error on {self.hardware}, but elsewhere:", *(f"  {f}" for f in self.differs[:limit])]
        if len(self.differs) > limit:
            lines.append(f"  and {len(self.differs) - limit} more")
        return "\n".join(lines)
