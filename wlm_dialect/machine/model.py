"""`MachineModel`: frozen, validated dataclasses. Times are ticks of the reference clock unless a name says so."""

import re
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

from wlm_dialect.errors import MachineError, did_you_mean

ENGINE_KINDS = ("dma", "dpu", "shave")
ORDERS = ("serial", "prefetching", "outstanding", "pool")
FULL_FIFO = ("block", "drop")
REARM = ("atomic", "bounded", "acknowledged")
CONSUME_AT = ("start", "end")
SERVICE_ORDERS = ("arrival", "id")
FIRMWARE_CHANNELS = ("own", "shared")
BANDWIDTHS = ("per_channel", "shared")


LARGEST = 1 << 40  # of any number: a million of them still fit into 63 bits
PARTS = 1 << 12  # of what is gone through one by one
ENTRIES = 1 << 24  # of the FIFOs of all barriers together, of a work FIFO, of the slots of an engine: tables hold them
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _require(ok: bool, text: str) -> None:
    if not ok:
        raise MachineError(text)


def _choice(where: str, value: str, allowed: tuple[str, ...]) -> None:
    _require(value in allowed, f"{where} is '{value}'{did_you_mean(value, allowed)}")


def _at_least(where: str, value: int, least: int, most: int = LARGEST) -> None:
    _require(value >= least, f"{where} is {value} but must be at least {least}")
    _require(value <= most, f"{where} is {value} but must be at most {most}")


@dataclass(frozen=True)
class EngineModel:
    """An in-order engine with one work FIFO.

    `order` is what the machine guarantees between neighbours of the FIFO (design section 3): ``serial`` end(pred) ->
    head; ``prefetching`` start(pred) -> head, end(pred) -> start; ``outstanding`` start(pred) -> head, end(the
    `servers`-th before) -> start; ``pool`` (`servers` servers on one FIFO) head(pred) -> head only.
    """

    name: str
    kind: str
    tile: int = -1  # -1: belongs to no tile
    order: str = "serial"
    servers: int = 1  # descriptors in flight (outstanding) or servers (pool)
    fifo_depth: int = 64  # items behind the one at head
    max_waits: int = 1  # wait barriers per task; 0 = no limit
    descriptor_slots: int = 0  # CMX descriptor slots; 0: descriptors stay in DDR (DMA)
    descriptor_bytes: int = 0  # bytes that a fetch moves per descriptor
    bandwidth_mbps: int = 0  # DMA: fixed share in 10^6 bytes/s
    source: str = ""  # DMA: memory the channel reads ("ddr", "cmx"; "" = any)
    firmware: bool = False  # DMA: reserved for the fetches that firmware builds in firmware mode

    def __post_init__(self) -> None:
        at = f"engine '{self.name}': "
        _require(_NAME.fullmatch(self.name) is not None, f"{at}a name is ASCII letters, digits and '_', a letter first")
        _choice(f"{at}kind", self.kind, ENGINE_KINDS)
        _choice(f"{at}order", self.order, ORDERS)
        _at_least(f"{at}tile", self.tile, -1)
        _at_least(f"{at}fifo_depth", self.fifo_depth, 1, ENTRIES)
        _at_least(f"{at}max_waits", self.max_waits, 0, ENTRIES)
        _at_least(f"{at}servers", self.servers, 1, PARTS)
        _at_least(f"{at}descriptor_slots", self.descriptor_slots, 0, ENTRIES)
        _at_least(f"{at}descriptor_bytes", self.descriptor_bytes, 0)
        if self.kind == "dma":
            _at_least(f"{at}bandwidth_mbps", self.bandwidth_mbps, 1)
            _require(self.descriptor_slots == 0, f"{at}DMA descriptors stay in DDR: descriptor_slots must be 0")
        else:
            _at_least(f"{at}descriptor_slots", self.descriptor_slots, 1)
        if self.order in ("serial", "prefetching"):
            _require(self.servers == 1, f"{at}order '{self.order}' has one server, not {self.servers}")

    @property
    def ends_in_order(self) -> bool:
        """The machine guarantees end(pred) before the start of the next task."""
        return self.order in ("serial", "prefetching")


@dataclass(frozen=True)
class BarrierModel:
    """The pool of physical barriers, their counters and their configuration FIFOs."""

    count: int = 64
    fifo_depth: int = 4  # instances behind the current one; 0 = bare register
    max_producers: int = 256  # slots
    max_consumers: int = 256
    max_sum: int = 256
    rearm: str = "atomic"
    rearm_delta: int = 0  # ticks, for rearm = "bounded"
    consume_at: str = "start"

    def __post_init__(self) -> None:
        _at_least("barriers: count", self.count, 1)
        _at_least("barriers: fifo_depth", self.fifo_depth, 0)
        _require(
            self.count * (self.fifo_depth + 1) <= ENTRIES,
            f"barriers: count is {self.count} and fifo_depth {self.fifo_depth}, "
            f"but count * (fifo_depth + 1) must be at most {ENTRIES}",
        )
        for name in ("max_producers", "max_consumers", "max_sum"):
            _at_least(f"barriers: {name}", getattr(self, name), 1)
        _choice("barriers: rearm", self.rearm, REARM)
        _choice("barriers: consume_at", self.consume_at, CONSUME_AT)
        _at_least("barriers: rearm_delta", self.rearm_delta, 0)
        _require(
            self.rearm == "bounded" or self.rearm_delta == 0,
            f"barriers: rearm_delta is {self.rearm_delta} but only rearm = 'bounded' uses it",
        )


@dataclass(frozen=True)
class FirmwareModel:
    """One sequential server; every step lasts at least one tick."""

    interrupt: int = 1700  # entry and exit of one barrier or DMA interrupt
    program: int = 340  # write the next instance of a barrier
    push: int = 340  # push one work item (a range) into a FIFO
    build_fetch: int = 850  # firmware mode: build one descriptor-fetch DMA
    service_order: str = "arrival"
    fetch_batch: int = 8  # firmware mode: descriptors per fetch built at run time
    channel: str = "own"  # firmware mode: fetches on the reserved DMA channel, or "shared" with the network
    preload: int = 0  # instances that bootstrap loads behind the first of each barrier, and top-ups keep there
    top_up: int = 1  # instances that one interrupt programs; a barrier interrupts for every so many of its instances

    def __post_init__(self) -> None:
        for name in ("interrupt", "program", "push", "build_fetch", "fetch_batch"):
            _at_least(f"firmware: {name}", getattr(self, name), 1)
        _choice("firmware: service_order", self.service_order, SERVICE_ORDERS)
        _choice("firmware: channel", self.channel, FIRMWARE_CHANNELS)
        _at_least("firmware: preload", self.preload, 0)
        _at_least("firmware: top_up", self.top_up, 1)
        _require(
            self.top_up <= self.preload + 1,
            f"firmware: top_up is {self.top_up} but must be at most preload + 1 = {self.preload + 1}: a barrier has "
            "room only for as many as are over",
        )


@dataclass(frozen=True)
class BootstrapModel:
    """What setting up costs before t = 0, from one table in every mode."""

    base: int = 17000  # load the program, start the engines
    program: int = 34  # per barrier instance
    push: int = 340  # per work item (range)

    def __post_init__(self) -> None:
        for f in fields(self):
            _at_least(f"bootstrap: {f.name}", getattr(self, f.name), 0)


@dataclass(frozen=True)
class ManagementModel:
    """Management DMAs: what they move and how much one of them may carry."""

    enqueue_bytes: int = 4  # per FIFO write
    program_bytes: int = 4  # per register entry
    program_depth: int = 4  # entries per register in one transfer
    linked_enqueue: bool = False  # an enqueue of a range is one FIFO entry
    queue: str = ""  # the DMA engine that carries all management; "" = whichever idles

    def __post_init__(self) -> None:
        for name in ("enqueue_bytes", "program_bytes", "program_depth"):
            _at_least(f"management: {name}", getattr(self, name), 1)


@dataclass(frozen=True)
class MemoryModel:
    """DDR and per-tile CMX, and what a transfer costs."""

    ddr_bytes: int = 4_000_000_000
    cmx_bytes: int = 1_474_560  # per tile
    dma_setup: int = 170  # ticks before the first byte
    bandwidth: str = "per_channel"
    ddr_mbps: int = 45_000  # total, for bandwidth = "shared"

    def __post_init__(self) -> None:
        for name in ("ddr_bytes", "cmx_bytes", "ddr_mbps", "dma_setup"):
            _at_least(f"memory: {name}", getattr(self, name), 1)
        _choice("memory: bandwidth", self.bandwidth, BANDWIDTHS)


@dataclass(frozen=True)
class ComputeModel:
    """Roofline of the compute engines, used by the front ends to give tasks their cycles."""

    dpu_macs: int = 1024  # fp16 multiply-accumulates per tick and DPU
    dpu_efficiency_percent: int = 70
    dpu_overhead: int = 300  # ticks per task
    dpu_elements: int = 64  # eltwise and pooling elements per tick
    shave_elements: int = 16  # elements per tick and SHAVE, times the cost of the op
    shave_overhead: int = 800
    element_bytes: int = 2

    def __post_init__(self) -> None:
        for f in fields(self):
            _at_least(f"compute: {f.name}", getattr(self, f.name), 1)
        _require(self.dpu_efficiency_percent <= 100, "compute: dpu_efficiency_percent must be at most 100")


@dataclass(frozen=True)
class MachineModel:
    """A complete machine. Build one with `preset`, `load_machine` or `with_`; never change one in place."""

    name: str
    clock_mhz: int
    tiles: int
    engines: tuple[EngineModel, ...]
    barriers: BarrierModel = field(default_factory=BarrierModel)
    firmware: FirmwareModel = field(default_factory=FirmwareModel)
    bootstrap: BootstrapModel = field(default_factory=BootstrapModel)
    management: ManagementModel = field(default_factory=ManagementModel)
    memory: MemoryModel = field(default_factory=MemoryModel)
    compute: ComputeModel = field(default_factory=ComputeModel)
    full_fifo: str = "block"

    def __post_init__(self) -> None:
        _require(
            bool(self.name) and self.name.isprintable(),
            f"machine: name is {self.name!r} but must be text that can be printed in a line",
        )
        _at_least("machine: clock_mhz", self.clock_mhz, 1)
        _at_least("machine: tiles", self.tiles, 1, PARTS)
        _choice("machine: full_fifo", self.full_fifo, FULL_FIFO)
        _require(
            self.firmware.preload <= self.barriers.fifo_depth,
            f"firmware: preload is {self.firmware.preload} but must be at most barriers: fifo_depth = "
            f"{self.barriers.fifo_depth}",
        )
        names = [e.name for e in self.engines]
        for name in names:
            _require(names.count(name) == 1, f"machine: two engines are called '{name}'")
        _require(
            any(e.kind == "dma" and not e.firmware for e in self.engines),
            "machine: needs at least one DMA engine that is not reserved for firmware: management runs on it",
        )
        self._check_queue()
        for e in self.engines:
            _require(e.tile < self.tiles, f"engine '{e.name}': tile {e.tile} but the machine has {self.tiles} tiles")

    def _check_queue(self) -> None:
        name = self.management.queue
        dmas = {e.name: e for e in self.engines if e.kind == "dma"}
        _require(
            not name or name in dmas,
            f"management: queue is '{name}', which is no DMA engine of machine '{self.name}'{did_you_mean(name, dmas)}",
        )
        _require(
            not name or dmas[name].ends_in_order,
            f"management: queue '{name}' does not end its tasks in order, but an enqueue relies on the fetch before "
            "it; use one whose order is serial or prefetching, or leave it empty",
        )

    @cached_property
    def engine_index(self) -> dict[str, int]:
        """Engine name -> position in `engines`."""
        return {e.name: i for i, e in enumerate(self.engines)}

    def engine(self, name: str) -> EngineModel:
        """The engine called `name`; MachineError with a suggestion if there is none."""
        index = self.engine_index.get(name)
        if index is None:
            raise MachineError(f"machine '{self.name}' has no engine '{name}'{did_you_mean(name, self.engine_index)}")
        return self.engines[index]

    def engines_of(self, kind: str, tile: int | None = None) -> tuple[EngineModel, ...]:
        """Engines of a kind, of one tile if given, in declaration order; not the channel reserved for firmware."""
        return tuple(e for e in self.engines if e.kind == kind and tile in (None, e.tile) and not e.firmware)

    @property
    def firmware_channel(self) -> EngineModel | None:
        """The DMA engine of all fetches that firmware builds; None: they share the channels of the network."""
        own = [e for e in self.engines if e.firmware]
        return own[0] if own and self.firmware.channel == "own" else None

    def transfer_ticks(self, engine: EngineModel, size: int) -> int:
        """Ticks of a transfer of `size` bytes on `engine` at its fixed share: setup + bytes / bandwidth, rounded up."""
        return self.memory.dma_setup + -(-size * self.clock_mhz // engine.bandwidth_mbps)

    def ticks(self, nanoseconds: int) -> int:
        """Nanoseconds in ticks, rounded up."""
        return -(-nanoseconds * self.clock_mhz // 1000)

    def microseconds(self, ticks: int) -> float:
        """Ticks in microseconds, for reports."""
        return ticks / self.clock_mhz

    def with_(self, **changes: object) -> "MachineModel":
        """A copy with changes; a dotted key reaches a group: ``m.with_(**{"barriers.count": 8})``.

        `engine.<field>` changes that field of every engine, `dma.<field>` / `dpu.` / `shave.` of that kind.
        """
        machine = self
        for key, value in changes.items():
            machine = _changed(machine, key, value)
        return machine


def _changed(machine: MachineModel, key: str, value: object) -> MachineModel:
    group, _, name = key.partition(".")
    if not name:
        _check_field(type(machine).__name__, machine, group)
        return replace(machine, **{group: value})  # type: ignore[arg-type]
    if group in ("engine", *ENGINE_KINDS):
        _check_field(f"'{group}'", machine.engines[0], name)
        engines = tuple(
            replace(e, **{name: value}) if group in ("engine", e.kind) else e  # type: ignore[arg-type]
            for e in machine.engines
        )
        return replace(machine, engines=engines)
    _check_field("machine", machine, group)
    part = getattr(machine, group)
    _check_field(f"'{group}'", part, name)
    return replace(machine, **{group: replace(part, **{name: value})})


def _check_field(where: str, part: object, name: str) -> None:
    known = [f.name for f in fields(part)]  # type: ignore[arg-type]
    _require(name in known, f"{where} has no field '{name}'{did_you_mean(name, known)}")
