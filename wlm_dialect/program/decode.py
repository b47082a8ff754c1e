"""IR -> `Program`: the only decoder. Reads operations in bulk, by property dictionaries and raw operand tuples."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from xdsl.dialects import dlti
from xdsl.dialects.builtin import (
    ArrayAttr,
    BoolAttr,
    DictionaryAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    i1,
    i64,
)
from xdsl.ir import Attribute, Operation, SSAValue

from wlm_dialect.dialects.barrier import ConfigureOp, DeclareOp
from wlm_dialect.dialects.mgmt_dma import BootstrapOp, EnqueueOp, FetchOp, ProgramOp, SyncOp, WorkItemOp
from wlm_dialect.dialects.task import GROUPS, BufferOp, GraphOp, RunOp, ViewOp, segment_sizes
from wlm_dialect.errors import ProgramError, did_you_mean
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.machine import MachineModel, load_machine, machine_names, parse_machine, preset
from wlm_dialect.machine.description import machine_dict
from wlm_dialect.program.model import (
    DDR,
    IRQ_LIFTED,
    IRQ_OFF,
    IRQ_OVER,
    Barriers,
    Buffers,
    Draft,
    Kind,
    Program,
    WorkItems,
)

MACHINE = "wlm.machine"
_IRQ = {None: IRQ_OFF, "over": IRQ_OVER, "lifted": IRQ_LIFTED}


def find_graphs(module: ModuleOp) -> list[GraphOp]:
    """The task graphs of a module, in order."""
    return [op for op in module.body.block.ops if isinstance(op, GraphOp)]


def module_machine(module: ModuleOp) -> MachineModel | None:
    """The machine model a module carries: attribute ``wlm.machine`` (a name or a dictionary), or DLTI.

    In DLTI form it is an entry ``"wlm.machine"`` of a device of ``dlti.target_system_spec``.
    """
    attribute = module.attributes.get(MACHINE)
    if attribute is None:
        attribute = _dlti_machine(module.attributes.get("dlti.target_system_spec"))
    if attribute is None:
        return None
    value = _plain(attribute)
    if isinstance(value, str):
        return load_machine(value)
    if not isinstance(value, dict):
        raise ProgramError(f"attribute {MACHINE} is neither a machine name nor a dictionary")
    return parse_machine(value, f"attribute {MACHINE}")


def set_module_machine(module: ModuleOp, machine: MachineModel, *, as_dlti: bool = False) -> None:
    """Write the machine into the module: its name if it is a preset, else all of it."""
    known = machine.name in machine_names() and preset(machine.name) == machine
    attribute = StringAttr(machine.name) if known else _attribute(machine_dict(machine))
    module.attributes.pop(MACHINE, None)
    module.attributes.pop("dlti.target_system_spec", None)
    if as_dlti:
        device = dlti.TargetDeviceSpecAttr({MACHINE: attribute})
        module.attributes["dlti.target_system_spec"] = dlti.TargetSystemSpecAttr({"NPU": device})
    else:
        module.attributes[MACHINE] = attribute


def _dlti_machine(spec: Attribute | None) -> Attribute | None:
    if not isinstance(spec, dlti.TargetSystemSpecAttr):
        return None
    for device in spec.entries.data:
        if isinstance(device.value, dlti.TargetDeviceSpecAttr):
            for entry in device.value.entries.data:
                if isinstance(entry.key, StringAttr) and entry.key.data == MACHINE:
                    return entry.value
    return None


def _plain(attribute: Attribute) -> Any:
    match attribute:
        case StringAttr():
            return attribute.data
        case IntegerAttr():
            return bool(attribute.value.data) if attribute.type == i1 else attribute.value.data
        case ArrayAttr():
            return [_plain(a) for a in attribute.data]
        case DictionaryAttr():
            return {k: _plain(a) for k, a in attribute.data.items()}
        case _:
            raise ProgramError(
                f"attribute {MACHINE} holds {attribute}, which is no string, integer, array or dictionary"
            )


def _attribute(value: Any) -> Attribute:
    if isinstance(value, bool):
        return BoolAttr.from_bool(value)
    if isinstance(value, int):
        return IntegerAttr(value, i64)
    if isinstance(value, str):
        return StringAttr(value)
    if isinstance(value, Mapping):
        return DictionaryAttr({k: _attribute(v) for k, v in value.items()})
    return ArrayAttr([_attribute(v) for v in value])


def decode_module(module: ModuleOp, machine: MachineModel | None = None) -> list[Program]:
    """Every task graph of the module; ProgramError if there is none or no machine is known."""
    graphs = find_graphs(module)
    if not graphs:
        raise ProgramError("the module holds no task.graph")
    return [decode(graph, machine) for graph in graphs]


def decode(graph: GraphOp, machine: MachineModel | None = None) -> Program:
    """One task graph as a `Program`. `machine` overrides the model that the module carries."""
    if machine is None:
        parent = graph.parent_op()
        machine = module_machine(parent) if isinstance(parent, ModuleOp) else None
        if machine is None:
            raise ProgramError(
                f"@{graph.sym_name.data}: no machine model: give --machine, or run "
                'wlm-set-machine{machine="npu40xx:4"} first'
            )
    return _Decoder(graph, machine).program()


class _Decoder:
    def __init__(self, graph: GraphOp, machine: MachineModel) -> None:
        self.graph = graph
        self.machine = machine
        self.engines = machine.engine_index
        mode = "" if graph.mode is None else graph.mode.data
        self.draft = Draft(graph.sym_name.data, machine, graph.phase_name, mode)
        self.task: dict[SSAValue, int] = {}
        self.buffer: dict[SSAValue, int] = {}
        self.barrier: dict[SSAValue, int] = {}
        self.buffers: list[tuple[str, int, int, int, int, int, str]] = []
        self.barriers: list[tuple[int, int, int, int]] = []
        self.tails: list[int] = []
        self.bootstrap: list[int] = []
        self.buffer_extra: dict[int, Mapping[str, Any]] = {}
        self.items: list[tuple[int, int, int, list[int], list[int]]] = []

    def program(self) -> Program:
        handlers: dict[type[Operation], Callable[[Any], None]] = {
            RunOp: self._run,
            BufferOp: self._buffer,
            ViewOp: self._view,
            DeclareOp: self._declare,
            ConfigureOp: self._configure,
            FetchOp: self._fetch,
            EnqueueOp: self._enqueue,
            ProgramOp: self._program,
            SyncOp: self._sync,
            BootstrapOp: self._bootstrap,
            WorkItemOp: self._work_item,
        }
        for op in self.graph.body.block.ops:
            handler = handlers.get(type(op))
            if handler is None:
                raise ProgramError(f"@{self.draft.name}: {op.name} is not an operation of a task graph")
            handler(op)
        return self.draft.finish(
            buffers=self._finish_buffers(),
            barriers=self._finish_barriers(),
            bootstrap=self.bootstrap,
            items=self._finish_items(),
            attributes=dict(self.graph.attributes),
        )

    def _fail(self, text: str) -> ProgramError:
        return ProgramError(f"@{self.draft.name}: {text}")

    def _engine(self, attribute: Attribute) -> int:
        assert isinstance(attribute, SymbolRefAttr)
        name = attribute.root_reference.data
        index = self.engines.get(name)
        if index is None:
            machine = self.machine.name
            raise self._fail(f"machine '{machine}' has no engine @{name}{did_you_mean(name, self.engines)}")
        return index

    def _relations(self, op: Operation) -> dict[str, Any]:
        operands = op.operands
        sizes = segment_sizes(op)[-5:]
        at = len(operands) - sum(sizes)
        out: dict[str, Any] = {}
        tables = (self.task, self.buffer, self.buffer, self.barrier, self.barrier)
        for (name, _), table, size in zip(GROUPS, tables, sizes, strict=True):
            if size:
                out[name] = self._indices(operands[at : at + size], table)
            at += size
        return out

    def _indices(self, values: Any, table: dict[SSAValue, int]) -> list[int]:
        try:
            return [table[v] for v in values]
        except KeyError:
            raise self._fail("a value is used before it is defined; program order must be valid [H7]") from None

    def _number(self, op: Operation, name: str, default: int) -> int:
        value = op.properties.get(name)
        return value.value.data if isinstance(value, IntegerAttr) else default

    def _add(self, op: Operation, name: str, **fields: Any) -> None:
        index = self.draft.add(
            self._engine(op.properties["engine"]),
            name,
            fields.pop("cycles", None) or self._number(op, "cycles", 1),
            bytes=self._number(op, "bytes", 0),
            **self._relations(op),
            **fields,
        )
        self.task[op.results[0]] = index
        if op.attributes:
            self.draft.extra[index] = dict(op.attributes)

    def _run(self, op: RunOp) -> None:
        label: Any = op.properties["label"]
        self._add(op, label.data, slots=self._number(op, "slots", 1))

    def _management_cycles(self, op: Operation, size: int) -> int:
        given = self._number(op, "cycles", 0)
        engine = self.machine.engines[self._engine(op.properties["engine"])]
        if engine.kind != "dma":
            raise self._fail(f"{op.name} on @{engine.name}, which is no DMA engine")
        return given or self.machine.transfer_ticks(engine, self._number(op, "bytes", size))

    def _range(self, op: FetchOp | EnqueueOp) -> dict[str, int]:
        target = self._engine(op.properties["target"])
        return {"target": target, "low": self._number(op, "low", 0), "high": self._number(op, "high", 0)}

    def _fetch(self, op: FetchOp) -> None:
        fields = self._range(op)
        target = self.machine.engines[fields["target"]]
        count = fields["high"] - fields["low"]
        name = f"fetch {target.name}[{fields['low']}:{fields['high']}]"
        cycles = self._management_cycles(op, count * target.descriptor_bytes)
        self._add(op, name, kind=Kind.FETCH, cycles=cycles, slot=self._number(op, "slot", 0), **fields)

    def _enqueue(self, op: EnqueueOp) -> None:
        fields = self._range(op)
        count = fields["high"] - fields["low"]
        name = f"enqueue {self.machine.engines[fields['target']].name}[{fields['low']}:{fields['high']}]"
        cycles = self._management_cycles(op, count * self.machine.management.enqueue_bytes)
        self._add(op, name, kind=Kind.ENQUEUE, cycles=cycles, **fields)

    def _program(self, op: ProgramOp) -> None:
        instances = self._indices(op.operands[: segment_sizes(op)[0]], self.barrier)
        cycles = self._management_cycles(op, len(instances) * self.machine.management.program_bytes)
        self._add(op, f"program {len(instances)} barriers", kind=Kind.PROGRAM, cycles=cycles, programs=instances)

    def _sync(self, op: SyncOp) -> None:
        self._add(op, "sync", kind=Kind.SYNC, cycles=self._management_cycles(op, 0))

    def _buffer(self, op: BufferOp) -> None:
        memory = self._number(op, "tile", DDR)
        if memory >= self.machine.tiles:
            tiles = self.machine.tiles
            raise self._fail(f"buffer '{op.label.data}' lies in CMX {memory}, but the machine has {tiles} tiles")
        index = len(self.buffers)
        self.buffer[op.results[0]] = index
        if op.attributes:
            self.buffer_extra[index] = dict(op.attributes)
        size, address = self._number(op, "size", 0), self._number(op, "address", -1)
        self.buffers.append((op.label.data, memory, index, 0, size, address, op.role.data))

    def _view(self, op: ViewOp) -> None:
        (source,) = self._indices(op.operands, self.buffer)
        name, memory, root, offset, size, address, role = self.buffers[source]
        low, count = self._number(op, "offset", 0), self._number(op, "size", 0)
        if low + count > size:
            raise self._fail(f"view [{low}, {low + count}) of '{name}', which has {size} bytes")
        self.buffer[op.results[0]] = len(self.buffers)
        self.buffers.append((name, memory, root, offset + low, count, address, role))

    def _declare(self, op: DeclareOp) -> None:
        self._new_barrier(op, (-1, 0, 0, IRQ_OFF))

    def _configure(self, op: ConfigureOp) -> None:
        pid = self._number(op, "id", 0)
        if pid >= self.machine.barriers.count:
            limit = self.machine.barriers.count
            raise self._fail(f"physical barrier {pid}, but machine '{self.machine.name}' has {limit} barriers [H9]")
        irq = _IRQ[None if op.irq is None else op.irq.data]
        self._new_barrier(op, (pid, self._number(op, "producers", 0), self._number(op, "consumers", 0), irq))

    def _new_barrier(self, op: DeclareOp | ConfigureOp, row: tuple[int, int, int, int]) -> None:
        if op.tail is not None:
            self.tails.append(len(self.barriers))
            if len(self.tails) > 1:
                raise self._fail("two tail barriers; firmware watches one [H10]")
        self.barrier[op.results[0]] = len(self.barriers)
        self.barriers.append(row)

    def _bootstrap(self, op: BootstrapOp) -> None:
        self.bootstrap += self._indices(op.operands, self.barrier)

    def _work_item(self, op: WorkItemOp) -> None:
        at, _ = segment_sizes(op)
        low, high = self._number(op, "low", 0), self._number(op, "high", 0)
        barriers = self._indices(op.operands[:at], self.barrier)
        done = self._indices(op.operands[at:], self.task)
        self.items.append((self._engine(op.properties["engine"]), low, high, barriers, done))

    def _finish_buffers(self) -> Buffers:
        if not self.buffers:
            return Buffers.none()
        names, memory, root, offset, size, address, role = zip(*self.buffers, strict=True)
        i32, i64s = np.int32, np.int64
        return Buffers(
            names,
            np.asarray(memory, i32),
            np.asarray(root, i32),
            np.asarray(offset, i64s),
            np.asarray(size, i64s),
            np.asarray(address, i64s),
            role,
            self.buffer_extra,
        )

    def _finish_barriers(self) -> Barriers:
        table = np.asarray(self.barriers, np.int32).reshape(-1, 4)
        columns = [np.ascontiguousarray(table[:, c]) for c in range(4)]
        return Barriers(columns[0], columns[1], columns[2], columns[3], self.tails[0] if self.tails else -1)

    def _finish_items(self) -> WorkItems:
        table = np.asarray([item[:3] for item in self.items], np.int32).reshape(-1, 3)
        at, done = Csr.of([item[3] for item in self.items]), Csr.of([item[4] for item in self.items])
        columns = [np.ascontiguousarray(table[:, c]) for c in range(3)]
        return WorkItems(columns[0], columns[1], columns[2], at, done)
