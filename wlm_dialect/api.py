"""The embedding surface: load, compile, run, verify, compare. Tools can do nothing that this module cannot."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from wlm_dialect.errors import ScheduleError, did_you_mean
from wlm_dialect.machine import MachineModel, load_machine
from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.passes.pipelines import PIPELINES
from wlm_dialect.program import Program, encode_module

Mode = Literal["firmware", "partial", "full"]
MODES: tuple[Mode, ...] = ("firmware", "partial", "full")

__all__ = ["MODES", "Compiled", "Stage", "compile_program", "load", "machine"]


@dataclass(frozen=True)
class Stage:
    """What one pass did: its specification, seconds of CPU time, tasks and barriers after it."""

    name: str
    seconds: float
    tasks: int
    barriers: int


@dataclass(frozen=True, eq=False)
class Compiled:
    """A graph and the managed program made from it."""

    graph: Program
    program: Program
    stages: tuple[Stage, ...]

    @property
    def module(self) -> ModuleOp:
        """The managed program as IR, machine included."""
        return encode_module(self.program)


def machine(spec: str | MachineModel) -> MachineModel:
    """A machine by name, from a TOML file, or as it is."""
    return load_machine(spec) if isinstance(spec, str) else spec


def load(source: str, on: str | MachineModel, **options: Any) -> Program:
    """A network (short name, ONNX file), a JSON task graph or IR as a program on machine `on`.

    Options are those of `wlm_dialect.frontends.load`: shapes, unknown_ops, durations.
    """
    from wlm_dialect.frontends import load as load_source

    return load_source(source, machine(on), **options)


def pipeline(mode: str) -> tuple[ModulePass, ...]:
    """The passes of a named pipeline."""
    if mode not in PIPELINES:
        raise ScheduleError(f"unknown mode '{mode}'{did_you_mean(mode, PIPELINES)}")
    return PIPELINES[mode]()


def compile_program(graph: Program, mode: str, passes: Sequence[ModulePass] | None = None) -> Compiled:
    """Lower a graph (phase graph) to a managed program, on flat arrays, without IR in between."""
    program = graph
    stages: list[Stage] = []
    for step in pipeline(mode) if passes is None else passes:
        if not isinstance(step, ProgramPass):
            raise ScheduleError(f"pass {step.name} does not work on programs; use wlm-opt")
        began = time.process_time()
        program = step.run(program)
        stages.append(Stage(str(step), time.process_time() - began, len(program), len(program.barriers)))
    return Compiled(graph, program, tuple(stages))


_ = (Callable, Iterable, Mapping)
