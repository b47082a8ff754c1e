"""Whole networks as task graphs: acyclic, inside memory, free of races, of the expected size and quality."""

from collections import Counter
from functools import lru_cache
from heapq import heapreplace

import numpy as np
import pytest

from tests.property.graph_checks import check_data, check_memory, check_races
from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends import load, network_names
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.machine import MachineModel, preset
from wlm_dialect.program import Program, decode_module, encode_module

pytest.importorskip("onnx")

# Tasks for 1, 2 and 4 tiles, estimated by hand for steps that just fill CMX (fp16). Half is fine, and so is four times
# as many: where memory is small, smaller steps end sooner.
# densenet121 normalizes *before* its convolutions, on concatenations: 61 layers that no convolution can take over.
EXPECTED = {
    "squeezenet": (85, 104, 180),
    "shufflenet": (170, 284, 511),
    "inception_v1": (250, 330, 490),
    "inception_v2": (260, 370, 560),
    "densenet121": (328 * 3 // 2, 424 * 3 // 2, 719 * 3 // 2),
    "resnet50": (458, 369, 436),
    "alexnet": (543, 560, 570),
    "zfnet512": (744, 760, 780),
    "vgg19": (1629, 1543, 1444),
}
MACHINES = ("npu40xx:1", "npu37xx", "npu40xx:4")


@lru_cache(maxsize=32)
def imported(network: str, machine: str) -> Program:
    return load(network, preset(machine))


def ideal(p: Program) -> tuple[int, int]:
    """Makespan of the in-order engines without management, and max(critical path, engine load)."""
    free = [[0] * (e.servers if e.order == "pool" else 1) for e in p.machine.engines]
    end, path = [0] * len(p), [0] * len(p)
    for t, (after, engine, cycles) in enumerate(
        zip(p.after.lists(), p.engine.tolist(), p.cycles.tolist(), strict=True)
    ):
        end[t] = max([free[engine][0], *(end[a] for a in after)]) + cycles
        heapreplace(free[engine], end[t])
        path[t] = cycles + max((path[a] for a in after), default=0)
    load_ = [int(p.cycles[tasks].sum()) // len(free[e]) for e, tasks in enumerate(p.lists)]
    return max(end), max(*path, *load_)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("network", network_names())
def test_graph_is_sound(network: str, machine: str) -> None:
    p = imported(network, machine)
    assert p.phase == "graph"
    assert len(set(p.names)) == len(p)
    assert all("/" in name for name in p.names)
    assert (p.cycles >= 1).all()
    for t, row in enumerate(p.after.lists()):
        assert all(a < t for a in row)
    expected = EXPECTED[network][MACHINES.index(machine)]
    assert expected / 2 <= len(p) <= expected * 4
    check_memory(p)
    b = p.buffers
    roles = Counter(r for n, r in enumerate(b.role) if b.root[n] == n)
    assert roles["input"] == roles["output"] == 1
    assert roles["constant"] > 0
    firmware = [n for n, e in enumerate(p.machine.engines) if e.firmware]
    assert not np.isin(p.engine, firmware).any()
    limit_slots = min(p.machine.barriers.max_producers, p.machine.barriers.max_sum // 2) // p.machine.tiles
    assert p.slots.max() <= min(16, limit_slots)


@pytest.mark.parametrize("network", network_names())
def test_every_byte_is_written_before_it_is_read(network: str) -> None:
    for machine in MACHINES:
        assert check_data(imported(network, machine)) > 10  # and memory is used again


@pytest.mark.parametrize(("network", "machine"), [("squeezenet", "npu40xx:4"), ("resnet50", "npu37xx")])
def test_no_two_tasks_race(network: str, machine: str) -> None:
    assert check_races(imported(network, machine)) > 1000


def test_a_lost_edge_is_a_race() -> None:
    p = imported("squeezenet", "npu40xx:1")
    rows = p.after.lists()
    task = next(t for t, row in enumerate(rows) if len(row) == 1)
    rows[task] = []
    with pytest.raises(AssertionError, match="race"):
        check_races(p.with_(after=Csr.of(rows)))


def test_ir_round_trip() -> None:
    p = imported("squeezenet", "npu37xx")
    (q,) = decode_module(encode_module(p))
    for key in ("names", "after", "reads", "writes", "name", "phase"):
        assert getattr(p, key) == getattr(q, key)
    assert np.array_equal(p.cycles, q.cycles)
    assert np.array_equal(p.buffers.address, q.buffers.address)


def test_same_input_same_program() -> None:
    a, b = imported("shufflenet", "npu40xx:4"), load("shufflenet", preset("npu40xx:4"))
    assert str(encode_module(a)) == str(encode_module(b))


def test_schedules_come_close_to_the_bound() -> None:
    # With four tiles and more, memory lets transfers run ahead; below, CMX parts them into phases (docs/frontends.md).
    ratios = [a / b for a, b in (ideal(imported(n, "npu40xx:4")) for n in network_names())]
    assert sum(ratios) / len(ratios) <= 1.105
    ratios = [a / b for a, b in (ideal(imported(n, m)) for n in network_names() for m in MACHINES)]
    assert sum(ratios) / len(ratios) <= 1.18


def test_work_is_conserved_on_every_machine() -> None:
    """What DPUs compute does not depend on how it is cut, up to rounding; weights are loaded at least once."""
    for machine in MACHINES:
        p = imported("resnet50", machine)
        dpu = [n for n, e in enumerate(p.machine.engines) if e.kind == "dpu"]
        tasks = np.isin(p.engine, dpu)
        busy = int(p.cycles[tasks].sum()) - p.machine.compute.dpu_overhead * int(tasks.sum())
        assert busy == pytest.approx(4_089_184_256 / 716.8, rel=0.03)  # the rest: eltwise, pooling
        weights = sum(
            int(s)
            for s, r, role in zip(
                p.buffers.size, p.buffers.root == np.arange(len(p.buffers)), p.buffers.role, strict=True
            )
            if r and role == "constant"
        )
        assert weights == pytest.approx(51e6, rel=0.01)
        assert int(p.bytes.sum()) >= weights


def machine(**changes: int) -> MachineModel:
    return preset("npu40xx:1").with_(
        **{k.replace("_bytes", "").join(["memory.", "_bytes"]): v for k, v in changes.items()}
    )


def test_a_step_that_fits_no_cmx() -> None:
    with pytest.raises(
        FrontendError, match=r"^layer 'Conv_0': no step of it fits the 2048 bytes of CMX that a tile has"
    ):
        load("resnet50", machine(cmx_bytes=2048))


def test_a_network_that_fits_no_ddr() -> None:
    text = (
        r"^the network needs \d+ bytes of DDR, but machine 'npu40xx:1' has 1000000; the largest tensor is 'Conv_44\.w'"
    )
    with pytest.raises(FrontendError, match=text):
        load("resnet50", machine(ddr_bytes=1_000_000))


def test_machines_without_the_engines() -> None:
    full = preset("npu40xx:1")
    bare = full.with_(engines=tuple(e for e in full.engines if e.kind == "dma"))
    with pytest.raises(FrontendError, match=r"^machine 'npu40xx:1' has no DPU: networks cannot be lowered to it$"):
        load("squeezenet", bare)
    bare = full.with_(engines=tuple(e for e in full.engines if e.kind != "shave"))
    text = r"^layer 'Softmax_0' \(Softmax\) needs a SHAVE, but tile 0 of 'npu40xx:1' has none$"
    with pytest.raises(FrontendError, match=text):
        load("squeezenet", bare)
