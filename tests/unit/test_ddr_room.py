"""DDR holds what is alive at once, and hardly more."""

import numpy as np
import pytest

pytest.importorskip("onnx")

from wlm_dialect.frontends import load
from wlm_dialect.kernels.allocator import align
from wlm_dialect.machine import preset

ALLOWED = 1.1


@pytest.mark.parametrize(
    ("network", "machine"), [("inception_v1", "npu40xx:1"), ("squeezenet", "npu40xx:1"), ("shufflenet", "npu40xx:4")]
)
def test_ddr_is_used_again(network: str, machine: str) -> None:
    p = load(network, preset(machine))
    b = p.buffers
    first, last = np.full(len(b), len(p)), np.full(len(b), -1)
    for table in (p.reads, p.writes):
        np.minimum.at(first, b.root[table.index], table.rows())
        np.maximum.at(last, b.root[table.index], table.rows())
    ddr = [r for r in range(len(b)) if b.root[r] == r and b.memory[r] < 0]
    room = {r: align(int(b.size[r]), 64) for r in ddr}
    lasting = sum(room[r] for r in ddr if b.role[r] != "scratch")
    change = np.zeros(len(p) + 1, np.int64)
    for r in ddr:
        if b.role[r] == "scratch":
            change[first[r]] += room[r]
            change[last[r] + 1] -= room[r]
    alive = int(np.cumsum(change).max())
    assert alive < sum(room.values()) - lasting  # memory is used again
    top = max(int(b.address[r]) + room[r] for r in ddr)
    assert top - lasting <= ALLOWED * alive
