"""Pass `wlm-set-machine`."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from wlm_dialect.machine import load_machine
from wlm_dialect.program import set_module_machine


@dataclass(frozen=True)
class SetMachinePass(ModulePass):
    """Write a machine model into the module, by preset name or from a TOML file.

    Postcondition: attribute ``wlm.machine`` holds the model; with `dlti` it is an entry of
    ``dlti.target_system_spec`` instead (the MLIR >= 20 spelling, which older mlir-opt does not read).
    """

    name = "wlm-set-machine"
    machine: str
    dlti: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        set_module_machine(op, load_machine(self.machine), as_dlti=self.dlti)
