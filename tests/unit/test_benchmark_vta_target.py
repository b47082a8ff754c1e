"""benchmarks/vta_target.py measures what it says, and stops at wrong bytes."""

import json
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.benchmark_scripts import load_script
from wlm_dialect import api

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data" / "vta"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return load_script("vta_target")


def test_rows(benchmark: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["--json", str(DATA / "svta_matrix_overfitting"), str(DATA / "hand_16x16")]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["way"] for row in rows[:4]] == ["recorded", "anew", "fewest", "two contexts"]
    recorded, anew, fewest, split = rows[:4]
    assert fewest["tokens"] <= anew["tokens"]
    assert split["ticks"] < anew["ticks"] <= recorded["ticks"]
    assert "nothing to split" in rows[7]["error"]


def test_wrong_bytes_stop_it(benchmark: ModuleType) -> None:
    program = api.vta_load(str(DATA / "hand_16x16"))
    zeros = tuple(replace(s, data=np.zeros_like(s.data)) if s.name == "INP" else s for s in program.segments)
    with pytest.raises(SystemExit, match=r"hand_16x16, bad: .*output 0: "):
        benchmark.measured("bad", lambda: program.with_(segments=zeros))
