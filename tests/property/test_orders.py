"""Translation validation: no pass loses an order that the graph required."""

import random
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.campaign.mutations import mutate
from tests.campaign.schedules import MODES, random_graph, random_machine
from tests.unit.verify_schedule_cases import FULL, program
from wlm_dialect import api
from wlm_dialect.errors import ScheduleError
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.machine import preset
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.checker.orders import require_orders, required_orders
from wlm_dialect.passes.insert_dependences import InsertDependencesPass
from wlm_dialect.passes.order_tasks import OrderTasksPass
from wlm_dialect.passes.pipelines import PIPELINES
from wlm_dialect.program import Program
from wlm_dialect.tools import pass_runner
from wlm_dialect.tools.wlm_opt import main

TEXT = """builtin.module attributes {wlm.machine = "tiny"} {
  task.graph @net {
    %a = task.run @dma0 "load" cycles 310
    %b = task.run @dpu0 "conv" after(%a) cycles 4200
    %c = task.run @dma1 "store" after(%b) cycles 310
  }
}
"""


@pytest.mark.parametrize("mode", MODES)
def test_every_pass_keeps_every_order(mode):
    """Names a pass that does not; pipelines that reorder and insert are told apart by engine and name."""
    seen = Counter[str]()
    for seed in range(14):
        rng = random.Random(seed)
        graph = random_graph(random_machine(rng, pools=seed % 7 == 6), rng, rng.randint(4, 24))
        if mode == "full" and not any(e.ends_in_order for e in graph.machine.engines_of("dma")):
            continue  # the one thing full mode cannot do without
        orders = required_orders(graph)
        for step in PIPELINES[mode]():
            assert isinstance(step, ProgramPass)
            graph = step.run(graph)
            assert orders.missing(graph) == [], f"seed {seed}: {step.name}"
            seen[step.name] += 1
    assert min(seen[step.name] for step in PIPELINES[mode]()) > 9, seen


def test_passes_that_list_tasks_anew_are_told_by_engine_and_name():
    rng = random.Random(4)
    graph = InsertDependencesPass().run(random_graph(preset("tiny"), rng, 20))
    orders = required_orders(graph)
    listed = OrderTasksPass("list").run(graph)
    assert listed.names != graph.names
    assert len(orders.before) > 5
    assert orders.missing(listed) == []


def test_listing_by_time_keeps_what_only_memory_orders():
    """It did not: conflicts are read off the order of tasks, which it changed without having looked at them."""
    moved = 0
    for seed in range(10):
        graph = random_graph(preset("tiny"), random.Random(seed), 20)
        listed = OrderTasksPass("time").run(graph)
        assert required_orders(graph).missing(listed) == []
        moved += listed.names != graph.names
    assert moved > 5


def test_what_is_lost_is_named():
    lost = 0
    for seed in range(12):
        rng = random.Random(seed)
        graph = random_graph(preset("tiny"), rng, 12)
        orders = required_orders(graph)
        made = api.compile_program(graph, "partial").program
        assert orders.missing(made) == []
        mutant = mutate(made, "drop_wait", rng)
        assert mutant is not None
        missing = orders.missing(mutant)
        lost += bool(missing)
        assert all("no longer starts after the end of" in text for text in missing)
    assert lost > 4


@dataclass(frozen=True)
class Careless(ProgramPass):
    """Forgets what comes after what."""

    name = "careless"

    def transform(self, program: Program) -> Program:
        return program.with_(after=Csr.empty(len(program)))


def test_a_pass_that_loses_orders_is_named():
    rng = random.Random(1)
    graph = random_graph(preset("tiny"), rng, 10).with_(reads=Csr.empty(10), writes=Csr.empty(10))
    with pytest.raises(ScheduleError, match=r"^after careless, @net has lost an order: '\w+' on \w+ no longer starts"):
        api.compile_program(graph, "full", [Careless()], validate=True)
    assert api.compile_program(graph, "full", validate=True).program.phase == "managed"
    many = random_graph(preset("tiny"), rng, 150).with_(reads=Csr.empty(150), writes=Csr.empty(150))
    with pytest.raises(ScheduleError, match=r"\nand \d+ more$"):
        require_orders(required_orders(many), Careless().run(many), "careless")


def test_a_task_that_is_gone_is_named():
    rng = random.Random(1)
    graph = random_graph(preset("tiny"), rng, 3)
    orders = required_orders(graph)
    renamed = graph.with_(names=("other", *graph.names[1:]))
    assert orders.missing(renamed)[0] == f"'t0' on {graph.engine_name(0)} is gone"


def test_only_a_graph_tells_what_is_required():
    with pytest.raises(ScheduleError) as failure:
        required_orders(program(FULL))
    assert str(failure.value) == "@net is in phase managed; what has to be ordered is read off phase graph"


def test_wlm_opt_validates_each_pass(tmp_path, capsys, monkeypatch):
    path = tmp_path / "net.mlir"
    path.write_text(TEXT, encoding="utf-8")
    assert main([str(path), "--pipeline", "full", "--verify-orders", "-o", str(tmp_path / "full.mlir")]) == 0
    assert main([str(tmp_path / "full.mlir"), "--verify-orders"]) == 1
    assert capsys.readouterr().err == (
        "wlm-opt: error: --verify-orders needs a graph in phase graph: later there are barriers, not dependences\n"
    )
    monkeypatch.setattr(pass_runner, "_on_programs", lambda each: Careless())
    assert main([str(path), "-p", "wlm-reduce-dependences", "--verify-orders"]) == 1
    assert capsys.readouterr().err.startswith(
        "wlm-opt: error: in pass 'wlm-reduce-dependences': after wlm-reduce-dependences, @net has lost an order: "
        "'conv' on dpu0 no longer starts after the end of 'load' on dma0"
    )
