"""Front ends: networks, task graphs and IR files become a `Program`."""

from wlm_dialect.frontends.builder import BufferRef, GraphBuilder, TaskRef
from wlm_dialect.frontends.json_graph import dump_json, parse_json
from wlm_dialect.frontends.onnx_file import network_names
from wlm_dialect.frontends.sources import load

__all__ = ["BufferRef", "GraphBuilder", "TaskRef", "dump_json", "load", "network_names", "parse_json"]
