"""Plain `xdsl-opt` knows our dialects and passes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from xdsl.universe import XDSL_UNIVERSE

from wlm_dialect.universe import WLM_UNIVERSE

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the project is installed as far as entry points go."""
    site = tmp_path_factory.mktemp("site")
    info = site / "wlm_dialect-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wlm-dialect\nVersion: 0\n")
    (info / "entry_points.txt").write_text("[xdsl.universe]\nwlm = wlm_dialect.universe:WLM_UNIVERSE\n")
    return os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}


def test_xdsl_opt_runs_our_passes(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xdsl.tools.xdsl_opt", "-p", "wlm-set-machine{machine=tiny},wlm-insert-barriers"],
        input='task.graph @net {\n  %a = task.run @dma0 "a" cycles 3\n  task.run @dpu0 "b" after(%a) cycles 4\n}\n',
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert "barrier.declare" in done.stdout
    assert "phase virtual" in done.stdout


def test_importing_the_universe_loads_no_pass_and_no_dialect() -> None:
    program = (
        "import sys, wlm_dialect.universe\n"
        "print([m for m in sys.modules if m.startswith(('wlm_dialect.dialects.', 'wlm_dialect.program'))"
        " or m == 'numpy' or m.startswith('wlm_dialect.passes.')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "[]\n"


def test_every_name_is_its_own_and_clashes_with_none_of_xdsl() -> None:
    assert set(WLM_UNIVERSE.all_dialects) == {"task", "barrier", "mgmt_dma", "vta"}
    for name, factory in WLM_UNIVERSE.all_dialects.items():
        assert factory().name == name
    assert not set(WLM_UNIVERSE.all_dialects) & set(XDSL_UNIVERSE.all_dialects)
    assert WLM_UNIVERSE.all_passes
    for name, load in WLM_UNIVERSE.all_passes.items():
        assert load().name == name
    assert not set(WLM_UNIVERSE.all_passes) & set(XDSL_UNIVERSE.all_passes)
