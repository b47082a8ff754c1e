"""The answer in plain words: how task-level parallelism comes about in this program."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from wlm_dialect.passes.vta import protection as roles
from wlm_dialect.passes.vta.explain import Explanation
from wlm_dialect.passes.vta.protection import Protection
from wlm_dialect.passes.vta.races import ranges_text
from wlm_dialect.program.vta import QUEUES
from wlm_dialect.program.vta.hardware import POPPER, PUSHER
from wlm_dialect.program.vta.names import MODULES, listed

_L2G, _G2L, _S2G, _G2S = range(4)


def tell(e: Explanation) -> list[str]:
    """Paragraphs, each one line of text."""
    return [*_opening(e), *_threads(e), *_ahead(e), *_credits(e), *_useless(e), *_order(e)]


def _opening(e: Explanation) -> Iterator[str]:
    counts = ", ".join(f"{len(tasks)} in {name}" for tasks, name in zip(e.flow.lists, MODULES, strict=True))
    yield (
        f"{len(e.program)} instructions: {counts}. Each module executes its own in the order listed and does not look "
        "at the others; only tokens hold it back. A pop waits for a token and takes it, a push puts one into a queue "
        "when the instruction has ended. Tokens are counters: the n-th pop of a queue takes its n-th push."
    )
    if e.fragment:
        yield "This is a fragment: there is no FINISH, so nothing is said about the end of the program."
    if not e.ends:
        yield "The program cannot be executed to its end; wlm vta check says who waits for whom."


def _threads(e: Explanation) -> Iterator[str]:
    t = e.threads
    if t.count < 2:
        yield "No virtual threads: all instructions work on the same parts of the scratchpads, or on parts used once."
        return
    parts = []
    for n, part in enumerate(t.parts):
        used = ", ".join(f"{m.name} {ranges_text(elements, 2)}" for m, elements in part.items())
        parts.append(f"thread {n} uses {used}")
    how = "told from tokens, as the micro-ops are not in the text" if t.by_tokens else "no element is used by both"
    yield (
        f"{t.count} virtual threads ({how if t.count == 2 or t.by_tokens else 'no element is used by two'}): "
        f"{'; '.join(parts)}. Their instructions are interleaved in each module's list, and take turns in the same "
        "order in every module; so tokens need not say to which thread they belong."
    )


def _ahead(e: Explanation) -> Iterator[str]:
    """Who may be how far ahead."""
    tiles = e.graph.most(_L2G)
    late = [p for p in e.tokens if p.role == roles.DATA and p.token.queue == _G2L]
    reads = [p for p in e.tokens if p.role == roles.DATA and p.token.queue == _L2G]
    pending = [e.name(p.token.push) for p in e.tokens if p.role == roles.LEFT and p.token.queue == _L2G]
    if e.fragment and pending:
        yield (
            f"The fragment ends with {len(pending)} tokens in l2g: load has announced {len(pending)} groups of data "
            f"({listed(pending)}) before compute took the first. So it does not wait for compute between them; how far "
            "it may go ahead is the number of tokens it finds in g2l."
        )
    if not reads:
        if not pending:
            yield "Compute reads nothing that load wrote, so these two need no tokens for data."
    elif not late:
        yield f"Load overwrites nothing that compute still reads; up to {tiles} groups of loads may wait in l2g."
    elif tiles >= 2:
        yield _overlap(e, late[0], tiles)
    else:
        yield _alternation(e, late[0])
    results = e.graph.most(_G2S)
    if results > 1:
        yield f"Compute may be {results} results ahead of store (tokens in g2s)."


def _overlap(e: Explanation, one: Protection, tiles: int) -> str:
    used = one.guarded[0]
    return (
        f"Load and compute overlap: load may have announced up to {tiles} groups of data in l2g that compute has not "
        "taken yet. While compute works on one part of the buffers, load fills another. It stops only where it would "
        f"overwrite: {e.name(one.token.pop)} waits for {e.name(one.token.push)}, which has to be done with "
        f"{used.memory.name} {ranges_text(used.elements, 2)}."
    )


def _alternation(e: Explanation, one: Protection) -> str:
    return (
        "Load and GEMM alternate: there is one set of input buffers, so load waits for the GEMM that reads them "
        f"({e.name(one.token.pop)} for {e.name(one.token.push)}), and that GEMM waits for load. Splitting the "
        "buffers in two (virtual threads) would let load fill one half while compute reads the other."
    )


def _credits(e: Explanation) -> Iterator[str]:
    """Tokens that open a buffer."""
    for queue in (_G2L, _S2G):
        mine = [p for p in e.tokens if p.role == roles.CREDIT and p.token.queue == queue]
        if mine:
            names = listed([f"{e.name(p.token.push)} -> {e.name(p.token.pop)}" for p in mine], 4)
            pusher, popper = MODULES[PUSHER[queue]], MODULES[POPPER[queue]]
            yield (
                f"Credits of {QUEUES[queue]}: {names}. {pusher.capitalize()} does not use the buffer at that point and "
                f"says so, because {popper} pops before each use of it, the first included. A credit orders no data; "
                f"how many there are says how many buffers {popper} may fill before {pusher} has used one."
            )


def _useless(e: Explanation) -> Iterator[str]:
    count = Counter(QUEUES[p.token.queue] for p in e.tokens if p.role == roles.REDUNDANT)
    if count:
        found = ", ".join(f"{n} of {q}" for q, n in count.items())
        yield f"Tokens that protect nothing that others do not: {found}; each could go, push and pop together."


def _order(e: Explanation) -> Iterator[str]:
    counts = e.overtaken.sum(axis=1)
    early = int(np.count_nonzero(counts))
    if not early:
        yield "The order listed is the only one: every instruction has to wait for all that are listed before it."
        return
    best = int(counts.argmax())
    first, module = e.overtakes(best).partition(" and ")[0], MODULES[int(e.program.module[best])]
    yield (
        f"The order listed is not the order of execution: {early} of {len(e.program)} instructions may start before "
        f"one that is listed earlier, in another module. {e.name(best)} of the {module} module may overtake "
        f"{int(counts[best])}, the first of them {first}. The queue counts of a dump are running sums over the list, "
        "no trace: they say neither what ran when nor that it ends."
    )
