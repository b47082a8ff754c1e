"""Programs: flat arrays that kernels, passes and the simulator share, and the only decoder of the IR."""

from wlm_dialect.program.decode import decode, decode_module, find_graphs, module_machine, set_module_machine
from wlm_dialect.program.encode import as_read_back, encode_into, encode_module
from wlm_dialect.program.model import Barriers, Buffers, Kind, Program, WorkItems

__all__ = [
    "Barriers",
    "Buffers",
    "Kind",
    "Program",
    "WorkItems",
    "as_read_back",
    "decode",
    "decode_module",
    "encode_into",
    "encode_module",
    "find_graphs",
    "module_machine",
    "set_module_machine",
]
