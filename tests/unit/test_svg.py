"""The picture of a run: every task at its place, nothing that breaks the markup, the same bytes each time."""

from xml.etree import ElementTree

from wlm_dialect import api
from wlm_dialect.machine import preset
from wlm_dialect.program import Program
from wlm_dialect.program.model import Draft
from wlm_dialect.runtime.report import make_report
from wlm_dialect.runtime.run import run
from wlm_dialect.runtime.svg import make_svg

TINY = preset("tiny")
SVG = "{http://www.w3.org/2000/svg}"


def graph(label: str = "layer") -> Program:
    draft = Draft("net", TINY)
    load = draft.add(TINY.engine_index["dma0"], f"{label}0", 300)
    conv = draft.add(TINY.engine_index["dpu0"], f"{label}1", 500, after=[load])
    draft.add(TINY.engine_index["shave0"], f"{label}2", 200, after=[conv])
    return draft.finish()


def picture(program: Program) -> ElementTree.Element:
    return ElementTree.fromstring(make_svg(make_report(run(program))))


def told(svg: ElementTree.Element) -> list[str]:
    return [title.text or "" for title in svg.iter(f"{SVG}title")]


def test_each_task_is_drawn_where_it_ran() -> None:
    program = graph()
    result = run(program)
    svg = picture(program)
    for t, name in enumerate(program.names):
        assert f"{name}: {result.start[t]} to {result.end[t]}" in told(svg)
    boxes = {box[0].text: box for box in svg.iter(f"{SVG}rect") if len(box)}
    box = boxes[f"layer1: {result.start[1]} to {result.end[1]}"]
    assert abs(float(box.get("x", "")) - (74 + 1000 * result.start[1] / result.makespan)) <= 0.1
    assert abs(float(box.get("width", "")) - 1000 * 500 / result.makespan) <= 0.2


def test_firmware_and_barriers_have_rows_where_there_are_any() -> None:
    names = [text.text for text in picture(graph()).iter(f"{SVG}text")]
    assert "firmware" not in names
    assert "barrier 0" not in names
    program = api.compile_program(graph(), "partial").program
    result = run(program)
    svg = picture(program)
    names = [text.text for text in svg.iter(f"{SVG}text")]
    assert "firmware" in names
    for v in range(len(program.barriers)):
        name = program.barrier_name(v)
        assert f"{name}: armed {result.armed[v]}, lifted {result.lifted[v]}, over {result.over[v]}" in told(svg)


def test_names_do_not_end_the_markup() -> None:
    assert any('</title><b x="&' in text for text in told(picture(graph('</title><b x="&'))))


def test_a_run_that_stops_is_drawn_as_far_as_it_came() -> None:
    program = api.load("examples/hang.mlir", "tiny")
    svg = picture(program)
    assert "deadlock at tick" in told(svg)[0]
    assert not any(text.startswith("store:") for text in told(svg))


def test_tasks_of_a_pool_that_overlap_are_on_rows_of_their_own() -> None:
    machine = preset("npu37xx")
    draft = Draft("pool", machine)
    shave = machine.engine_index["shave0"]
    for n in range(2):
        draft.add(shave, f"kernel{n}", 100)
    boxes = [box for box in picture(draft.finish()).iter(f"{SVG}rect") if len(box)]
    assert len({box.get("x") for box in boxes}) == 1
    assert len({box.get("y") for box in boxes}) == 2


def test_equal_runs_give_equal_bytes() -> None:
    program = api.compile_program(graph(), "full").program
    assert make_svg(make_report(run(program))) == make_svg(make_report(run(program)))


def test_a_network_without_tasks_has_a_picture() -> None:
    draft = Draft("none", TINY)
    assert "@none" in make_svg(make_report(run(draft.finish())))
