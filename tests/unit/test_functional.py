"""Schedules compute what onnxruntime computes: one small model per op and attribute, cut into tiles and steps."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import helper

from tests.small_models import chain, model, random, save
from wlm_dialect import api
from wlm_dialect.errors import FrontendError, SimulationError, UsageError
from wlm_dialect.frontends.numbers import Numbers
from wlm_dialect.machine import preset
from wlm_dialect.program import Kind
from wlm_dialect.program.payload import LayerWork
from wlm_dialect.program.regions import Region, Shape
from wlm_dialect.runtime.conflicts import conflicts
from wlm_dialect.runtime.functional import Functional
from wlm_dialect.runtime.functional.check import TOLERANCES, Comparison, compare
from wlm_dialect.runtime.functional.kernels import compute
from wlm_dialect.runtime.functional.late import late, late_engines, late_kinds
from wlm_dialect.runtime.functional.memory import Memory
from wlm_dialect.runtime.functional.oracle import oracle
from wlm_dialect.runtime.functional.plain import Plain
from wlm_dialect.runtime.timing import Timing

MACHINE = preset("npu40xx:2").with_(**{"memory.cmx_bytes": 24_000})
node = helper.make_node
X = [1, 8, 12, 10]


def conv(*dims: int, **attributes: Any) -> tuple[list[Any], dict[str, Any]]:
    return [node("Conv", ["x", "w"], ["y"], **attributes)], {"w": random(1, *dims)}


def unary(op: str, **attributes: Any) -> tuple[list[Any], dict[str, Any]]:
    return [node(op, ["x"], ["y"], **attributes)], {}


def after_conv(*nodes: Any, **constants: Any) -> tuple[list[Any], dict[str, Any]]:
    return [node("Conv", ["x", "w", "b"], ["a"]), *nodes], {
        "w": random(1, 32, 8, 1, 1),
        "b": random(2, 32),
        **constants,
    }


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


PER_CHANNEL = 1 + 0.5 * random(7, 32).reshape(1, 32, 1, 1)
BATCH_NORM = {k: 1 + 0.2 * random(n, 32) for n, k in enumerate("sbm")} | {"v": (1 + 0.2 * random(9, 32)) ** 2}
CASES = {
    "conv": conv(40, 8, 3, 3, pads=[1, 1, 1, 1]),
    "conv strides": conv(16, 8, 3, 3, strides=[2, 2], pads=[1, 0, 0, 1]),
    "conv dilations": conv(16, 8, 3, 3, dilations=[2, 2], pads=[2, 2, 2, 2]),
    "conv groups": conv(48, 2, 3, 3, group=4, pads=[1, 1, 1, 1]),
    "conv depthwise": conv(8, 1, 3, 3, group=8, pads=[1, 1, 1, 1]),
    "conv same upper": conv(16, 8, 2, 4, auto_pad="SAME_UPPER", strides=[2, 1]),
    "conv same lower": conv(16, 8, 4, 2, auto_pad="SAME_LOWER"),
    "max pool": unary("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "max pool ceil": unary("MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
    "average pool": unary("AveragePool", kernel_shape=[3, 2], strides=[1, 2], pads=[1, 0, 1, 1]),
    "average pool padded": unary("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
    "global average": unary("GlobalAveragePool"),
    "global max": unary("GlobalMaxPool"),
    "lrn": unary("LRN", size=5, alpha=0.3, beta=0.7, bias=2.0),
    "softmax": unary("Softmax", axis=1),
    "softmax of rows": unary("Softmax", axis=2),
    "log softmax": unary("LogSoftmax", axis=-1),
    "reduce mean": unary("ReduceMean", axes=[2, 3], keepdims=0),
    "reduce max": unary("ReduceMax", axes=[1]),
    "sigmoid": unary("Sigmoid"),
    "erf": unary("Erf"),
    "elu": unary("Elu", alpha=0.5),
    "transpose": unary("Transpose", perm=[0, 2, 3, 1]),
    "relu alone": unary("Relu"),
    "leaky": after_conv(node("LeakyRelu", ["a"], ["y"], alpha=0.2)),
    "clip": after_conv(node("Clip", ["a", "lo", "hi"], ["y"]), lo=np.float32(-0.2), hi=np.float32(0.3)),
    "prelu": after_conv(node("PRelu", ["a", "s"], ["y"]), s=random(3, 32, 1, 1)),
    "batch norm": after_conv(node("BatchNormalization", ["a", *"sbmv"], ["y"]), **BATCH_NORM),
    "batch norm after relu": after_conv(
        node("Relu", ["a"], ["r"]), node("BatchNormalization", ["r", *"sbmv"], ["y"]), **BATCH_NORM
    ),
    "batch norm of a shared value": after_conv(
        node("BatchNormalization", ["a", *"sbmv"], ["n"]), node("Add", ["n", "a"], ["y"]), **BATCH_NORM
    ),
    "scale and shift": after_conv(
        node("Mul", ["a", "c"], ["m"]), node("Sub", ["c", "m"], ["s"]), node("Div", ["s", "c"], ["y"]), c=PER_CHANNEL
    ),
    "constant over value": after_conv(
        node("Sigmoid", ["a"], ["s"]), node("Add", ["s", "c"], ["t"]), node("Div", ["c", "t"], ["y"]), c=np.float32(2)
    ),
    "max with a constant": after_conv(node("Max", ["a", "c"], ["y"]), c=np.float32(0.1)),
    "residual": after_conv(
        node("Conv", ["a", "w2"], ["b2"]), node("Add", ["a", "b2"], ["y"]), w2=random(4, 32, 32, 1, 1)
    ),
    "concat": after_conv(node("Relu", ["x"], ["r"]), node("Concat", ["a", "r", "x"], ["y"], axis=1)),
    "concat twice": after_conv(
        node("Concat", ["a", "x"], ["c"], axis=1), node("Concat", ["c", "a"], ["d"], axis=1), node("Relu", ["d"], ["y"])
    ),
    "concat of rows": after_conv(node("Concat", ["a", "a"], ["y"], axis=2)),
    "slice": after_conv(node("Slice", ["a", "lo", "hi", "ax"], ["y"]), lo=ints(3, 1), hi=ints(9, 20), ax=ints(2, 1)),
    "split": after_conv(node("Split", ["a", "n"], ["p", "q"], axis=1), node("Mul", ["p", "q"], ["y"]), n=ints(16, 16)),
    "gather": after_conv(node("Gather", ["a", "i"], ["y"], axis=1), i=ints(5, 0, 31)),
    "flatten and gemm": after_conv(
        node("GlobalAveragePool", ["a"], ["p"]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "w2", "b2"], ["y"], transB=1, alpha=0.5, beta=2.0),
        w2=random(5, 20, 32),
        b2=random(6, 20),
    ),
    "channel shuffle": after_conv(
        node("Reshape", ["a", "s5"], ["r"]),
        node("Transpose", ["r"], ["t"], perm=[0, 2, 1, 3, 4]),
        node("Reshape", ["t", "s4"], ["u"]),
        node("Relu", ["u"], ["y"]),
        s5=ints(1, 4, 8, 12, 10),
        s4=ints(1, 32, 12, 10),
    ),
    "matmul of two values": after_conv(
        node("Reshape", ["a", "s"], ["r"]),
        node("Transpose", ["r"], ["t"], perm=[0, 2, 1]),
        node("MatMul", ["r", "t"], ["y"]),
        s=ints(4, 8, 120),
    ),
    "matmul of a constant left": ([node("MatMul", ["m", "x"], ["y"])], {"m": random(8, 20, 12)}),
    "layer norm": (
        [node("Reshape", ["x", "d"], ["r"]), node("LayerNormalization", ["r", "s", "b"], ["y"], axis=-1)],
        {"d": ints(1, 96, 10), "s": 1 + random(1, 10), "b": random(2, 10)},
    ),
    "where": ([node("Less", ["x", "z"], ["l"]), node("Where", ["l", "z", "x"], ["y"])], {"z": np.float32(0)}),
    "quantized": (
        [
            node("QuantizeLinear", ["x", "sx", "zx"], ["q"]),
            node("DequantizeLinear", ["q", "sx", "zx"], ["d"]),
            node("DequantizeLinear", ["wq", "sw", "zw"], ["w"]),
            node("Conv", ["d", "w"], ["c"]),
            node("Relu", ["c"], ["r"]),
            node("QuantizeLinear", ["r", "sr", "zr"], ["p"]),
            node("DequantizeLinear", ["p", "sr", "zr"], ["y"]),
        ],
        {
            "sx": np.float32(0.03),
            "zx": np.int8(-3),
            "wq": (50 * random(1, 40, 8, 1, 1)).astype(np.int8),
            "sw": np.float32(0.02),
            "zw": np.int8(0),
            "sr": np.float32(0.011),
            "zr": np.uint8(7),
        },
    ),
    "power": ([node("Abs", ["x"], ["a"]), node("Pow", ["a", "e"], ["y"])], {"e": np.float32(1.5)}),
}


def computed(made: Any, folder: Path, machine: Any = MACHINE, dtype: str = "float32") -> tuple[Numbers, Comparison]:
    numbers = api.load_numbers(save(made, folder), machine)
    program = api.compile_program(numbers.program, "full").program
    functional = Functional(program, numbers.constants, dtype)
    inputs = api.sample_inputs(program, 3, numbers.model)
    values = [layer.value for layer in functional.payload.layers]
    reference = oracle(numbers.model, inputs, values)
    result = api.run(program)
    return numbers, compare(functional, result, inputs, reference, TOLERANCES[dtype], layers=True)


@pytest.mark.parametrize("name", CASES)
def test_op(name: str, tmp_path: Path) -> None:
    nodes, constants = CASES[name]
    made = model(nodes, X, {k: np.asarray(v) for k, v in constants.items()}, opset=17 if name == "layer norm" else 13)
    numbers, found = computed(made, tmp_path)
    assert found.agrees, (found.outputs, found.first)
    assert found.first is None
    inputs = api.sample_inputs(numbers.program, 3)
    functional = Functional(numbers.program, numbers.constants)
    whole = Plain(functional.payload, numbers.constants).run(inputs)
    for output, values in found.results.items():
        np.testing.assert_allclose(values, whole[output], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", api.MODES)
def test_every_timing_gives_the_same_bytes(mode: Any, tmp_path: Path) -> None:
    numbers = api.load_numbers(save(chain(), tmp_path), MACHINE)
    program = api.compile_program(numbers.program, mode).program
    functional = Functional(program, numbers.constants)
    inputs = api.sample_inputs(program, 0)
    timings = [None, *(t for _, t in late_engines(program)), *(t for _, t in late_kinds(program))]
    timings += [Timing.adversarial(program, 1), Timing.heavy_tail(program, 2)]
    seen = set()
    for timing in timings:
        result = api.run(program, timing=timing)
        assert result.outcome == "finished"
        seen.add(functional.run(result.start, result.end, inputs)["y"].tobytes())
    assert len(seen) == 1


def test_a_lost_wait_gives_wrong_numbers(tmp_path: Path) -> None:
    """One wait at a time is lost; where a late producer then breaks an order that data needs, numbers are wrong."""
    numbers = api.load_numbers(save(chain(), tmp_path), MACHINE)
    program = api.compile_program(numbers.program, "full").program
    inputs = api.sample_inputs(program, 0)
    reference = oracle(numbers.model, inputs, [])
    rows = program.waits.rows()
    broken = wrong = 0
    for entry in np.nonzero(program.kind[rows] == Kind.RUN)[0].tolist():
        barrier = int(program.waits.index[entry])
        consumers = program.barriers.consumers.copy()
        consumers[barrier] -= program.slots[rows[entry]]
        keep = np.arange(len(rows)) != entry
        lost = program.with_(waits=program.waits.kept(keep), barriers=replace(program.barriers, consumers=consumers))
        engine = int(program.engine[program.producers[barrier][0]])
        result = api.run(lost, timing=late(lost, (engine,)))
        first, second = conflicts(lost)
        if result.start.min() < 0 or not (result.start[second] < result.end[first]).any():
            continue
        broken += 1
        assert api.verify(lost).status == "refuted"
        found = compare(Functional(lost, numbers.constants), result, inputs, reference, TOLERANCES["float32"])
        wrong += not found.agrees
    assert broken > 5
    assert wrong == broken


def test_the_first_bad_tile_is_named(tmp_path: Path) -> None:
    numbers = api.load_numbers(save(chain(), tmp_path), MACHINE)
    inputs = api.sample_inputs(numbers.program, 0)
    reference = oracle(numbers.model, inputs, ["r", "p", "c", "f"])
    constants = {k: np.array(v) for k, v in numbers.constants.items()}
    (key,) = [k for k, v in constants.items() if v.shape == (1, 1, 1, 8, 145)]
    constants[key][..., 3, 7] += 1.0
    result = api.run(numbers.program)
    found = compare(
        Functional(numbers.program, constants), result, inputs, reference, TOLERANCES["float32"], layers=True
    )
    assert not found.agrees
    assert found.first is not None
    assert found.first.layer == "Conv_1"
    assert found.first.end == result.end[found.first.task]
    assert found.first.name.startswith("Conv_1/t")
    assert "channels 0..8" in found.first.part
    assert sum(v.bad > 0 for v in found.layers) >= 1
    assert found.unknown == ["Gemm_0"]  # the oracle was not asked for its value


def test_half_precision(tmp_path: Path) -> None:
    _, found = computed(chain(), tmp_path, dtype="float16")
    assert found.agrees
    assert found.outputs[0].relative > 1e-6  # cells did hold halves


def test_bytes_of_the_machine(tmp_path: Path) -> None:
    """float32 on a machine of four bytes per element: cells are bytes of the machine."""
    machine = MACHINE.with_(**{"compute.element_bytes": 4, "memory.cmx_bytes": 48_000})
    numbers, found = computed(chain(), tmp_path, machine)
    assert found.agrees
    memory = Functional(numbers.program, numbers.constants).memory
    assert memory.bytes == sum(memory.peak().values())
    assert max(size for m, size in memory.peak().items() if m >= 0) <= 48_000


def test_unknown_cells(tmp_path: Path) -> None:
    numbers = api.load_numbers(save(chain(), tmp_path), MACHINE)
    with pytest.raises(SimulationError, match="cells of type 'int3', but there are float32, float16"):
        Memory(numbers.program, {}, "int3")


def test_missing_and_misshapen_data(tmp_path: Path) -> None:
    numbers = api.load_numbers(save(chain(), tmp_path), MACHINE)
    with pytest.raises(SimulationError, match=r"constant 'Conv_0\.w' is not among those given"):
        Functional(numbers.program, {})
    with pytest.raises(SimulationError, match=r"constant 'Conv_0\.w' has shape \(3,\), but the program holds"):
        Functional(numbers.program, {**numbers.constants, "Conv_0.w": np.zeros(3)})
    functional = Functional(numbers.program, numbers.constants)
    result = api.run(numbers.program)
    with pytest.raises(SimulationError, match="input 'x' is missing; it needs"):
        functional.run(result.start, result.end, {})
    with pytest.raises(SimulationError, match=r"input 'x' has shape \(2,\); it needs"):
        functional.run(result.start, result.end, {"x": np.zeros(2)})
    with pytest.raises(SimulationError, match="a run that did not finish has no numbers"):
        functional.run(result.start - result.start.max() - 1, result.end, {"x": np.zeros((1, 3, 16, 16))})


def test_a_layer_that_can_only_be_timed(tmp_path: Path) -> None:
    made = model(
        [node("Conv", ["x", "w"], ["a"]), node("LpPool", ["a"], ["y"], kernel_shape=[2, 2])],
        X,
        {"w": random(1, 8, 8, 1, 1)},
    )
    with pytest.raises(
        FrontendError, match=r"layer 'LpPool_0' \(LpPool\) can be timed, but there are no numbers for it"
    ):
        api.load_numbers(save(made, tmp_path), MACHINE)


def test_a_quantization_that_others_look_behind(tmp_path: Path) -> None:
    nodes, constants = CASES["quantized"]
    made = model(
        [*nodes[:-1], node("DequantizeLinear", ["p", "sr", "zr"], ["e"]), node("Add", ["e", "r"], ["y"])], X, constants
    )
    with pytest.raises(
        FrontendError, match=r"\(QuantizeLinear\) can be timed, but there are no numbers for it where it"
    ):
        api.load_numbers(save(made, tmp_path), MACHINE)


def test_numbers_need_a_network() -> None:
    with pytest.raises(UsageError, match=r"'graph\.json' is neither a network nor an \.onnx file"):
        api.load_numbers("graph.json", MACHINE)


def test_onnxruntime_refuses(tmp_path: Path) -> None:
    numbers = api.load_numbers(save(chain(), tmp_path), MACHINE)
    with pytest.raises(SimulationError, match="onnxruntime refuses the model"):
        oracle(numbers.model, {"x": np.zeros((1, 2), np.float32)})


def test_an_op_that_nobody_wrote_in_numpy() -> None:
    odd = LayerWork("odd", "Rotate", (), Shape(1, 1, 1, 1), "nhwc", 0, 0, "y", (1,))
    with pytest.raises(SimulationError, match=r"^layer 'odd': there is no numpy for op 'Rotate'$"):
        compute(odd, Region(0, 1, 0, 1, 0, 1), [], [], {})


def test_without_onnxruntime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = api.load_numbers(save(chain(), tmp_path), MACHINE)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(
        UsageError, match=r"--check needs the package 'onnxruntime': pip install 'wlm-dialect\[numerics\]'"
    ):
        oracle(numbers.model, {})
