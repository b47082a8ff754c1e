"""The synthetic networks of the benchmarks: sizes, order, determinism."""

import numpy as np
import pytest

from tests.benchmark_scripts import load_script
from wlm_dialect import api
from wlm_dialect.program import Program
from wlm_dialect.runtime.ideal import bound, ideal

NETWORKS = load_script("networks")
FOUR = api.machine("npu40xx:4")


def _engines(p: Program) -> set[str]:
    return {FOUR.engines[e].name for e in np.unique(p.engine).tolist()}


@pytest.mark.parametrize(("name", "tasks"), [("cnn2", 6560), ("cnn6", 7848)])
def test_cnns_have_the_sizes_of_the_study(name: str, tasks: int) -> None:
    p = NETWORKS.load(name, FOUR)
    assert (len(p), p.phase) == (tasks, "graph")
    tiles = range(2) if name == "cnn2" else range(4)
    expected = {
        "dma0_ddr",
        "dma0_cmx",
        *(f"{kind}{t}{end}" for t in tiles for kind, end in (("dpu", ""), ("shave", "_0"))),
    }
    assert _engines(p) == expected
    assert 1900 < p.cycles.mean() < 3200


def test_a_decoder_layer_has_656_tasks_and_uses_every_engine() -> None:
    one, two = NETWORKS.decoder(FOUR, 1), NETWORKS.decoder(FOUR, 2)
    assert len(two) - len(one) == 656
    assert 32 * 656 >= 20_000
    assert len(_engines(one)) == 4 + 4 + 8
    assert ideal(two).makespan <= 1.05 * bound(two)


@pytest.mark.parametrize("make", [lambda: NETWORKS.cnn(FOUR, 6, 6), lambda: NETWORKS.layered(FOUR, 90)])
def test_tasks_are_listed_in_time_order_and_the_same_each_time(make: object) -> None:
    p, again = make(), make()  # type: ignore[operator]
    start = ideal(p).start
    assert (np.diff(start) >= 0).all()
    assert api.dump_graph(p) == api.dump_graph(again)
    assert all(a < t for t, row in enumerate(p.after.lists()) for a in row)


def test_seeds_differ_and_names_are_known() -> None:
    assert api.dump_graph(NETWORKS.cnn(FOUR, 3, 2, seed=1)) != api.dump_graph(NETWORKS.cnn(FOUR, 3, 2, seed=2))
    assert NETWORKS.network_names()[-3:] == ("cnn2", "cnn6", "decoder")
    assert len(NETWORKS.load("squeezenet", FOUR)) == len(api.load("squeezenet", FOUR))
