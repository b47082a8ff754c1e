"""The tools see through the links: an error planted behind each one is noticed."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINKED = ("passes", "runtime", "tools")
CLEAN_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "COVERAGE_"))}

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists() and not (ROOT / "passes").exists(),
    reason="an sdist holds the linked folders as part of wlm_dialect",
)


def run(*command: str, cwd: Path) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=CLEAN_ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def script(name: str) -> str:
    """A console script of this interpreter's environment, whatever PATH says."""
    found = shutil.which(name, path=os.path.dirname(sys.executable)) or shutil.which(name)
    assert found, f"{name} is not installed: pip install -e '.[dev]'"
    return found


def lint_imports(tree: Path) -> tuple[int, str]:
    """COLUMNS keeps the long module names on one line, and no cache keeps the verdict honest."""
    code, output = run("env", "COLUMNS=400", f"PYTHONPATH={tree}", script("lint-imports"), "--no-cache", cwd=tree)
    return code, " ".join(output.split())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """All sources, links as links."""
    for name in ("wlm_dialect", *LINKED):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """The real configuration and links around packages with nothing in them: what the tools reach does not depend on
    the rest, and they are quick."""
    (tmp_path / "wlm_dialect").mkdir()
    (tmp_path / "wlm_dialect" / "__init__.py").write_text('"""Empty."""\n')
    for name in LINKED:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text('"""Empty."""\n')
        (tmp_path / "wlm_dialect" / name).symlink_to(os.readlink(ROOT / "wlm_dialect" / name))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", LINKED)
def test_folder_is_a_link_in_the_package(name: str) -> None:
    link = ROOT / "wlm_dialect" / name
    assert link.is_symlink(), f"{link} is not a link: on Windows, set core.symlinks and clone again"
    assert os.readlink(link) == f"../{name}"


def test_layers_hold() -> None:
    code, output = lint_imports(ROOT)
    assert code == 0, output
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert f"Contracts: {len(contracts)} kept, 0 broken." in output


@pytest.mark.parametrize(
    ("file", "imports", "complaint"),
    [
        ("passes/planted.py", "wlm_dialect.tools", "wlm_dialect.passes is not allowed to import wlm_dialect.tools"),
        ("passes/planted.py", "wlm_dialect.runtime", "wlm_dialect.passes is not allowed to import wlm_dialect.runtime"),
        ("runtime/planted.py", "wlm_dialect.passes", "wlm_dialect.runtime is not allowed to import wlm_dialect.passes"),
        (
            "wlm_dialect/program/planted.py",
            "wlm_dialect.tools",
            "wlm_dialect.program is not allowed to import wlm_dialect.tools",
        ),
        ("wlm_dialect/kernels/planted.py", "xdsl.ir", "wlm_dialect.kernels is not allowed to import xdsl"),
        ("tools/planted.py", "wlm_dialect.passes", None),
    ],
)
def test_planted_import(tree: Path, file: str, imports: str, complaint: str | None) -> None:
    (tree / file).write_text(f'"""Planted."""\n\nimport {imports}\n')
    code, output = lint_imports(tree)
    if complaint is None:
        assert code == 0, output
    else:
        assert code == 1, output
        assert complaint in output
        assert "planted" in output


def test_new_module_needs_a_layer(tree: Path) -> None:
    (tree / "wlm_dialect" / "planted.py").write_text('"""Planted."""\n')
    code, output = lint_imports(tree)
    assert code == 1, output
    assert "planted" in output


def test_type_checker_notices(skeleton: Path) -> None:
    code, output = run(sys.executable, "-m", "mypy", "--no-error-summary", cwd=skeleton)
    assert code == 0, output
    for name in LINKED:
        (skeleton / name / "planted.py").write_text(
            '"""Planted."""\n\nCOUNT: int = "three"\n\n\ndef untyped(x):\n    return x\n'
        )
    code, output = run(sys.executable, "-m", "mypy", cwd=skeleton)
    assert code == 1, output
    for name in LINKED:
        assert f"{name}/planted.py:3: error: Incompatible types in assignment" in output
        assert f"{name}/planted.py:6: error: Function is missing a type annotation" in output


def test_linter_notices(skeleton: Path) -> None:
    code, output = run(sys.executable, "-m", "ruff", "check", "--no-cache", ".", cwd=skeleton)
    assert code == 0, output
    for name in LINKED:
        (skeleton / name / "planted.py").write_text(
            f'"""Planted."""\n\nimport {name}\nfrom . import sibling\n\n__all__ = ["{name}", "sibling"]\n'
        )
    code, output = run(
        sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", ".", cwd=skeleton
    )
    assert code == 1, output
    for name in LINKED:
        # Once, under the real folder: ruff does not follow the links.
        assert output.count(f"{name}/planted.py:3:8: TID251 `{name}` is banned: import wlm_dialect.{name}") == 1
        assert f"{name}/planted.py:4:1: TID252 " in output


def test_coverage_notices(skeleton: Path) -> None:
    for name in LINKED:
        (skeleton / name / "planted.py").write_text('"""Planted."""\n\nCOUNT = 3\nTWICE = 2 * COUNT\n')
    (skeleton / "main.py").write_text("import wlm_dialect.passes.planted\n")
    coverage = (sys.executable, "-m", "coverage")
    for arguments in (("run", "main.py"), ("combine", "-q")):
        code, output = run(*coverage, *arguments, cwd=skeleton)
        assert code == 0, output
    code, output = run(*coverage, "report", cwd=skeleton)
    lines = {line.split()[0]: line.split() for line in output.splitlines() if "planted" in line}
    assert code == 0, output
    assert set(lines) == {"runtime/planted.py", "tools/planted.py"}, output  # passes/planted.py ran: fully covered
    assert all(line[1:3] == ["2", "2"] for line in lines.values())
