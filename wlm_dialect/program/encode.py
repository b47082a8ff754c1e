"""`Program` -> IR: builds the body of a graph in one pass, with `create` and shared attributes."""

from functools import lru_cache

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, StringAttr, SymbolRefAttr, UnitAttr, i32, i64
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from wlm_dialect.dialects.barrier import BARRIER, ConfigureOp, DeclareOp
from wlm_dialect.dialects.mgmt_dma import BootstrapOp, EnqueueOp, FetchOp, ProgramOp, SyncOp, WorkItemOp
from wlm_dialect.dialects.task import BUFFER, SEGMENTS, TOKEN, BufferOp, GraphOp, RunOp, ViewOp
from wlm_dialect.kernels.csr import Csr
from wlm_dialect.program.decode import set_module_machine
from wlm_dialect.program.model import DDR, IRQ_LIFTED, IRQ_OVER, Barriers, Kind, Program

_IRQ = {IRQ_OVER: StringAttr("over"), IRQ_LIFTED: StringAttr("lifted")}


@lru_cache(maxsize=1 << 16)
def _int(value: int) -> Attribute:
    return IntegerAttr(value, i64)


@lru_cache(maxsize=1 << 12)
def _symbol(name: str) -> SymbolRefAttr:
    return SymbolRefAttr(name)


@lru_cache(maxsize=1 << 12)
def _segments(sizes: tuple[int, ...]) -> Attribute:
    return DenseArrayBase.from_list(i32, sizes)


def encode_module(program: Program) -> ModuleOp:
    """A module that holds the machine and the program as one task graph."""
    module = ModuleOp([])
    set_module_machine(module, program.machine)
    graph = GraphOp(program.name, Region(Block()))
    graph.attributes.update(program.attributes)
    module.body.block.add_op(graph)
    encode_into(graph, program)
    return module


def encode_into(graph: GraphOp, program: Program) -> None:
    """Replace the body of `graph` by `program`, and its phase and mode."""
    body = Region(_Encoder(program).block())
    graph.detach_region(graph.body).drop_all_references()
    graph.add_region(body)
    for name, value in (("phase", program.phase), ("mode", program.mode)):
        graph.properties.pop(name, None)
        if value not in ("", "graph"):
            graph.properties[name] = StringAttr(value)


def as_read_back(program: Program) -> Program:
    """What `decode` makes of the IR that `encode_into` writes: barriers count in the order of their declarations.

    In phases graph and virtual they are declared where a task first uses them.
    """
    waits, updates = program.waits, program.updates
    users = np.concatenate([2 * waits.rows(), 2 * updates.rows() + 1])
    barriers = np.concatenate([waits.index, updates.index])[np.argsort(users, kind="stable")]
    used, first = np.unique(barriers, return_index=True)
    rank = np.full(len(program.barriers), -1, np.int32)
    rank[used[np.argsort(first)]] = np.arange(len(used), dtype=np.int32)
    unused = np.nonzero(rank < 0)[0]
    rank[unused] = np.arange(len(used), len(rank), dtype=np.int32)
    tail = program.barriers.tail
    if (rank == np.arange(len(rank))).all():
        return program
    return program.with_(
        waits=Csr(waits.start, rank[waits.index]),
        updates=Csr(updates.start, rank[updates.index]),
        barriers=Barriers.virtual(len(rank), int(rank[tail]) if tail >= 0 else -1),
    )


class _Encoder:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.ops: list[Operation] = []
        self.symbols = [_symbol(e.name) for e in program.machine.engines]
        self.buffers: list[SSAValue] = []
        self.barriers: list[SSAValue | None] = [None] * len(program.barriers)
        self.tokens: list[SSAValue] = []

    def block(self) -> Block:
        self._encode_buffers()
        self._encode_bootstrap()
        self._encode_tasks()
        for barrier in range(len(self.barriers)):
            self._barrier(barrier)
        return Block(self.ops)

    def _encode_buffers(self) -> None:
        table = self.program.buffers
        first_view: dict[int, SSAValue] = {}
        rows = zip(table.memory.tolist(), table.root.tolist(), table.offset.tolist(), table.size.tolist(), strict=True)
        for n, (memory, root, offset, size) in enumerate(rows):
            op: Operation
            if root == n:
                properties: dict[str, Attribute] = {
                    "label": StringAttr(table.names[n]),
                    "memory": StringAttr("ddr" if memory == DDR else "cmx"),
                    "role": StringAttr(table.role[n]),
                    "size": _int(size),
                }
                if memory != DDR:
                    properties["tile"] = _int(memory)
                if table.address[n] >= 0:
                    properties["address"] = _int(int(table.address[n]))
                extra = table.extra.get(n)
                attributes = {} if extra is None else dict(extra)
                op = BufferOp.create(properties=properties, attributes=attributes, result_types=[BUFFER])
                first_view[n] = op.results[0]
            else:
                properties = {"offset": _int(offset), "size": _int(size)}
                op = ViewOp.create(operands=[first_view[root]], properties=properties, result_types=[BUFFER])
            self.ops.append(op)
            self.buffers.append(op.results[0])

    def _barrier(self, index: int) -> SSAValue:
        """The value of a barrier; instances of one id are declared in order, at the latest here."""
        value = self.barriers[index]
        if value is not None:
            return value
        table = self.program.barriers
        before = int(table.previous[index])
        if before >= 0:
            self._barrier(before)
        tail = {"tail": UnitAttr()} if index == table.tail else {}
        op: Operation
        if table.pid[index] < 0:
            op = DeclareOp.create(properties=dict(tail), result_types=[BARRIER])
        else:
            properties: dict[str, Attribute] = {
                "id": _int(int(table.pid[index])),
                "producers": _int(int(table.producers[index])),
                "consumers": _int(int(table.consumers[index])),
                **tail,
            }
            irq = _IRQ.get(int(table.irq[index]))
            if irq is not None:
                properties["irq"] = irq
            op = ConfigureOp.create(properties=properties, result_types=[BARRIER])
        self.ops.append(op)
        self.barriers[index] = op.results[0]
        return op.results[0]

    def _encode_bootstrap(self) -> None:
        if len(self.program.bootstrap):
            values = [self._barrier(v) for v in self.program.bootstrap.tolist()]
            self.ops.append(BootstrapOp.create(operands=values))

    def _encode_tasks(self) -> None:
        p = self.program
        groups = [t.lists() for t in (p.after, p.reads, p.writes, p.waits, p.updates)]
        programs = p.programs.lists()
        columns = [a.tolist() for a in (p.kind, p.engine, p.cycles, p.slots, p.bytes, p.target, p.low, p.high, p.slot)]
        pending = self._items_by_task()
        for t, (kind, engine, cycles, slots, size, target, low, high, slot) in enumerate(zip(*columns, strict=True)):
            for item in pending.get(t, ()):
                self._work_item(item)
            after, reads, writes, waits, updates = (g[t] for g in groups)
            operands: list[SSAValue] = [self.tokens[a] for a in after]
            operands += [self.buffers[b] for b in reads]
            operands += [self.buffers[b] for b in writes]
            operands += [self._barrier(v) for v in waits]
            operands += [self._barrier(v) for v in updates]
            sizes: tuple[int, ...] = (len(after), len(reads), len(writes), len(waits), len(updates))
            properties: dict[str, Attribute] = {"engine": self.symbols[engine], "cycles": _int(cycles)}
            if size:
                properties["bytes"] = _int(size)
            op_type: type[Operation] = _OPS[kind]
            if kind == Kind.RUN:
                properties["label"] = StringAttr(p.names[t])
                if slots != 1:
                    properties["slots"] = _int(slots)
            elif kind in (Kind.FETCH, Kind.ENQUEUE):
                properties.update(target=self.symbols[target], low=_int(low), high=_int(high))
                if kind == Kind.FETCH:
                    properties["slot"] = _int(slot)
            elif kind == Kind.PROGRAM:
                instances = [self._barrier(v) for v in programs[t]]
                operands = instances + operands
                sizes = (len(instances), *sizes)
            properties[SEGMENTS] = _segments(sizes)
            extra = p.extra.get(t)
            op = op_type.create(
                operands=operands,
                properties=properties,
                attributes={} if extra is None else dict(extra),
                result_types=[TOKEN],
            )
            self.ops.append(op)
            self.tokens.append(op.results[0])
        for item in pending.get(len(p), ()):
            self._work_item(item)

    def _items_by_task(self) -> dict[int, list[int]]:
        """Where each work item stands: before the first task it pushes, later only if it names a later fetch."""
        p = self.program
        out: dict[int, list[int]] = {}
        latest = [0] * len(p.machine.engines)
        done = p.items.done.lists()
        for n, (e, low) in enumerate(zip(p.items.engine.tolist(), p.items.low.tolist(), strict=True)):
            tasks = p.lists[e]
            place = int(tasks[low]) if low < len(tasks) else len(p)
            place = max([place, latest[e], *(t + 1 for t in done[n])])
            latest[e] = place
            out.setdefault(place, []).append(n)
        return out

    def _work_item(self, item: int) -> None:
        items = self.program.items
        at = [self._barrier(v) for v in items.at[item].tolist()]
        done = [self.tokens[t] for t in items.done[item].tolist()]
        properties: dict[str, Attribute] = {
            "engine": self.symbols[int(items.engine[item])],
            "low": _int(int(items.low[item])),
            "high": _int(int(items.high[item])),
            SEGMENTS: _segments((len(at), len(done))),
        }
        self.ops.append(WorkItemOp.create(operands=[*at, *done], properties=properties))


_OPS: dict[int, type[Operation]] = {
    Kind.RUN: RunOp,
    Kind.FETCH: FetchOp,
    Kind.ENQUEUE: EnqueueOp,
    Kind.PROGRAM: ProgramOp,
    Kind.SYNC: SyncOp,
}
