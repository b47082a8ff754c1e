"""The checker of VTA programs against all interleavings of small ones, explored one by one by code of its own."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.strategies import SCALE
from tests.vta_programs import COMPUTE, FLAGS, LOAD, STORE, UOPS, Step, assemble, double_buffered, step
from wlm_dialect.passes.vta.check import check
from wlm_dialect.passes.vta.explain import explain
from wlm_dialect.program.vta import Tokens
from wlm_dialect.program.vta.hardware import SIM, Hardware
from wlm_dialect.runtime.vta.replay import replay
from wlm_dialect.runtime.vta.timing import run_timing

# queue: l2g, g2l, s2g, g2s. (module, flag) -> queue
POPS = {(COMPUTE, "pop_prev"): 0, (LOAD, "pop_next"): 1, (COMPUTE, "pop_next"): 2, (STORE, "pop_prev"): 3}
PUSHES = {(LOAD, "push_next"): 0, (COMPUTE, "push_prev"): 1, (STORE, "push_prev"): 2, (COMPUTE, "push_next"): 3}
ALLOWED = {
    LOAD: ("pop_next", "push_next"),
    COMPUTE: FLAGS,
    STORE: ("pop_prev", "push_prev"),
}
KINDS = {
    LOAD: ("inp", "wgt", "nop0"),
    COMPUTE: ("gemm", "gemm", "reset", "alu", "acc", "nop1"),
    STORE: ("store", "nop2"),
}


def touches(s: Step) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    """(elements read, elements written)."""
    match s.kind:
        case "inp" | "wgt" | "acc":
            return set(), {(s.kind, s.at)}
        case "store":
            return {("acc", s.at)}, set()
        case "gemm":
            dst, src, wgt = UOPS[s.at]
            return {("inp", src), ("wgt", wgt), ("acc", dst)}, {("acc", dst)}
        case "reset" | "alu":
            dst = UOPS[s.at][0]
            return ({("acc", dst)} if s.kind == "alu" else set()), {("acc", dst)}
    return set(), set()


@dataclass
class Truth:
    """Everything that can happen in some interleaving."""

    races: set[tuple[int, int]] = field(default_factory=set)
    stuck: bool = False
    left: set[tuple[int, ...]] = field(default_factory=set)
    pending: set[int] = field(default_factory=set)  # what may not have ended when FINISH is executed
    lost: bool = False


State = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], int]
"""Per module how many instructions have started and ended, the tokens of each queue, how many are fetched."""


@dataclass
class Machine:
    """Three modules with their queues. `commands` and `tokens`: what a command or token queue holds (None: any number);
    `held`: an instruction keeps its place until it ends; `saturates`: a full queue drops what is pushed."""

    steps: Sequence[Step]
    commands: int | None = None
    held: bool = True
    tokens: int | None = None
    saturates: bool = False
    truth: Truth = field(default_factory=Truth)

    def __post_init__(self) -> None:
        steps = self.steps
        self.lists = [[i for i, s in enumerate(steps) if s.module == m] for m in range(3)]
        self.pops = [[q for (m, f), q in POPS.items() if m == s.module and f in s.flags] for s in steps]
        self.pushes = [[q for (m, f), q in PUSHES.items() if m == s.module and f in s.flags] for s in steps]
        self.conflicts = {
            (i, j)
            for i, a in enumerate(steps)
            for j, b in enumerate(steps)
            if i < j
            and a.module != b.module
            and (touches(a)[1] & (touches(b)[0] | touches(b)[1]) or touches(b)[1] & touches(a)[0])
        }

    def first(self, initial: Sequence[int]) -> State:
        """Nothing has started."""
        return (0, 0, 0), (0, 0, 0), tuple(initial), 0 if self.commands is not None else len(self.steps)

    def moves(self, state: State) -> Iterator[State]:
        """Every state that may come next."""
        began, ended, _, fetched = state
        if fetched < len(self.steps):
            yield from self.fetch(state)
        for m in range(3):
            if began[m] == ended[m] < len(self.lists[m]):
                yield from self.start(state, m)
            elif began[m] > ended[m]:
                yield from self.end(state, m)

    def fetch(self, state: State) -> Iterator[State]:
        """The next instruction gets into the queue of its module, if there is room."""
        began, ended, queues, fetched = state
        m = self.steps[fetched].module
        inside = sum(1 for i in self.lists[m] if i < fetched)
        gone = ended[m] if self.held else min(inside, ended[m] + 1)
        if inside - gone < (self.commands or 0):
            yield began, ended, queues, fetched + 1

    def start(self, state: State, m: int) -> Iterator[State]:
        """The next instruction of module `m` starts, if it is there and its tokens are."""
        began, ended, queues, fetched = state
        i = self.lists[m][began[m]]
        if i < fetched and all(queues[q] for q in self.pops[i]):
            after = tuple(n - (q in self.pops[i]) for q, n in enumerate(queues))
            yield (*began[:m], began[m] + 1, *began[m + 1 :]), ended, after, fetched

    def end(self, state: State, m: int) -> Iterator[State]:
        """The instruction that module `m` executes ends, if there is room for its tokens or they may get lost."""
        began, ended, queues, fetched = state
        i = self.lists[m][ended[m]]
        full = [q for q in self.pushes[i] if self.tokens is not None and queues[q] >= self.tokens]
        if full and not self.saturates:
            return
        self.truth.lost |= bool(full)
        after = tuple(n + (q in self.pushes[i] and q not in full) for q, n in enumerate(queues))
        yield began, (*ended[:m], ended[m] + 1, *ended[m + 1 :]), after, fetched

    def look(self, state: State) -> None:
        """What is true of a state: what runs at once, and what has not ended when FINISH runs."""
        began, ended, _, _ = state
        running = [self.lists[m][ended[m]] for m in range(3) if began[m] > ended[m]]
        self.truth.races |= {(a, b) for a in running for b in running if (a, b) in self.conflicts}
        if any(self.steps[i].kind == "finish" for i in running):
            self.truth.pending |= {i for m in (LOAD, STORE) for i in self.lists[m][ended[m] :]}

    def look_at_end(self, state: State) -> None:
        """What is true of a state that nothing follows."""
        if all(state[1][m] == len(self.lists[m]) for m in range(3)):
            self.truth.left.add(state[2])
        else:
            self.truth.stuck = True


def explore(steps: Sequence[Step], initial: Sequence[int] = (0, 0, 0, 0), **limits: Any) -> Truth:
    """All states, however the modules take turns. `limits` are those of `Machine`."""
    machine = Machine(steps, **limits)
    todo = [machine.first(initial)]
    seen = set(todo)
    while todo:
        state = todo.pop()
        machine.look(state)
        onward = list(machine.moves(state))
        if not onward:
            machine.look_at_end(state)
        for after in onward:
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return machine.truth


def random_steps(rng: random.Random, *, plausible: bool) -> list[Step]:
    """Up to eleven instructions. Plausible ones pop what is there in the order of the stream, so many are right."""
    out = [step("uop")]
    queues = [0, 0, 0, 0]
    for _ in range(rng.randrange(2, 10)):
        m = rng.randrange(3)
        kind = rng.choice(KINDS[m])
        at = rng.randrange(len(UOPS) if kind in ("gemm", "reset", "alu") else 2)
        flags = set()
        for f in ALLOWED[m]:
            q = POPS.get((m, f), PUSHES.get((m, f)))
            assert q is not None
            if f.startswith("pop"):
                if rng.random() < (0.8 if plausible and queues[q] else 0.0 if plausible else 0.25):
                    flags.add(f)
                    queues[q] -= 1
            elif rng.random() < (0.5 if plausible else 0.3):
                flags.add(f)
                queues[q] += 1
        out.append(Step(kind, at, frozenset(flags)))
    for f, q in (("pop_prev", 0), ("pop_next", 2)):
        while plausible and queues[q] > 0 and len(out) < 13:
            out.append(step("nop1", 0, f))
            queues[q] -= 1
    return [*out, step("finish")]


def shuffled(rng: random.Random, steps: Sequence[Step]) -> list[Step]:
    """The same modules' lists in another interleaving: consumers may be listed before their producers."""
    lists = [[s for s in steps[:-1] if s.module == m] for m in range(3)]
    out = []
    while any(lists):
        out.append(rng.choice([part for part in lists if part]).pop(0))
    return [*out, steps[-1]]


def verdict_classes(steps: Sequence[Step], hardware: Hardware = SIM) -> set[str]:
    return {f.rule for f in check(assemble(steps), hardware).findings}


def true_classes(steps: Sequence[Step], truth: Truth) -> set[str]:
    """Rules that `explore` found broken; V2 and V3 are one here."""
    out = set()
    if truth.stuck:
        out.add("stuck")
    elif any(any(left) for left in truth.left):
        out.add("V4")
    # a NOP that does nothing but push a token that stays in its queue is meant for the next launch
    left = [max(tokens) for tokens in zip(*truth.left, strict=True)]
    for i in truth.pending:
        s = steps[i]
        stays = any(left[q] for (m, f), q in PUSHES.items() if m == s.module and f in s.flags and left)
        if not (s.kind.startswith("nop") and stays and not any(f.startswith("pop") for f in s.flags)):
            out.add("V6")
    if truth.races:
        out.add("V7")
    return out


def classes(rules: set[str]) -> set[str]:
    return {"stuck" if r in ("V2", "V3") else r for r in rules}


def agree(steps: Sequence[Step]) -> set[str]:
    """Check `steps` and compare with all interleavings; what is broken."""
    truth, verdict = explore(steps), check(assemble(steps))
    found = classes({f.rule for f in verdict.findings})
    assert found == true_classes(steps, truth), (steps, verdict.findings, truth)
    for f in verdict.findings:
        if f.rule == "V7":
            assert tuple(sorted((f.task, f.other))) in truth.races, (steps, f)
        if f.order:
            seen = replay(assemble(steps), f.order).observations
            assert any(classes({o.rule}) == classes({f.rule}) for o in seen), (steps, f, seen)
    return found


@pytest.mark.parametrize("plausible", [True, False])
def test_the_checker_agrees_with_all_interleavings(plausible: bool) -> None:
    rng = random.Random(6 + plausible)
    outcomes: dict[str, int] = {}
    for n in range(150 * SCALE):
        steps = random_steps(rng, plausible=plausible)
        found = agree(shuffled(rng, steps) if n % 3 == 0 else steps)
        for rule in found or {"proved"}:
            outcomes[rule] = outcomes.get(rule, 0) + 1
    # vacuity guard: every class occurs
    assert set(outcomes) >= {"V4", "V6", "V7", "proved" if plausible else "stuck"}


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_a_flag_more_or_less_is_refuted_unless_it_does_not_matter(data: st.DataObject) -> None:
    steps = double_buffered(data.draw(st.integers(2, 4)), credits=data.draw(st.booleans()))
    assert agree(steps) == set()
    at = data.draw(st.integers(0, len(steps) - 2))
    flag = data.draw(st.sampled_from(ALLOWED[steps[at].module]))
    mutant = [*steps[:at], steps[at].toggled(flag), *steps[at + 1 :]]
    assert agree(mutant) != set()  # one end of a token without the other never balances


@pytest.mark.parametrize("saturates", [False, True])
def test_finite_queues_agree_with_all_interleavings(saturates: bool) -> None:
    rng = random.Random(8)
    outcomes = {"V12": 0, "V13": 0, "neither": 0}
    for _ in range(110 * SCALE):
        steps = shuffled(rng, random_steps(rng, plausible=True))
        if explore(steps).stuck:
            continue
        limits = {"commands": rng.choice((1, 2, 3)), "held": rng.random() < 0.5, "tokens": rng.choice((1, 2))}
        hardware = Hardware("small", saturates=saturates, **limits)  # type: ignore[arg-type]
        truth = explore(steps, saturates=saturates, **limits)  # type: ignore[arg-type]
        found = verdict_classes(steps, hardware) & {"V12", "V13"}
        times = run_timing(assemble(steps), hardware)
        if saturates:
            bounded = explore(steps, commands=limits["commands"], held=bool(limits["held"]))
            expected = {"V13"} if bounded.stuck else {"V12"} if truth.lost else set()
        else:
            expected = {"V13"} if truth.stuck else set()
            assert (times.outcome == "deadlock") == truth.stuck  # confluent: any timing shows it
        assert found == expected, (steps, hardware)
        assert times.outcome != "hazard" or truth.lost
        outcomes[next(iter(found), "neither")] += 1
    assert outcomes["V13"] >= 4
    assert outcomes["neither"] >= 4
    assert not saturates or outcomes["V12"] >= 4


def test_initial_tokens_and_carry_out_count() -> None:
    rng = random.Random(9)
    right = 0
    for _ in range(70 * SCALE):
        steps = random_steps(rng, plausible=False)
        initial = tuple(rng.randrange(3) for _ in range(4))
        truth = explore(steps, initial)
        if truth.stuck:
            continue
        [left] = truth.left
        exact = assemble(steps, initial_tokens=Tokens(*initial), carry_out=Tokens(*left))
        found = {f.rule for f in check(exact).findings}
        assert not found & {"V2", "V3", "V4"}, (steps, initial)
        wrong = tuple(n + (q == 0) for q, n in enumerate(left))
        other = assemble(steps, initial_tokens=Tokens(*initial), carry_out=Tokens(*wrong))
        assert "V4" in {f.rule for f in check(other).findings}
        right += 1
    assert right >= 10


def test_a_token_that_could_go_can_go_and_no_other_can() -> None:
    """`droppable` against the checker: without both ends of the token the program is as right as before."""
    rng = random.Random(10)
    kept = gone = 0
    for _ in range(70 * SCALE):
        steps = random_steps(rng, plausible=True)
        if agree(steps):
            continue
        for p in explain(assemble(steps)).tokens:
            queue, push, pop = p.token.queue, p.token.push, p.token.pop
            [pushing] = [f for (m, f), q in PUSHES.items() if q == queue and m == steps[push].module]
            [popping] = [f for (m, f), q in POPS.items() if q == queue and m == steps[pop].module]
            without = list(steps)
            without[push] = without[push].toggled(pushing)
            without[pop] = without[pop].toggled(popping)
            right = not check(assemble(without)).findings
            late = {f.rule for f in check(assemble(without)).findings} == {"V6"}
            assert right or not p.droppable or late, (steps, p)
            if p.role in ("data", "completion"):
                assert not right, (steps, p)
                kept += 1
            else:
                gone += right
    assert kept >= 5
    assert gone >= 5
