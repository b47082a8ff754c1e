"""Front ends: networks, task graphs and IR files become a `Program` in phase graph."""

from wlm_dialect.frontends.onnx_file import network_names
from wlm_dialect.frontends.sources import load

__all__ = ["load", "network_names"]
