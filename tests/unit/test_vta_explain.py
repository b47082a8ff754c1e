"""What is said about VTA programs: each token, virtual threads, what may overtake what, in plain words."""

from pathlib import Path

import numpy as np

from tests.vta_programs import OUT, assemble, double_buffered, step
from wlm_dialect.passes.vta.explain import Explanation, explain
from wlm_dialect.passes.vta.races import ranges_text, runs
from wlm_dialect.passes.vta.story import tell
from wlm_dialect.program.vta import Memory, Op, VtaProgram, read_folder
from wlm_dialect.program.vta.dump import print_dump, read_dumps

DATA = Path(__file__).parents[1] / "data" / "vta"


def forum() -> Explanation:
    [dump] = read_dumps((DATA / "forum_dump.txt").read_text(), "forum")
    return explain(dump.program, fragment=True)


def two_threads() -> VtaProgram:
    return read_folder(DATA / "tvm_conv_8x8x32_32_vt2_oc")


def roles(told: Explanation) -> dict[str, str]:
    return {p.token.name: p.role for p in told.tokens}


def test_the_dump_of_the_question() -> None:
    told = forum()
    rows = told.rows
    assert [row.queues for row in rows][:6] == [
        (0, 0, 1, 0),
        (0, 0, 2, 0),
        (0, 0, 1, 0),
        (0, 1, 1, 0),
        (0, 1, 0, 0),
        (0, 2, 0, 0),
    ]
    assert [row.thread for row in rows] == [0, 1, 0, 0, 1, 1, 0, 0, 1, 1]
    assert told.threads.by_tokens
    assert rows[2].meaning == "takes the credit of #0 NOP-STORE-STAGE: the buffer is free"
    assert rows[6].overtakes == "#1 NOP-STORE-STAGE and 2 more"
    assert (
        rows[7].meaning
        == "tells compute that the data are there: INP [0, 580), WGT [0, 18) is loaded (popped behind this fragment)"
    )
    assert roles(told) == {
        "l2g#1": "left over",
        "l2g#2": "left over",
        "g2l#1": "credit",
        "g2l#2": "credit",
        "s2g#1": "credit",
        "s2g#2": "credit",
    }


def test_the_answer_to_the_question() -> None:
    answer = "\n".join(tell(forum()))
    assert "2 virtual threads (told from tokens" in answer
    assert "thread 0 uses INP [0, 580), WGT [0, 18); thread 1 uses INP [580, 1160), WGT [18, 36)" in answer
    assert "The fragment ends with 2 tokens in l2g" in answer
    assert "Credits of g2l: #3 GEMM reset -> #6 LOAD INP, #5 GEMM reset -> #8 LOAD INP." in answer
    assert "they say neither what ran when nor that it ends" in answer


def test_what_tokens_protect() -> None:
    told = explain(assemble(double_buffered()))
    tokens = {p.token.name: p for p in told.tokens}
    first = tokens["l2g#1"]
    assert (first.role, first.hazard) == ("data", "RAW")
    assert [(g.memory, g.elements.tolist(), g.before, g.after) for g in first.guarded] == [
        (Memory.INP, [0], (3,), (5,)),
        (Memory.WGT, [0], (4,), (5,)),
    ]
    assert told.without(first) == "#5 GEMM may read INP [0] before #3 LOAD INP has written it"
    again = tokens["g2l#3"]  # the third round overwrites the first buffer
    assert (again.role, again.hazard) == ("data", "WAR")
    assert told.without(again) == "#9 LOAD INP may overwrite INP [0] while #5 GEMM still reads it"
    assert tokens["g2l#1"].role == "credit"
    assert tokens["g2l#1"].droppable
    assert tokens["s2g#1"].role == "completion"
    assert told.without(tokens["s2g#1"]) == "FINISH may come before #15 STORE has ended"
    assert not tokens["s2g#1"].droppable


def test_tokens_without_a_purpose() -> None:
    steps = [step("uop"), step("inp", 0, "push next"), step("gemm", 7, "pop prev"), step("nop2", 0, "push prev")]
    ends = [step("nop0", 0, "push next"), step("nop1", 0, "pop prev", "pop next"), step("finish")]
    told = explain(assemble([*steps, *ends]))
    assert roles(told) == {"l2g#1": "redundant", "l2g#2": "drain", "s2g#1": "drain"}
    assert told.rows[2].meaning == "waits for #1 LOAD INP, which protects no data"
    assert any("Tokens that protect nothing that others do not: 1 of l2g" in line for line in tell(told))


def test_a_program_that_loads_what_it_stores() -> None:
    steps = [step("uop"), step("reset", 0, "push next"), step("store", 0, "pop prev", "push prev")]
    steps += [step("nop1", 0, "pop next", "push prev"), step("inp", 5, "pop next", "push next")]
    program = assemble([*steps, step("nop1", 0, "pop prev"), step("finish")])
    assert roles(explain(program))["g2l#1"] == "credit"
    program.insn["dram"][4] = OUT
    told = explain(program)
    assert roles(told) == {"l2g#1": "completion", "g2l#1": "DRAM", "s2g#1": "completion", "g2s#1": "data"}
    assert "part of the way from a STORE to a LOAD" in told.without(told.tokens[1])


def test_left_missing_and_initial_tokens() -> None:
    steps = [step("nop1", 0, "pop prev"), step("nop0", 0, "push next"), step("nop0", 0, "push next"), step("finish")]
    told = explain(assemble(steps))
    assert roles(told) == {"l2g#1": "drain", "l2g#2": "left over"}
    assert "nobody pops it" in told.rows[2].meaning
    program = assemble(steps)
    told = explain(program.with_(initial_tokens=program.initial_tokens._replace(l2g=1)))
    assert roles(told) == {"l2g#1": "initial", "l2g#2": "left over", "l2g#3": "left over"}
    assert told.rows[0].meaning == "takes a token that was in l2g before"
    told = explain(assemble([step("nop1", 0, "pop prev"), step("finish")]))
    assert roles(told) == {"l2g#1": "missing"}
    assert told.rows[0].meaning == "waits for a token of l2g that never comes"
    assert told.without(told.tokens[0]) == "#0 NOP-COMPUTE-STAGE waits for ever"
    assert any("cannot be executed to its end" in line for line in tell(told))


def test_virtual_threads_from_shared_elements() -> None:
    told = explain(two_threads())
    assert told.threads.count == 2
    assert not told.threads.by_tokens
    lines = "\n".join(tell(told))
    assert "no element is used by both" in lines
    assert "Load and compute overlap: load may have announced up to 2 groups of data" in lines
    assert explain(read_folder(DATA / "svta_matrix_overfitting")).threads.count == 1


def test_threads_that_share_the_accumulators() -> None:
    told = explain(assemble(double_buffered(6)))
    assert told.threads.count == 2
    assert [sorted(m.name for m in part) for part in told.threads.parts] == [["INP", "WGT"], ["INP", "WGT"]]
    loads = [told.threads.of[i] for i in told.flow.lists[0].tolist()]
    assert loads == [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]


def test_threads_told_from_tokens_are_those_told_from_elements() -> None:
    program = two_threads()
    [dump] = read_dumps(print_dump(program), "again")
    by_tokens = explain(dump.program).threads
    by_data = explain(program).threads
    assert by_tokens.by_tokens
    assert by_tokens.count == by_data.count == 2
    told = (by_tokens.of >= 0) & ~program.nop
    assert (by_tokens.of == by_data.of)[told].all()
    loads = np.isin(program.insn["memory"], (Memory.INP, Memory.WGT)) & (program.insn["op"] == Op.LOAD) & ~program.nop
    assert told[loads].all()


def test_one_buffer_alternates() -> None:
    lines = "\n".join(tell(explain(read_folder(DATA / "svta_matrix_overfitting"))))
    assert "Load and GEMM alternate: there is one set of input buffers" in lines
    assert "No virtual threads" in lines


def test_what_may_overtake_what() -> None:
    steps = [step("nop1"), step("nop0", 0, "push next"), step("nop1", 0, "pop prev"), step("nop0"), step("finish")]
    told = explain(assemble(steps))
    # load waits for nobody; compute's second waits for #1, FINISH does not wait for #3
    assert [told.overtakes(i) for i in range(5)] == [
        "",
        "#0 NOP-COMPUTE-STAGE",
        "",
        "#0 NOP-COMPUTE-STAGE and 1 more",
        "#3 NOP-MEMORY-STAGE",
    ]
    chain = [step("nop0", 0, "push next"), step("nop1", 0, "pop prev"), step("finish")]
    assert any("The order listed is the only one" in line for line in tell(explain(assemble(chain))))


def test_equal_instructions_share_a_row() -> None:
    rows = explain(assemble([step("reset"), *(step("store") for n in range(5))])).rows
    assert [(row.first, row.last, row.kind) for row in rows] == [(0, 0, "GEMM reset"), (1, 5, "STORE")]


def test_ranges_in_words() -> None:
    assert ranges_text(np.arange(4)) == "[0, 4)"
    assert ranges_text(np.array([1])) == "[1]"
    assert ranges_text(np.array([0, 1, 5])) == "[0, 2) [5]"
    assert ranges_text(np.arange(0, 20, 2)) == "[0] [2] [4] ... (10 ranges, 10 elements)"
    assert runs(np.array([], np.int32)) == []
