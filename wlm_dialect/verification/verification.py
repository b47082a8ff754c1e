"""`Verification`: what `wlm verify` says. "Refuted" is said only where a run shows it."""

from dataclasses import dataclass, fields, replace
from functools import cached_property

from wlm_dialect.passes.checker.findings import PROVED, REFUTED, UNDECIDED, Finding, Verdict
from wlm_dialect.passes.verify_schedule import check
from wlm_dialect.program import Program
from wlm_dialect.verification.digest import digest
from wlm_dialect.verification.replay import Replay, Replays
from wlm_dialect.verification.shrink import shrink
from wlm_dialect.verification.timeline import timeline

NOT_SHOWN = "no run that was tried shows it"
NOT_FIRST = "no run that was tried shows it before another fault stops the machine"
MOST_REPLAYS = 20
MOST_TRIES = 60  # findings to replay until one is hit


@dataclass(frozen=True, eq=False)
class Verification:
    """A verdict and, for each finding, the run that shows it (None: none does, or there were too many to replay)."""

    subject: Program
    verdict: Verdict
    status: str  # PROVED, REFUTED, UNDECIDED
    findings: tuple[Finding, ...]
    replays: tuple[Replay | None, ...]

    @property
    def program(self) -> str:
        """Name of the program."""
        return self.verdict.program

    @property
    def properties(self) -> tuple[str, ...]:
        """What is proved for every timing."""
        return self.verdict.properties

    @property
    def conditions(self) -> tuple[str, ...]:
        """The side conditions of the proof."""
        return self.verdict.conditions

    @property
    def counts(self) -> dict[str, int]:
        """The size of what was checked."""
        return self.verdict.counts

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the program and its machine, as hexadecimal digits."""
        return digest(self.subject)

    @property
    def counterexample(self) -> Replay | None:
        """The first run that goes wrong; None unless refuted."""
        return next((r for r in self.replays if r is not None), None)

    def report(self, limit: int = 20) -> str:
        """All of it as text: at most `limit` findings, the properties, the conditions, bounds and hash."""
        lines = [f"@{self.program}: {self.status}"]
        told = False
        for finding, found in list(zip(self.findings, self.replays, strict=True))[:limit]:
            lines += [f"  {finding}", *(f"      {step}" for step in finding.story)]
            if finding.repair:
                lines.append(f"      repair: {finding.repair}")
            if found is not None:
                lines += _told(self.subject, finding, found, not told)
                told = True
            elif self.status == REFUTED:
                lines.append(f"      not replayed: {NOT_FIRST}")
        if len(self.findings) > limit:
            lines.append(f"  and {len(self.findings) - limit} more findings")
        if self.properties:
            # the proof of one rule uses the others: where one is broken, the rest holds up to that point
            holds = "proved for every timing" if self.status == PROVED else "no timing breaks these before the above"
            lines += [f"{holds}:", *(f"  {text}" for text in self.properties)]
        lines += ["provided that:", *(f"  {text}" for text in self.conditions)]
        numbers = ", ".join(f"{value} {name}" for name, value in self.counts.items())
        lines.append(f"checked: {numbers}")
        lines.append("bounds: none; every task, every order of events, one run from bootstrap to the tail")
        return "\n".join([*lines, f"program: sha256 {self.digest}"])


def _told(program: Program, finding: Finding, found: Replay, whole: bool) -> list[str]:
    hazard = found.hazard
    lines = [f"      replayed: {hazard.rule} at tick {hazard.tick:,} under {_size(found)}"]
    if whole:
        lines += [f"        {line}" for line in timeline(program, finding, found)]
    return lines


def _size(found: Replay) -> str:
    count = sum(len(getattr(found.timing, f.name)) for f in fields(found.timing))
    if count == 0:
        return "the nominal timing"
    return f"a timing with {count} {'entry' if count == 1 else 'entries'}"


def verify(program: Program, *, replays: int = MOST_REPLAYS) -> Verification:
    """Prove a managed program safe for every timing, or show how it goes wrong.

    The first `replays` findings are replayed, and their timings shrunk. The program is refuted only if one of them is
    hit by a run: same rule, task and instance. Raises ScheduleError unless the program is managed.
    """
    verdict = check(program)
    search = Replays(program, verdict)
    findings = list(verdict.findings)
    found: list[Replay | None] = [None] * len(findings)
    for n, finding in enumerate(findings):
        if n < replays or (n < MOST_TRIES and not any(found)):
            found[n] = search.find(finding)
    if findings and not any(found[:replays]):
        # what is wrong everywhere goes wrong somewhere first: whatever a run meets is told first
        hits = ((n, hit) for n, hit in enumerate(found) if hit is not None)
        met = next(hits, None) or search.any_of(findings)
        if met is not None:
            findings.insert(0, findings.pop(met[0]))
            found.insert(0, found.pop(met[0]) or met[1])
    for n, hit in enumerate(found):
        if hit is not None:
            findings[n] = replace(findings[n], undecided="")
            found[n] = shrink(program, findings[n], hit)
    status = verdict.status
    if status != PROVED:
        status = REFUTED if any(found) else UNDECIDED
    if status == UNDECIDED:
        findings = [replace(f, undecided=f.undecided or NOT_SHOWN) for f in findings]
    return Verification(program, verdict, status, tuple(findings), tuple(found))
