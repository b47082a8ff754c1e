"""onnxruntime as the oracle: outputs of a model, or all of its values."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wlm_dialect.errors import SimulationError, UsageError

Array = NDArray[Any]
_ERRORS_ONLY = 3  # ORT_LOGGING_LEVEL_ERROR


def oracle(model: Any, inputs: Mapping[str, Array], values: Iterable[str] = ()) -> dict[str, Array]:
    """The outputs of an ONNX model and the named `values` inside of it, computed by onnxruntime without fusion.

    UsageError if onnxruntime is not installed, SimulationError if it refuses the model.
    """
    try:
        import onnxruntime
    except ImportError:
        raise UsageError("--check needs the package 'onnxruntime': pip install 'wlm-dialect[numerics]'") from None
    import onnx

    made = {name for node in model.graph.node for name in node.output}
    outputs = [o.name for o in model.graph.output]
    wanted = [v for v in dict.fromkeys(values) if v in made and v not in outputs]
    exposed = type(model)()
    exposed.CopyFrom(model)
    exposed.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in wanted)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    data = exposed.SerializeToString()
    with _refusals():
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    kinds = {i.name: i.type for i in session.get_inputs()}
    feeds = {n: v.astype(np.int64) if "int64" in kinds[n] else v for n, v in inputs.items() if n in kinds}
    with _refusals():
        found = session.run([*outputs, *wanted], feeds)
    return dict(zip([*outputs, *wanted], found, strict=True))


@contextmanager
def _refusals() -> Iterator[None]:
    """For calls of onnxruntime alone: a class of its own for each way to refuse, with no base but Exception."""
    try:
        yield
    except Exception as error:
        raise SimulationError(f"onnxruntime refuses the model: {' '.join(str(error).split())[:500]}") from None
