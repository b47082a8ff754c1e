"""Programs to IR and back in every phase and mode, drafts, insertion of tasks; one negative test per decode error."""

from collections.abc import Callable

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, Builtin, FloatAttr, IntegerAttr, ModuleOp, StringAttr, f32, i64
from xdsl.dialects.test import Test
from xdsl.parser import Parser
from xdsl.printer import Printer

from wlm_dialect.api import compile_program
from wlm_dialect.dialects.barrier import Barrier
from wlm_dialect.dialects.mgmt_dma import MgmtDma
from wlm_dialect.dialects.task import Task
from wlm_dialect.errors import MachineError, ProgramError
from wlm_dialect.kernels.csr import Csr, int32
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.passes.editing import Insertion, add_to_rows, insert_tasks
from wlm_dialect.program import (
    Barriers,
    Kind,
    Program,
    WorkItems,
    decode_module,
    encode_into,
    encode_module,
    find_graphs,
    module_machine,
    set_module_machine,
)
from wlm_dialect.program.model import Draft

TINY = preset("tiny")  # dma0, dma1, dma_fw, dpu0, shave0
DMA0, DMA1, DPU, SHAVE = 0, 1, 3, 4

GRAPH = """
task.graph @net {
  %in = task.buffer "in" ddr input size 64
  %x = task.buffer "x" cmx 0 scratch size 64 address 128
  %half = task.view %x offset 32 size 32
  %quarter = task.view %half offset 16 size 8
  %a = task.run @dma0 "a" reads(%in) writes(%x) cycles 3 bytes 64 {note = "kept", n = 7 : i64}
  %b = task.run @dpu0 "b" after(%a) reads(%quarter) cycles 4 slots 5
  task.run @dma1 "c" after(%a, %b) cycles 5
}
"""
VIRTUAL = """
task.graph @net phase virtual {
  %v = barrier.declare
  %a = task.run @dma0 "a" updates(%v) cycles 3 {note = "kept"}
  %w = barrier.declare
  %f = mgmt_dma.fetch @dpu0 [0 to 1) slots [1 to 2) on @dma1 updates(%w) cycles 26 bytes 16
  %s = mgmt_dma.sync on @dma0 waits(%w) cycles 10
  %t = barrier.declare tail
  %b = task.run @dpu0 "b" waits(%v) updates(%t) cycles 4 slots 2
}
"""
PHYSICAL = """
task.graph @net phase physical {
  %v = barrier.configure 0 producers 1 consumers 2
  %a = task.run @dma0 "a" updates(%v) cycles 3
  %t = barrier.configure 1 producers 2 consumers 0 tail irq "lifted"
  %b = task.run @dpu0 "b" waits(%v) updates(%t) cycles 4 slots 2 {note = "kept"}
}
"""
PARTIAL = """
task.graph @net phase managed mode partial {
  %v = barrier.configure 0 producers 1 consumers 1 irq "over"
  %t = barrier.configure 1 producers 1 consumers 0 tail irq "lifted"
  mgmt_dma.bootstrap [%v, %t]
  mgmt_dma.work_item @dma0 [0 to 2)
  %f = mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26 bytes 16
  %a = task.run @dma0 "a" updates(%v) cycles 3
  mgmt_dma.work_item @dpu0 [0 to 1) at(%v) done(%f)
  %b = task.run @dpu0 "b" waits(%v) updates(%t) cycles 4
}
"""
FULL = """
task.graph @net phase managed mode full {
  %v = barrier.configure 0 producers 1 consumers 1
  %t = barrier.configure 1 producers 1 consumers 0 tail irq "lifted"
  mgmt_dma.bootstrap [%v, %t]
  mgmt_dma.work_item @dma0 [0 to 4)
  %f = mgmt_dma.fetch @dpu0 [0 to 1) slots [0 to 1) on @dma0 cycles 26 bytes 16 {why = "first"}
  %e = mgmt_dma.enqueue @dpu0 [0 to 1) on @dma0 cycles 14 bytes 4
  %v2 = barrier.configure 0 producers 1 consumers 0
  %p = mgmt_dma.program [%v2] on @dma0 cycles 14 bytes 4
  %a = task.run @dma0 "a" updates(%v) cycles 3
  %b = task.run @dpu0 "b" waits(%v) updates(%t, %v2) cycles 4
}
"""
PHASES = {"graph": GRAPH, "virtual": VIRTUAL, "physical": PHYSICAL, "partial": PARTIAL, "full": FULL}


def parse(text: str) -> ModuleOp:
    """The module in `text`."""
    context = Context()
    for dialect in (Builtin, Task, Barrier, MgmtDma, Test):
        context.load_dialect(dialect)
    return Parser(context, text).parse_module()


def generic(module: ModuleOp) -> str:
    """The module in generic form."""
    from io import StringIO

    out = StringIO()
    Printer(out, print_generic_format=True).print_op(module)
    return out.getvalue()


def read(text: str) -> Program:
    """The one program in `text`, on `tiny`."""
    return decode_module(parse(text), TINY)[0]


ARRAYS = ("kind", "engine", "cycles", "slots", "bytes", "target", "low", "high", "slot", "bootstrap")
TABLES = ("after", "reads", "writes", "waits", "updates", "programs")


def assert_same(one: Program, other: Program) -> None:
    """Equal in everything, barrier numbers included."""
    for name in ("name", "machine", "phase", "mode", "names", "extra"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ARRAYS:
        assert getattr(one, name).tolist() == getattr(other, name).tolist(), name
    for name in TABLES:
        assert getattr(one, name).lists() == getattr(other, name).lists(), name
    for name in ("names", "role"):
        assert getattr(one.buffers, name) == getattr(other.buffers, name), name
    for name in ("memory", "root", "offset", "size", "address"):
        assert getattr(one.buffers, name).tolist() == getattr(other.buffers, name).tolist(), name
    assert one.barriers.tail == other.barriers.tail
    for name in ("pid", "producers", "consumers", "irq"):
        assert getattr(one.barriers, name).tolist() == getattr(other.barriers, name).tolist(), name
    for name in ("engine", "low", "high"):
        assert getattr(one.items, name).tolist() == getattr(other.items, name).tolist(), name
    for name in ("at", "done"):
        assert getattr(one.items, name).lists() == getattr(other.items, name).lists(), name


@pytest.mark.parametrize("text", PHASES.values(), ids=PHASES)
@pytest.mark.parametrize("printed", [str, generic], ids=["custom", "generic"])
def test_a_program_survives_the_ir(text: str, printed: Callable[[ModuleOp], str]) -> None:
    program = read(text)
    module = encode_module(program)
    module.verify()
    back = parse(printed(module))
    back.verify()
    assert_same(program, decode_module(back)[0])
    assert str(encode_module(decode_module(back)[0])) == str(module)


@pytest.mark.parametrize("mode", ["firmware", "partial", "full"])
def test_what_a_pipeline_makes_survives_the_text(mode: str) -> None:
    text = str(compile_program(read(GRAPH), mode).module)
    (program,) = decode_module(parse(text))
    assert (program.phase, program.mode) == ("managed", mode)
    assert str(encode_module(program)) == text
    assert 'cycles 3 bytes 64 {note = "kept", n = 7 : i64}' in text


def test_what_the_decoder_reads() -> None:
    p = read(GRAPH)
    assert p.names == ("a", "b", "c")
    assert p.engine.tolist() == [DMA0, DPU, DMA1]
    assert (p.cycles.tolist(), p.slots.tolist(), p.bytes.tolist()) == ([3, 4, 5], [1, 5, 1], [64, 0, 0])
    assert p.after.lists() == [[], [0], [0, 1]]
    assert (p.reads.lists(), p.writes.lists()) == ([[0], [3], []], [[1], [], []])
    b = p.buffers
    assert (b.root.tolist(), b.offset.tolist(), b.size.tolist()) == ([0, 1, 1, 1], [0, 0, 32, 48], [64, 64, 32, 8])
    assert (b.memory.tolist(), b.address.tolist()) == ([-1, 0, 0, 0], [-1, 128, 128, 128])
    assert {t: {k: str(a) for k, a in e.items()} for t, e in p.extra.items()} == {0: {"note": '"kept"', "n": "7 : i64"}}


def test_what_the_decoder_reads_of_management() -> None:
    p = read(FULL)
    assert p.kind.tolist() == [Kind.FETCH, Kind.ENQUEUE, Kind.PROGRAM, Kind.RUN, Kind.RUN]
    assert p.names[:3] == ("fetch dpu0[0:1]", "enqueue dpu0[0:1]", "program 1 barriers")
    assert (p.target.tolist(), p.low.tolist(), p.high.tolist()) == ([DPU, DPU, -1, -1, -1], [0] * 5, [1, 1, 0, 0, 0])
    assert p.programs.lists() == [[], [], [2], [], []]
    assert (p.bootstrap.tolist(), p.barriers.tail) == ([0, 1], 1)
    assert (p.barriers.previous.tolist(), p.barriers.next.tolist()) == ([-1, -1, 0], [2, -1, -1])
    assert p.barriers.instance.tolist() == [0, 0, 1]
    assert [p.barrier_name(v) for v in range(3)] == ["b0#0", "b1#0", "b0#1"]
    assert p.management == 3
    q = read(PARTIAL)
    assert (q.items.engine.tolist(), q.items.low.tolist(), q.items.high.tolist()) == ([DMA0, DPU], [0, 0], [2, 1])
    assert (q.items.at.lists(), q.items.done.lists()) == ([[], [0]], [[], [0]])


def test_management_without_cycles_takes_what_the_machine_says() -> None:
    p = read(
        "task.graph @net phase managed mode full {\n"
        "  %v = barrier.configure 0 producers 1 consumers 0\n"
        "  mgmt_dma.fetch @dpu0 [0 to 2) slots [0 to 2) on @dma0\n"
        "  mgmt_dma.enqueue @dpu0 [0 to 2) on @dma0\n"
        "  mgmt_dma.program [%v] on @dma0\n"
        "  mgmt_dma.sync on @dma0\n"
        "  mgmt_dma.fetch @dpu0 [2 to 3) slots [0 to 1) on @dma0 bytes 100\n"
        "}"
    )
    # setup 10, then a byte per tick: two descriptors of 16, two words of 4, one of 4, nothing, 100
    assert p.cycles.tolist() == [42, 18, 14, 10, 110]


def test_lists_positions_and_predecessors() -> None:
    p = read(FULL)
    assert [tasks.tolist() for tasks in p.lists] == [[0, 1, 2, 3], [], [], [4], []]
    assert (p.position.tolist(), p.predecessor.tolist()) == ([0, 1, 2, 3, 0], [-1, 0, 1, 2, -1])
    assert p.engine_name(4) == "dpu0"


def test_encoding_into_a_graph_keeps_its_attributes_and_sets_phase_and_mode() -> None:
    module = parse("task.graph @net phase virtual attributes {mine = 1 : i64} {\n}")
    (graph,) = find_graphs(module)
    encode_into(graph, read(FULL))
    assert (graph.phase_name, graph.mode and graph.mode.data, str(graph.attributes["mine"])) == (
        "managed",
        "full",
        "1 : i64",
    )
    encode_into(graph, read(GRAPH))
    assert (graph.phase, graph.mode) == (None, None)
    module.verify()


def test_barriers_without_users_and_items_without_tasks_are_kept() -> None:
    text = (
        "task.graph @net phase managed mode full {\n"
        "  %v = barrier.configure 0 producers 1 consumers 0\n"
        "  %w = barrier.configure 0 producers 2 consumers 0\n"
        "  mgmt_dma.work_item @dma0 [0 to 1)\n"
        "}"
    )
    program = read(text)
    assert_same(program, decode_module(encode_module(program))[0])


def test_instances_of_one_barrier_stay_in_order_however_they_are_used() -> None:
    program = read(
        "task.graph @net phase physical {\n"
        "  %v = barrier.configure 0 producers 1 consumers 0\n"
        "  %w = barrier.configure 0 producers 2 consumers 0\n"
        '  task.run @dma0 "second" updates(%w) cycles 1\n'
        '  task.run @dma0 "first" updates(%v) cycles 1\n'
        "}"
    )
    assert_same(program, decode_module(encode_module(program))[0])


# --- the machine a module carries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dlti", [False, True])
@pytest.mark.parametrize("machine", [TINY, TINY.with_(**{"barriers.count": 3, "management.linked_enqueue": True})])
def test_a_module_carries_its_machine(machine: MachineModel, dlti: bool) -> None:
    module = parse(GRAPH)
    set_module_machine(module, machine, as_dlti=dlti)
    assert (("wlm.machine" in module.attributes), ("dlti.target_system_spec" in module.attributes)) == (not dlti, dlti)
    assert module_machine(module) == machine
    assert decode_module(module)[0].machine == machine


def test_a_machine_given_wins_over_the_one_carried() -> None:
    module = parse(GRAPH)
    set_module_machine(module, preset("npu40xx:1"))
    assert decode_module(module, TINY)[0].machine == TINY


def test_a_module_without_a_machine_has_none() -> None:
    assert module_machine(parse(GRAPH)) is None


@pytest.mark.parametrize(
    ("attribute", "kind", "message"),
    [
        (IntegerAttr(4, i64), ProgramError, "attribute wlm.machine is neither a machine name nor a dictionary"),
        (ArrayAttr([]), ProgramError, "attribute wlm.machine is neither a machine name nor a dictionary"),
        (
            ArrayAttr([FloatAttr(1.0, f32)]),
            ProgramError,
            "attribute wlm.machine holds 1.000000e+00 : f32, which is no string, integer, array or dictionary",
        ),
        (StringAttr("tinny"), MachineError, "unknown machine 'tinny'; did you mean 'tiny'? (or give a .toml file)"),
    ],
)
def test_a_machine_attribute_that_is_none_is_refused(attribute: object, kind: type[Exception], message: str) -> None:
    module = parse(GRAPH)
    module.attributes["wlm.machine"] = attribute  # type: ignore[assignment]
    with pytest.raises(kind) as caught:
        module_machine(module)
    assert str(caught.value) == message


def test_a_machine_dictionary_that_is_wrong_is_refused() -> None:
    module = parse('module attributes {wlm.machine = {base = "tiny", barriers = {cuont = 4 : i64}}} {}')
    with pytest.raises(MachineError) as caught:
        module_machine(module)
    assert str(caught.value) == "attribute wlm.machine: barriers: unknown field 'cuont'; did you mean 'count'?"


# --- decode errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('"test.op"() : () -> ()', "@net: test.op is not an operation of a task graph"),
        ('task.run @dpu1 "a" cycles 1', "@net: machine 'tiny' has no engine @dpu1; did you mean 'dpu0'?"),
        (
            "mgmt_dma.enqueue @dpu7 [0 to 1) on @dma0 cycles 1",
            "@net: machine 'tiny' has no engine @dpu7; did you mean 'dpu0'?",
        ),
        ("mgmt_dma.work_item @gpu [0 to 1)", "@net: machine 'tiny' has no engine @gpu; did you mean 'dpu0'?"),
        ("mgmt_dma.sync on @shave0 cycles 1", "@net: mgmt_dma.sync on @shave0, which is no DMA engine"),
        (
            'task.buffer "x" cmx 1 scratch size 64',
            "@net: buffer 'x' lies in CMX 1, but the machine has 1 tiles",
        ),
        (
            '%x = task.buffer "x" ddr scratch size 64\n%y = task.view %x offset 60 size 5',
            "@net: view [60, 65) of 'x', which has 64 bytes",
        ),
        (
            "barrier.configure 8 producers 1 consumers 0",
            "@net: physical barrier 8, but machine 'tiny' has 8 barriers [H9]",
        ),
        ("barrier.declare tail\nbarrier.declare tail", "@net: two tail barriers; firmware watches one [H10]"),
        (
            '"task.run"(%a) <{engine = @dma0, label = "b", cycles = 1 : i64, '
            "operandSegmentSizes = array<i32: 1, 0, 0, 0, 0>}> : (!task.token) -> !task.token\n"
            '%a = task.run @dma0 "a" cycles 1',
            "@net: a value is used before it is defined; program order must be valid [H7]",
        ),
    ],
)  # fmt: skip
def test_ir_that_is_no_program_is_refused(body: str, message: str) -> None:
    with pytest.raises(ProgramError) as caught:
        read(f"task.graph @net {{\n{body}\n}}")
    assert str(caught.value).splitlines()[0] == message


def test_a_module_without_a_graph_or_a_machine_is_refused() -> None:
    with pytest.raises(ProgramError, match=r"^the module holds no task\.graph$"):
        decode_module(ModuleOp([]), TINY)
    with pytest.raises(ProgramError) as caught:
        decode_module(parse(GRAPH))
    assert str(caught.value) == (
        '@net: no machine model: give --machine, or run wlm-set-machine{machine="npu40xx:4"} first'
    )


# --- drafts --------------------------------------------------------------------------------------------------------


def test_a_draft_becomes_a_program() -> None:
    draft = Draft("net", TINY, "physical")
    a = draft.add(DMA0, "a", 3, updates=[0], bytes=9)
    b = draft.add(DPU, "b", 4, waits=[0], slots=2)
    draft.extra[b] = {"note": StringAttr("kept")}
    barriers = Barriers(int32([5]), int32([1]), int32([2]), int32([0]))
    p = draft.finish(barriers=barriers, bootstrap=[0])
    assert (a, b, len(p)) == (0, 1, 2)
    assert (p.phase, p.mode, p.names) == ("physical", "", ("a", "b"))
    assert (p.producers.lists(), p.consumers.lists()) == ([[0]], [[1]])
    assert p.cycles.dtype == np.int64
    assert p.engine.dtype == np.int32


# --- inserting tasks -----------------------------------------------------------------------------------------------


def chain(*engines: int) -> Program:
    """One task per engine, each after the one before."""
    draft = Draft("net", TINY)
    for n, engine in enumerate(engines):
        draft.add(engine, f"t{n}", n + 1, after=[n - 1] if n else [])
    draft.extra[1] = {"note": StringAttr("kept")}
    return draft.finish()


def sync(before: int, engine: int = DMA0, **fields: object) -> Insertion:
    """A SYNC to insert."""
    return Insertion(before, engine, "sync", Kind.SYNC, 10, **fields)  # type: ignore[arg-type]


def test_insertions_stand_where_they_were_put_and_everything_is_renumbered() -> None:
    done = insert_tasks(chain(DMA0, DPU, DMA0), [sync(1), sync(3, after=(2,)), sync(1, after=(0,))])
    p = done.program
    assert p.names == ("t0", "sync", "sync", "t1", "t2", "sync")
    assert (done.old.tolist(), done.new.tolist()) == ([0, 3, 4], [1, 5, 2])
    assert p.after.lists() == [[], [], [0], [0], [3], [4]]
    assert p.cycles.tolist() == [1, 10, 10, 2, 3, 10]
    assert list(p.extra) == [3]


def test_inserting_nothing_changes_nothing() -> None:
    program = read(FULL)
    assert_same(program, insert_tasks(program, []).program)


def ranged() -> Program:
    """Four tasks on dma0; firmware pushes [0, 1) at bootstrap and [1, 4) later."""
    draft = Draft("net", TINY, "managed", "partial")
    for n in range(4):
        draft.add(DMA0, f"t{n}", 1)
    items = WorkItems(int32([DMA0, DMA0]), int32([0, 1]), int32([1, 4]), Csr.of([[], [0]]), Csr.of([[], []]))
    barriers = Barriers(int32([0]), int32([1]), int32([0]), int32([0]))
    return draft.finish(barriers=barriers, items=items)


@pytest.mark.parametrize(
    ("places", "ranges"),
    [
        ([0], [[0, 2], [2, 5]]),  # before the first: joins it
        ([1], [[0, 2], [2, 5]]),  # between two: joins the first of them
        ([2], [[0, 1], [1, 5]]),
        ([4], [[0, 1], [1, 5]]),  # behind the last: joins it
        ([0, 1, 1, 3, 4], [[0, 4], [4, 9]]),
    ],
)
def test_ranges_of_work_items_grow_with_the_list(places: list[int], ranges: list[list[int]]) -> None:
    items = insert_tasks(ranged(), [sync(place) for place in places]).program.items
    assert [list(pair) for pair in zip(items.low.tolist(), items.high.tolist(), strict=True)] == ranges


def test_ranges_of_enqueues_grow_with_the_list_and_their_names_with_them() -> None:
    draft = Draft("net", TINY, "managed", "full")
    for n, (low, high) in enumerate([(1, 2), (2, 4)]):
        draft.add(DMA1, f"enqueue dma0[{low}:{high}]", 1, kind=Kind.ENQUEUE, target=DMA0, low=low, high=high, bytes=n)
    for n in range(4):
        draft.add(DMA0, f"t{n}", 1)
    p = insert_tasks(draft.finish(), [sync(2), sync(3), sync(4), sync(6)]).program
    # t0 is linked at bootstrap and pushed by none; the sync between t0 and t1 is linked with it
    assert (p.low.tolist()[:2], p.high.tolist()[:2]) == ([3, 5], [5, 8])
    assert p.names[:2] == ("enqueue dma0[3:5]", "enqueue dma0[5:8]")
    assert p.names == decode_module(encode_module(p), TINY)[0].names


def test_ranges_of_other_engines_stay() -> None:
    program = read(FULL)
    p = insert_tasks(program, [sync(0, DMA1)]).program
    assert (p.low.tolist(), p.high.tolist()) == ([0, *program.low.tolist()], [0, *program.high.tolist()])
    assert p.items.high.tolist() == program.items.high.tolist()


def test_fetches_that_items_name_are_renumbered() -> None:
    p = insert_tasks(read(PARTIAL), [sync(0, DMA1)]).program
    assert p.items.done.lists() == [[], [1]]


def test_rows_take_more_values_and_stay_sorted() -> None:
    table = add_to_rows(Csr.of([[3], [], [1, 4]]), [(0, 2), (2, 4), (1, 7), (2, 0)])
    assert table.lists() == [[2, 3], [7], [0, 1, 4]]
