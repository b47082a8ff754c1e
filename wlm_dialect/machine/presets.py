"""The machines that ship with the project. Each number names its source; 'assumption' where none is public.

Sources: [npu] public npu_compiler sources, Dec 2024 (VPU arch attributes, barrier variant constraints, firmware CMX
layout headers); [fw] the public firmware header vpu_nnrt_wlm.h; [pages] the 2025-26 page-based scheme of the same
repository; [assumption] no public figure.
"""

from collections.abc import Callable

from wlm_dialect.errors import MachineError, did_you_mean
from wlm_dialect.machine.model import (
    BarrierModel,
    BootstrapModel,
    ComputeModel,
    EngineModel,
    FirmwareModel,
    MachineModel,
    ManagementModel,
    MemoryModel,
)


def _dma(name: str, mbps: int, source: str) -> EngineModel:
    # serial: in-order completion as npu_compiler assumes for DMAs without the out-of-order bit [npu];
    # 64 outstanding enqueues [npu]; several waits by 128-bit masks in the descriptor [npu].
    return EngineModel(name, "dma", fifo_depth=64, max_waits=0, bandwidth_mbps=mbps, source=source)


def _firmware_channel(mbps: int) -> EngineModel:
    # firmware mode moves descriptors on a channel of its own, at the share of one data channel [assumption]
    return EngineModel("dma_fw", "dma", fifo_depth=64, max_waits=0, bandwidth_mbps=mbps, source="ddr", firmware=True)


def _npu40xx(tiles: int) -> MachineModel:
    ports = min(tiles, 2)  # [npu]
    share = 45_000 // (2 * ports)  # 45 GB/s in all [npu], an equal fixed share per channel [assumption]
    engines = [_dma(f"dma{p}_{memory}", share, memory) for p in range(ports) for memory in ("ddr", "cmx")]
    for t in range(tiles):
        # 64 invariants of 352 B and 128 variants of 224 B per tile [npu]; FIFO of 256 [pages].
        engines.append(EngineModel(f"dpu{t}", "dpu", t, fifo_depth=256, descriptor_slots=64, descriptor_bytes=800))
    for t in range(tiles):
        for s in range(2):
            # one FIFO per SHAVE [assumption]; two share 64 ranges of 40 B and 64 invocations of 96 B [npu]
            engines.append(
                EngineModel(f"shave{t}_{s}", "shave", t, fifo_depth=256, descriptor_slots=32, descriptor_bytes=136)
            )
    engines.append(_firmware_channel(share))
    return MachineModel(
        name=f"npu40xx:{tiles}",
        clock_mhz=1700,  # [npu]
        tiles=tiles,
        engines=tuple(engines),
        barriers=BarrierModel(count=16 * tiles, max_producers=256, max_consumers=256, max_sum=256),  # [npu]
        # 2-10 us per barrier event is the usual estimate; these add up to about 1.4-2.5 us [assumption]
        firmware=FirmwareModel(),
        bootstrap=BootstrapModel(),  # [assumption]
        management=ManagementModel(),  # 4-byte FIFO and barrier words, 4 entries per register write [pages]
        memory=MemoryModel(cmx_bytes=1_474_560, ddr_mbps=45_000),  # [npu]; dma_setup 100 ns [assumption]
        compute=ComputeModel(),  # 1024 fp16 MACs per tick and tile, 70 % of peak [assumption]
    )


def _npu37xx() -> MachineModel:
    share = 27_000 // 2  # [npu]
    engines = [_dma(f"dma{p}", share, "") for p in range(2)]
    for t in range(2):
        # 32 invariants of 304 B, 256 variants of 64 B [npu]
        engines.append(EngineModel(f"dpu{t}", "dpu", t, fifo_depth=256, descriptor_slots=32, descriptor_bytes=560))
    for t in range(2):
        # two SHAVEs of a tile pull one FIFO [assumption]; 32 ranges of 24 B, 64 invocations of 64 B [npu]
        engines.append(
            EngineModel(f"shave{t}", "shave", t, "pool", 2, fifo_depth=256, descriptor_slots=32, descriptor_bytes=88)
        )
    engines.append(_firmware_channel(share))
    return MachineModel(
        name="npu37xx",
        clock_mhz=1300,  # [npu]
        tiles=2,
        engines=tuple(engines),
        barriers=BarrierModel(count=64, max_producers=256, max_consumers=256, max_sum=256),  # [npu]
        firmware=FirmwareModel(interrupt=1300, program=260, push=260, build_fetch=650),  # [assumption]
        bootstrap=BootstrapModel(base=13000, program=26, push=260),  # [assumption]
        management=ManagementModel(),
        memory=MemoryModel(cmx_bytes=1_982_464, dma_setup=130, ddr_mbps=27_000),  # [npu]; setup [assumption]
        compute=ComputeModel(),
    )


def _tiny() -> MachineModel:
    """Small limits everywhere, so that tests meet them with a dozen tasks."""
    return MachineModel(
        name="tiny",
        clock_mhz=1000,
        tiles=1,
        engines=(
            EngineModel("dma0", "dma", fifo_depth=4, max_waits=0, bandwidth_mbps=1000),
            EngineModel("dma1", "dma", fifo_depth=4, max_waits=0, bandwidth_mbps=1000),
            EngineModel("dma_fw", "dma", fifo_depth=4, max_waits=0, bandwidth_mbps=1000, firmware=True),
            EngineModel("dpu0", "dpu", 0, fifo_depth=4, descriptor_slots=4, descriptor_bytes=16),
            EngineModel("shave0", "shave", 0, fifo_depth=4, descriptor_slots=4, descriptor_bytes=16),
        ),
        barriers=BarrierModel(count=8, fifo_depth=1, max_producers=8, max_consumers=8, max_sum=12),
        firmware=FirmwareModel(interrupt=100, program=20, push=20, build_fetch=50, fetch_batch=1),
        bootstrap=BootstrapModel(base=1000, program=2, push=20),
        management=ManagementModel(),
        memory=MemoryModel(ddr_bytes=1 << 30, cmx_bytes=1 << 21, dma_setup=10, ddr_mbps=2000),
        compute=ComputeModel(dpu_macs=16, dpu_overhead=10, dpu_elements=8, shave_elements=4, shave_overhead=20),
    )


def _vta() -> MachineModel:
    """The three modules of VTA as engines of a machine with barriers: what if VTA were managed like an NPU?

    Command queues of 512 instructions of 16 bytes and a bus of 64 bits (reference: sources of tvm-vta); 100 MHz and
    32 ticks to memory are those of `wlm vta time` [assumption]; barriers and firmware are those of no VTA [assumption].
    """
    queue, width = 512, 16
    return MachineModel(
        name="vta",
        clock_mhz=100,
        tiles=1,
        engines=(
            EngineModel("load", "dma", fifo_depth=queue, max_waits=0, bandwidth_mbps=800),
            # an instruction of compute can wait for both its neighbours
            EngineModel(
                "compute", "dpu", 0, fifo_depth=queue, max_waits=2, descriptor_slots=512, descriptor_bytes=width
            ),
            EngineModel("store", "dma", fifo_depth=queue, max_waits=0, bandwidth_mbps=800),
            EngineModel("dma_fw", "dma", fifo_depth=64, max_waits=0, bandwidth_mbps=800, firmware=True),
        ),
        barriers=BarrierModel(count=16),
        firmware=FirmwareModel(interrupt=100, program=20, push=20, build_fetch=50),
        bootstrap=BootstrapModel(base=1000, program=2, push=20),
        management=ManagementModel(),
        memory=MemoryModel(ddr_bytes=1 << 29, cmx_bytes=1 << 19, dma_setup=32, ddr_mbps=2400),
        compute=ComputeModel(),
    )


_PRESETS: dict[str, Callable[[], MachineModel]] = {
    "npu37xx": _npu37xx,
    **{f"npu40xx:{tiles}": (lambda tiles=tiles: _npu40xx(tiles)) for tiles in range(1, 7)},  # type: ignore[misc]
    "tiny": _tiny,
    "vta": _vta,
}


def machine_names() -> tuple[str, ...]:
    """Names of the presets, in the order in which tools list them."""
    return tuple(_PRESETS)


def preset(name: str) -> MachineModel:
    """The preset called `name`; MachineError with a suggestion if there is none."""
    make = _PRESETS.get(name)
    if make is None:
        raise MachineError(f"unknown machine '{name}'{did_you_mean(name, _PRESETS)} (or give a .toml file)")
    return make()
