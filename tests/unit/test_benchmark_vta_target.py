"""benchmarks/vta_target.py measures what it says, and stops at wrong bytes."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.benchmark_scripts import load_script
from wlm_dialect import api
from wlm_dialect.errors import SimulationError

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "vta"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return load_script("vta_target")


def test_rows(benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.json"
    folders = [str(DATA / "svta_matrix_overfitting"), str(DATA / "hand_16x16")]
    assert benchmark.main(["--json", str(file), *folders]) == 0
    rows = json.loads(file.read_text(encoding="utf-8"))
    assert capsys.readouterr().out.splitlines() == ["  ".join(map(str, row.values())) for row in rows]
    assert [row["way"] for row in rows[:4]] == ["recorded", "anew", "fewest", "two contexts"]
    recorded, anew, fewest, split = rows[:4]
    assert fewest["tokens"] <= anew["tokens"]
    assert split["ticks"] < anew["ticks"] <= recorded["ticks"]
    assert "nothing to split" in rows[7]["error"]


def test_wrong_bytes_stop_it(benchmark: ModuleType) -> None:
    program = api.vta_load(str(DATA / "hand_16x16"))
    zeros = tuple(replace(s, data=np.zeros_like(s.data)) if s.name == "INP" else s for s in program.segments)
    with pytest.raises(SimulationError, match=r"hand_16x16, bad: .*output 0: "):
        benchmark.measured("bad", lambda: program.with_(segments=zeros))
