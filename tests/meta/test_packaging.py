"""What is installed is what is in the tree, under `wlm_dialect` and no other name."""

import configparser
import email
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

import wlm_dialect

ROOT = Path(__file__).resolve().parents[2]
LINKED = ("passes", "runtime", "tools")
MADE_BY_RUNNING = ("__pycache__", "*.pyc", "*.nbi", "*.nbc")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}"
    return done.stdout


@dataclass(frozen=True)
class Built:
    tree: Path
    sdist: Path
    from_sdist: Path
    from_tree: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build in a copy: a build leaves folders behind that the next one would pick up."""
    scratch = tmp_path_factory.mktemp("packaging")
    tree = scratch / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, tree)
    for name in ("wlm_dialect", *LINKED, "tests"):
        if (ROOT / name).exists():  # an sdist has no folders beside the package but the tests
            shutil.copytree(
                ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns(*MADE_BY_RUNNING, "Output")
            )
    # --no-isolation: the build takes what this environment has, and needs no network.
    assert int(version("setuptools").partition(".")[0]) >= 77, "too old to build with: pip install -e '.[dev]'"
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir")
    run(*build, scratch / "a", tree, cwd=scratch)
    run(*build, scratch / "b", "--wheel", tree, cwd=scratch)
    [sdist] = (scratch / "a").glob("*.tar.gz")
    [from_sdist] = (scratch / "a").glob("*.whl")
    [from_tree] = (scratch / "b").glob("*.whl")
    return Built(tree, sdist, from_sdist, from_tree)


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def metadata(wheel: Path, file: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(f".dist-info/{file}")]
        return archive.read(name).decode()


def test_wheel_holds_every_file_of_the_package_and_nothing_else(built: Built) -> None:
    package = built.tree / "wlm_dialect"
    expected = {
        (Path(folder) / file).relative_to(built.tree).as_posix()
        for folder, _, files in os.walk(package, followlinks=True)
        for file in files
        if "egg-info" not in folder
    }
    assert {"wlm_dialect/py.typed", *(f"wlm_dialect/{name}/__init__.py" for name in LINKED)} <= expected
    inside = names(built.from_tree)
    assert {name for name in inside if ".dist-info/" not in name} == expected
    assert {name.partition("/")[0] for name in inside} == {
        "wlm_dialect",
        f"wlm_dialect-{wlm_dialect.__version__}.dist-info",
    }


def test_wheel_made_from_the_sdist_is_the_same(built: Built) -> None:
    assert names(built.from_sdist) == names(built.from_tree)


def test_sdist_carries_the_tests(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"tests/filecheck/lit.cfg", "tests/meta/test_packaging.py", "LICENSE"} <= inside


def test_metadata(built: Built) -> None:
    headers = email.message_from_string(metadata(built.from_tree, "METADATA"))
    assert headers["Name"] == "wlm-dialect"
    assert headers["Version"] == wlm_dialect.__version__
    assert headers["License-Expression"] == "Apache-2.0 WITH LLVM-exception"
    required = headers.get_all("Requires-Dist")
    assert required is not None
    assert {r for r in required if "extra ==" not in r} == {"xdsl==0.74.0", "numpy>=1.26"}
    assert "LLVM Exceptions" in metadata(built.from_tree, "licenses/LICENSE")
    entry_points = configparser.ConfigParser()
    entry_points.read_string(metadata(built.from_tree, "entry_points.txt"))
    assert dict(entry_points["xdsl.universe"]) == {"wlm": "wlm_dialect.universe:WLM_UNIVERSE"}
    assert {"wlm", "wlm-opt"} <= set(entry_points["console_scripts"])


def test_version_is_the_same_in_both_places() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == wlm_dialect.__version__


LOAD_EVERYTHING = """
import importlib, importlib.metadata, pkgutil, sys
import wlm_dialect
[distribution] = importlib.metadata.distributions(name="wlm-dialect", path=[sys.argv[1]])
for entry_point in distribution.entry_points:
    entry_point.load()
for module in pkgutil.walk_packages(wlm_dialect.__path__, "wlm_dialect."):
    importlib.import_module(module.name)
for name in [n for n in sys.modules if n.partition(".")[0] in ("wlm_dialect", "passes", "runtime", "tools")]:
    print(name, sys.modules[name].__file__)
"""


def test_installed_wheel_imports_whole_and_from_where_it_was_put(built: Built, tmp_path: Path) -> None:
    target = tmp_path / "site"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile")
    run(*pip, "--target", target, built.from_sdist, cwd=tmp_path)
    printed = run(sys.executable, "-c", LOAD_EVERYTHING, target, cwd=tmp_path, PYTHONPATH=str(target))
    loaded = dict(line.split(" ", 1) for line in printed.splitlines() if line.startswith(("wlm_", *LINKED)))
    assert {"wlm_dialect", *(f"wlm_dialect.{name}" for name in LINKED)} <= set(loaded)
    assert all(name.startswith("wlm_dialect") for name in loaded)
    assert all(Path(file).is_relative_to(target) for file in loaded.values())
