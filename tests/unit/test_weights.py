"""Random weights for models of fillers: same seed same bytes, activations neither die nor explode; integer inputs."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper

from tests.small_models import model, random, save
from wlm_dialect import api
from wlm_dialect.errors import FrontendError
from wlm_dialect.frontends.numbers import load_numbers
from wlm_dialect.frontends.onnx_file import load_model, network_path, read_model
from wlm_dialect.frontends.weights import Values, has_fillers, randomised
from wlm_dialect.machine import preset
from wlm_dialect.program.payload import read_payload
from wlm_dialect.runtime.functional.oracle import oracle


@pytest.mark.parametrize("network", ["squeezenet", "shufflenet"])
def test_fillers_become_random(network: str) -> None:
    path = network_path(network)
    light = load_model(path)
    assert has_fillers(light)
    shapes = read_model(light, path, {}).shapes
    full = randomised(light, shapes, 5)
    assert full.SerializeToString() == randomised(light, shapes, 5).SerializeToString()
    assert full.SerializeToString() != randomised(light, shapes, 6).SerializeToString()
    assert not has_fillers(full)
    for tensor in full.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > 64:
            assert np.unique(values).size > 32


def test_activations_stay_sane() -> None:
    numbers = load_numbers("shufflenet", preset("npu40xx:4"))
    values = [layer.value for layer in read_payload(numbers.program).layers]
    reference = oracle(numbers.model, api.sample_inputs(numbers.program, 0), values)
    rms = [float(np.sqrt(np.mean(np.square(reference[v])))) for v in values[:-1]]
    assert 0.1 < min(rms)
    assert max(rms) < 20
    (name,) = [v.name for v in read_payload(numbers.program).network.outputs]
    assert reference[name].max() < 0.9  # the last softmax still tells channels apart


def test_a_model_with_weights_keeps_them(tmp_path: Path) -> None:
    weights = random(1, 4, 3, 1, 1)
    made = model([helper.make_node("Conv", ["x", "w"], ["y"])], [1, 3, 8, 8], {"w": weights})
    numbers = load_numbers(save(made, tmp_path), preset("npu40xx:1"))
    records = numbers.constants["Conv_0.w"]
    assert np.array_equal(records[0, 0, 0, :, :3], weights[:, :, 0, 0])
    assert not records[..., 3].any()


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    made = model([helper.make_node("Conv", ["x", "w"], ["y"])], [1, 3, 8, 8], {"w": random(1, 4, 3, 1, 1)})
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="nowhere.bin")
    with pytest.raises(FrontendError, match=r"^constant 'w' cannot be read: .*; give weights in the file$"):
        load_numbers(save(made, tmp_path), preset("npu40xx:1"))
    with pytest.raises(FrontendError, match="constant 'v' has no value"):
        Values(made, 13, {})("v")


def test_inputs_of_whole_numbers(tmp_path: Path) -> None:
    nodes = [helper.make_node("Gather", ["t", "x"], ["y"])]
    made = model(nodes, [1, 16], {"t": random(1, 7, 24)})
    made.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    numbers = load_numbers(save(made, tmp_path), preset("npu40xx:1"))
    (x,) = api.sample_inputs(numbers.program, 0, numbers.model).values()
    assert set(np.unique(x)) <= set(range(7))
    assert np.unique(x).size > 2
    assert np.array_equal(x, api.sample_inputs(numbers.program, 0, numbers.model)["x"])
    assert not np.array_equal(x, api.sample_inputs(numbers.program, 1, numbers.model)["x"])
