"""The checker of VTA programs, rule by rule: a right program, one edit, the exact words; and the recorded programs."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.vta_programs import DRAM, OUT, assemble, double_buffered, step
from wlm_dialect.errors import UsageError
from wlm_dialect.passes.vta.check import check, hardware_of, with_kernels
from wlm_dialect.passes.vta.findings import RULES, VtaVerdict
from wlm_dialect.program.vta import UOP, Config, Memory, Op, Tokens, read_folder
from wlm_dialect.program.vta.dump import read_dumps
from wlm_dialect.program.vta.hardware import HARDWARE, Hardware, find_hardware
from wlm_dialect.runtime.vta.replay import replay

DATA = Path(__file__).parents[1] / "data" / "vta"
PROGRAMS = sorted(p.name for p in DATA.iterdir() if p.is_dir())
WRONG = {
    "neg_circular_l2g_g2l": ("V3", "deadlock, each waits for the next: #0 LOAD INP -> #1 LOAD UOP -> #0 LOAD INP"),
    "neg_finish_before_store": ("V6", "early FINISH: #32 FINISH does not wait for #28 STORE of the store module"),
    "neg_leftover_g2l": ("V4", "1 tokens are left in g2l (compute to load), 0 declared by carry_out"),
    "neg_missing_push_next_from_load": (
        "V2",
        "#4 GEMM waits for token 1 of l2g (load to compute) for ever: 0 are pushed",
    ),
    "neg_no_finish": ("V5", "stream without FINISH: the host waits for ever"),
    "neg_war_race_missing_g2l": ("V7", "WAR race: #9 LOAD INP writes INP [0, 16), which #5 GEMM reads"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_recorded_programs(name: str) -> None:
    with (DATA / "INDEX.tsv").open() as stream:
        expected = {row["name"]: row["expect"] for row in csv.DictReader(stream, delimiter="\t")}
    program = read_folder(DATA / name)
    verdict = check(program)
    assert verdict.status == ("proved" if expected[name] == "ok" else "refuted")
    if name in WRONG:
        rule, text = WRONG[name]
        first = verdict.findings[0]
        assert (first.rule, first.text[: len(text)]) == (rule, text)
        assert replay(program, first.order).first(rule) is not None


def test_some_recorded_programs_are_wrong() -> None:
    assert set(WRONG) <= set(PROGRAMS)
    assert len(PROGRAMS) > len(WRONG)


def only(verdict: VtaVerdict) -> str:
    [finding] = verdict.findings
    return str(finding)


def test_a_right_program_is_proved_with_its_conditions() -> None:
    verdict = check(assemble(double_buffered()))
    assert verdict.status == "proved"
    report = verdict.report()
    assert "no data race: conflicting accesses of INP, WGT, ACC and of DRAM are ordered" in report
    assert "command and dependence queues are as long as it takes" in report
    assert "checked: 18 instructions, 4 tokens of l2g, 4 tokens of g2l, 1 tokens of s2g, 1 tokens of g2s" in report


def test_flags_that_lead_nowhere() -> None:
    for kind, flag, module in (
        ("inp", "pop prev", "load"),
        ("nop0", "push prev", "load"),
        ("store", "pop next", "store"),
    ):
        steps = [step(kind, 0, flag), *double_buffered()]
        found = [f for f in check(assemble(steps)).findings if f.rule == "V1"]
        assert len(found) == 1
        assert f"{flag}, but the {module} module has no such neighbour" in found[0].text


def test_an_opcode_that_does_not_exist() -> None:
    program = assemble(double_buffered())
    program.insn["op"][3] = 6
    assert any(f.rule == "V1" and f.text == "#3 opcode 6: VTA has no such opcode" for f in check(program).findings)


def test_who_waits_for_whom_is_told() -> None:
    steps = [step("inp", 0, "pop next", "push next"), step("gemm", 0, "pop prev", "push prev"), step("finish")]
    [finding] = check(assemble(steps)).findings
    assert finding.text == "deadlock, each waits for the next: #0 LOAD INP -> #1 GEMM -> #0 LOAD INP"
    assert finding.story == (
        "load: #0 LOAD INP waits for a token of g2l; #1 GEMM would push it",
        "compute: #1 GEMM waits for a token of l2g; #0 LOAD INP would push it",
    )


def test_finish_comes_once_and_last() -> None:
    steps = [*double_buffered(), step("nop1"), step("finish")]
    assert only(check(assemble(steps))).startswith(
        "#18 NOP-COMPUTE-STAGE comes after #17 FINISH: FINISH has to be the last"
    )


def test_a_declared_token_may_stay_and_an_undeclared_one_not() -> None:
    steps = [*double_buffered()[:-1], step("nop2", 0, "push prev"), step("finish")]
    declared = assemble(steps, carry_out=Tokens(s2g=1))
    assert check(declared).status == "proved"
    assert check(assemble(steps)).findings[0].text.startswith("1 tokens are left in s2g (store to compute), 0 declared")
    right = assemble(double_buffered(), carry_out=Tokens(s2g=1))
    assert only(check(right)) == "carry_out declares 1 tokens in s2g (store to compute) but 0 are left [V4]"


def test_the_second_launch_finds_what_the_first_left() -> None:
    steps = [*double_buffered()[:-1], step("nop2", 0, "push prev"), step("finish")]
    twice = check(assemble(steps, carry_out=Tokens(s2g=1), launches=2))
    assert [f.rule for f in twice.findings] == ["V4", "V6"]  # the token of launch 1 stands in for the store of launch 2
    assert "before the launch the queues hold: s2g 1" in twice.conditions


def test_store_and_load_of_the_same_dram() -> None:
    base = double_buffered()
    last = [step("inp", 5, "push next"), step("nop1", 0, "pop prev", "pop next"), step("finish")]
    program = assemble([*base[:-2], *last])
    load = len(program) - 3
    assert check(program).status == "proved"
    program.insn["dram"][load] = OUT  # what the STORE before it writes, but nothing makes it wait
    [finding] = check(program).findings
    text = f"RAW race: #{load} LOAD INP reads DRAM bytes [0xa000, 0xa010), which #{load - 1} STORE writes, and no token"
    assert finding.text.startswith(text)
    assert finding.rule == "V8"
    assert replay(program, finding.order).first("V8") is not None
    waiting = [*base[:-2], step("nop1", 0, "pop next", "push prev"), step("inp", 5, "pop next", "push next")]
    routed = assemble([*waiting, step("nop1", 0, "pop prev"), step("finish")])
    routed.insn["dram"][load + 1] = OUT
    assert check(routed).status == "proved"


def test_indices_beyond_the_end() -> None:
    program = assemble(double_buffered())
    load = next(i for i in range(len(program)) if program.insn["memory"][i] == Memory.INP)
    program.insn["sram"][load] = 2048
    assert any(str(f) == f"#{load} LOAD INP: element 2048 of INP, which has 2048 [V9]" for f in check(program).findings)
    gemm = next(i for i in range(len(program)) if program.insn["op"][i] == Op.GEMM and not program.insn["reset"][i])
    for name, memory, factor in (("dst", "ACC", 1024), ("src", "INP", 1024), ("wgt", "WGT", 512)):
        program = assemble(double_buffered())
        program.insn["iter_in"][gemm] = 3
        program.insn[f"{name}_in"][gemm] = factor
        assert f"#{gemm} GEMM: element {2 * factor} of {memory}, which has {2 * factor} [V9]" in check(program).report()
    program = assemble([step("uop"), step("alu"), step("finish")])
    program.insn["src_out"][1], program.insn["iter_out"][1] = 2047, 3
    assert check(program).status == "proved"  # with an immediate it reads no source
    program.insn["use_imm"][1] = 0
    assert only(check(program)) == "#1 ALU add: element 4094 of ACC, which has 2048 [V9]"
    program = assemble([step("inp"), step("nop0", 0, "push next"), step("nop1", 0, "pop prev"), step("finish")])
    program.insn["x"][0] = program.insn["y"][0] = 65535  # fits the fields, and no memory
    assert only(check(program)) == "#0 LOAD INP: element 4294836224 of INP, which has 2048 [V9]"
    program = assemble(double_buffered())
    store = next(i for i in range(len(program)) if program.insn["op"][i] == Op.STORE)
    program.insn["pad_left"][store] = 1
    assert only(check(program)) == f"#{store} STORE: a STORE has no padding [V9]"
    program.insn["pad_left"][store] = 0
    program.insn["memory"][store] = Memory.ACC
    assert only(check(program)).startswith(f"#{store} STORE: memory id 3; only STORE has 4 (OUT)")
    program = assemble(double_buffered())
    program.insn["memory"][0] = 7
    assert any(str(f) == "#0 LOAD memory 7: VTA has no such memory [V9]" for f in check(program).findings)


def test_a_fragment_says_nothing_about_its_end() -> None:
    [dump] = read_dumps((DATA / "forum_dump.txt").read_text(), "forum")
    verdict = check(dump.program, fragment=True)
    assert verdict.status == "proved"
    assert "this is a fragment: what comes after its last instruction is not known" in verdict.conditions
    whole = check(dump.program)
    assert {f.rule for f in whole.findings} == {"V4", "V5"}


def test_a_fragment_may_wait_for_what_comes_behind_it() -> None:
    steps = [step("inp", 0, "pop next"), step("gemm", 0)]
    verdict = check(assemble(steps), fragment=True)
    assert verdict.status == "proved"
    assert any("1 instructions wait for tokens pushed there and are not checked" in c for c in verdict.conditions)


def test_without_micro_ops_a_race_is_undecided() -> None:
    program = assemble([step("gemm", 0, "push prev"), step("inp", 0), step("finish")]).with_(segments=())
    verdict = check(program, fragment=True)
    assert verdict.status == "undecided"
    assert "#0 GEMM and #1 LOAD INP are not ordered and may use the same elements of INP" in only(verdict)


def test_micro_ops_that_the_program_stores_are_undecided() -> None:
    program = assemble(double_buffered())
    store = next(i for i in range(len(program)) if program.insn["op"][i] == Op.STORE)
    program.insn["dram"][store] = DRAM[Memory.UOP] * 4 // 16
    found = {f.rule: f for f in check(program).findings}
    assert "loads micro-ops from where the program stores" in str(found["V7"])
    assert found["V7"].undecided


def test_kernels_of_a_dump_are_where_the_runtime_puts_them() -> None:
    program = assemble(double_buffered())
    kernels = (np.array([(0, 0, 0), (0, 0, 1)], UOP), np.array([(1, 1, 1)] * 6, UOP))
    placed = with_kernels(program.with_(segments=(), kernels=kernels))
    [segment] = placed.segments
    assert (segment.address, len(segment.data)) == (0x1000, 32)
    short = program.with_(segments=(), kernels=kernels[:1])
    assert with_kernels(short) is short  # where the two are is not known


# ---- hardware


def test_stale_out() -> None:
    chisel, hls = HARDWARE["chisel"], HARDWARE["hls"]
    tail = [step("nop1", 0, "push next"), step("store", 0, "pop prev", "push prev"), step("nop1", 0, "pop next")]
    never = assemble([*tail, step("finish")])
    assert check(never).status == "proved"
    assert "#1 STORE stores OUT [0], which no GEMM or ALU ever wrote [V10]" in check(never).report()
    assert only(check(never, chisel)).startswith("#1 STORE stores OUT [0], which no GEMM or ALU ever wrote")
    loaded = assemble([step("acc"), *tail, step("finish")])
    assert "was loaded and not touched by a GEMM or ALU since" in only(check(loaded, hls))
    assert replay(loaded, (), hls).first("V10") is not None
    reset = assemble([step("uop"), step("reset"), *tail, step("finish")])
    assert check(reset, hls).status == "proved"
    assert "a GEMM reset cleared" in only(check(reset, chisel))
    assert replay(reset, (), chisel).first("V10") is not None
    touched = assemble([step("uop"), step("acc"), step("alu"), *tail, step("finish")])
    assert check(touched, chisel).status == "proved"
    assert "nothing that chisel does differently" in check(touched, chisel).report()


def test_micro_op_memory() -> None:
    program = assemble([step("uop"), step("finish")])
    program.insn["sram"][0] = 2044
    assert check(program, HARDWARE["hls"]).status == "proved"
    assert only(check(program, HARDWARE["chisel"])) == "#0 LOAD UOP uses micro-op 2051, but chisel has 2048 [V11]"


def flood(count: int) -> list[str]:
    """Rules broken on Chisel by `count` tokens in a queue before the first is taken."""
    steps = [step("nop0", 0, "push next")] * count + [step("nop1", 0, "pop prev")] * count + [step("finish")]
    return [f.rule for f in check(assemble(steps), HARDWARE["chisel"]).findings]


def test_saturating_semaphores() -> None:
    assert flood(255) == []
    assert flood(256) == ["V12"]
    assert flood(600) == ["V12"]


def test_a_lost_token_shows_in_the_replay() -> None:
    steps = [step("nop0", 0, "push next")] * 256 + [step("nop1", 0, "pop prev")] * 256 + [step("finish")]
    program = assemble(steps)
    [finding] = check(program, HARDWARE["chisel"]).findings
    assert finding.text.startswith(
        "#255 NOP-MEMORY-STAGE may push into l2g (load to compute) when 255 tokens are in it"
    )
    seen = replay(program, finding.order, HARDWARE["chisel"])
    assert [(o.rule, o.instruction) for o in seen.observations] == [("V12", 255)]


def test_command_queues() -> None:
    """Compute waits for load, whose instruction is listed behind too many others of compute."""

    def listed(behind: int) -> list[str]:
        steps = [step("nop1", 0, "pop prev")] + [step("nop1")] * behind + [step("nop0", 0, "push next"), step("finish")]
        return [f.rule for f in check(assemble(steps), HARDWARE["chisel"]).findings]

    assert listed(511) == []
    assert listed(512) == ["V13"]
    hls = Hardware("hls", 512, False, 1024)
    steps = [step("nop1", 0, "pop prev")] + [step("nop1")] * 512 + [step("nop0", 0, "push next"), step("finish")]
    assert check(assemble(steps), hls).status == "proved"  # the one that waits has left the queue


def test_arithmetic_differs() -> None:
    chisel, hls = HARDWARE["chisel"], HARDWARE["hls"]
    program = assemble([step("uop"), step("alu"), step("finish")])
    program.insn["iter_in"][1] = 0
    assert "a loop of no rounds is one of 2^14 on chisel" in only(check(program, chisel))
    program.insn["iter_in"][1] = 1
    program.insn["alu"][1] = 4
    assert "#1 ALU mul is never dispatched on chisel" in only(check(program, chisel))
    assert "#1 ALU mul does nothing on hls" in only(check(program, hls))
    program.insn["alu"][1] = 3
    program.insn["imm"][1] = 16
    assert check(program, chisel).status == "proved"
    assert only(check(program, hls)) == "#1 ALU shr by 16: hls takes 5 bits of the amount, signed [V14]"
    program.insn["imm"][1] = 1
    program.insn["uop_end"][1] = 2  # dst 0 twice in a row
    assert check(program, hls).status == "proved"
    assert "consecutive micro-ops use the same element; chisel asks for a bypass" in only(check(program, chisel))


def test_the_configuration_names_the_hardware() -> None:
    for target, name in (("sim", "sim"), ("tsim", "chisel"), ("pynq", "hls"), ("somewhere", "sim")):
        program = assemble(double_buffered()).with_(config=Config(target=target))
        assert hardware_of(program).name == name
    assert find_hardware("de10nano").name == "chisel"
    with pytest.raises(UsageError, match=r"unknown VTA hardware 'chissel'; did you mean 'chisel'\?"):
        find_hardware("chissel")


def test_every_rule_is_tried_here() -> None:
    text = Path(__file__).read_text()
    assert [rule for rule in RULES if f'"{rule}"' not in text and f"[{rule}]" not in text] == []
