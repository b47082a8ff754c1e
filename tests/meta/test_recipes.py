"""The recipes of CONTRIBUTING.md work: a stranger who touches just the files they name gets what they promise."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("wlm_dialect", "passes", "runtime", "tools", "tests/filecheck/lit.cfg", "pyproject.toml", "CONTRIBUTING.md")

PASS = '''"""Pass `wlm-halve-cycles`."""

from dataclasses import dataclass

import numpy as np

from wlm_dialect.passes.base import ProgramPass
from wlm_dialect.program import Program


@dataclass(frozen=True)
class HalveCyclesPass(ProgramPass):
    """Let every task take half its time, rounded up. Precondition: phase graph."""

    name = "wlm-halve-cycles"
    phases = ("graph",)

    def transform(self, program: Program) -> Program:
        return program.with_(cycles=np.maximum(1, -(-program.cycles // 2)))
'''
BASIC = """// RUN: wlm-opt %s --machine tiny -p wlm-halve-cycles | filecheck %s

// CHECK-LABEL: task.graph @net {
// CHECK-NEXT:    %[[a:.*]] = task.run @dma0 "a" cycles 4
// CHECK-NEXT:    %{{.*}} = task.run @dpu0 "b" after(%[[a]]) cycles 1
// CHECK-NEXT:  }
task.graph @net {
  %a = task.run @dma0 "a" cycles 7
  task.run @dpu0 "b" after(%a) cycles 1
}
"""
INVALID = """// RUN: not wlm-opt %s --machine tiny -p wlm-halve-cycles 2>&1 | filecheck %s

// CHECK: wlm-halve-cycles needs a graph in phase graph, but @net is in phase virtual
task.graph @net phase virtual {
  task.run @dma0 "a" cycles 7
}
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the tools need, as a checkout has it."""
    copy = tmp_path_factory.mktemp("recipe") / "tree"
    for name in COPIED:
        source, target = ROOT / name, copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
            shutil.copytree(source, target, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, target)
    return copy


def run(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python in the copy, and nowhere else."""
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )


def listed(tree: Path) -> str:
    """What `wlm-opt --list-passes` prints in the copy."""
    done = run(tree, "-m", "wlm_dialect.tools.wlm_opt", "--list-passes")
    assert done.returncode == 0, done.stderr
    return done.stdout


def recipe(title: str) -> tuple[int, list[str]]:
    """The budget of a recipe and the paths it names, one per numbered line."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(rf"\*\*{title} \((\d+)\)\.\*\*.*?\n\n((?:\d+\. .*\n(?:   .*\n)*)+)", text)
    assert found is not None, f"CONTRIBUTING.md has no recipe '{title}'"
    lines = re.findall(r"^\d+\. (.*)$", found[2], re.MULTILINE)
    paths = [re.search(r"`([^`]+)`", line) for line in lines]
    return int(found[1]), [path[1] for path in paths if path is not None]


def test_a_pass_takes_the_three_files_that_the_recipe_names(tree: Path) -> None:
    budget, places = recipe("A pass")
    assert (budget, len(places)) == (3, 3)
    name = {"<verb>_<object>": "halve_cycles", "<pass-name>": "wlm-halve-cycles"}
    code, table, folder = (re.sub(r"<[^/]+>(?=\.py|/)", lambda m: name[m[0]], place) for place in places)
    assert "wlm-halve-cycles" not in listed(tree)

    (tree / code).write_text(PASS, encoding="utf-8")
    text = (tree / table).read_text(encoding="utf-8")
    line = '    "wlm-halve-cycles": "halve_cycles:HalveCyclesPass",\n'
    before = '    "wlm-insert-barriers": '
    assert text.count(before) == 1
    (tree / table).write_text(text.replace(before, line + before), encoding="utf-8")
    tests = tree / folder
    tests.mkdir(parents=True)
    (tests / "basic.mlir").write_text(BASIC, encoding="utf-8")
    (tests / "invalid.mlir").write_text(INVALID, encoding="utf-8")

    assert "wlm-halve-cycles\n    Let every task take half its time, rounded up." in listed(tree)
    lit = run(tree, "-c", "from lit.main import main; main()", "-v", str(tests))
    assert lit.returncode == 0, lit.stdout + lit.stderr
    assert "Passed: 2" in lit.stdout
    # and the test tells a pass that does something else
    (tree / code).write_text(PASS.replace("// 2", "// 3"), encoding="utf-8")
    lit = run(tree, "-c", "from lit.main import main; main()", "-v", str(tests))
    assert lit.returncode != 0
    assert "Failed: 1" in lit.stdout


def test_the_copy_runs_its_own_sources(tree: Path) -> None:
    done = run(tree, "-c", "import wlm_dialect.passes.base as b; print(b.__file__)")
    assert done.stdout.strip() == str(tree / "wlm_dialect" / "passes" / "base.py"), done.stderr


@pytest.mark.parametrize("title", ["An op", "A pass", "A rule", "An engine kind"])
def test_a_recipe_names_places_that_exist_and_as_many_as_it_says(title: str) -> None:
    budget, places = recipe(title)
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    part = text.partition(f"**{title} (")[2].partition("\n**")[0]
    assert len(re.findall(r"^\d+\. ", part, re.MULTILINE)) == budget
    for place in places:
        fixed = place.partition("<")[0]
        assert (ROOT / fixed).exists(), place
