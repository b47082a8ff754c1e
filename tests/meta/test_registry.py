"""The table of passes is what is in the tree: files, classes, documentation and lit tests go together."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest
from xdsl.passes import ModulePass

from wlm_dialect import passes
from wlm_dialect.passes import PASSES, get_all_passes
from wlm_dialect.passes.pipelines import PIPELINES

ROOT = Path(__file__).resolve().parents[2]
LIT = ROOT / "tests" / "filecheck" / "passes"


def test_the_table_is_sorted_and_has_a_line_per_pass() -> None:
    assert list(PASSES) == sorted(PASSES)
    assert len(set(PASSES.values())) == len(PASSES)
    lines = inspect.getsource(passes).splitlines()
    for name, place in PASSES.items():
        assert lines.count(f'    "{name}": "{place}",') == 1


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_is_where_its_name_says(name: str) -> None:
    module, _, cls_name = PASSES[name].partition(":")
    stem = name.removeprefix("wlm-")
    assert stem != name
    assert module == stem.replace("-", "_")
    assert cls_name == "".join(word.capitalize() for word in stem.split("-")) + "Pass"
    cls = get_all_passes()[name]()
    assert issubclass(cls, ModulePass)
    assert (cls.name, cls.__name__) == (name, cls_name)
    assert cls.__module__ == f"wlm_dialect.passes.{module}"


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_says_what_it_does(name: str) -> None:
    cls = get_all_passes()[name]()
    first, _, rest = (cls.__doc__ or "").partition("\n")
    # not the signature that dataclasses put in place of a docstring that is missing
    assert not first.startswith(f"{cls.__name__}(")
    assert re.fullmatch(r"[A-Z].{15,}[.:]", first.strip()) or rest, first
    assert len(first) > 15
    module = inspect.getmodule(cls)
    assert module is not None
    assert module.__doc__ == f"Pass `{name}`." or (module.__doc__ or "").startswith(f"Pass `{name}`, ")


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_has_lit_tests_of_what_it_does_and_of_what_it_refuses(name: str) -> None:
    runs = [
        line for file in sorted((LIT / name).glob("*.mlir")) for line in file.read_text().splitlines() if "RUN:" in line
    ]
    ours = [line for line in runs if name in line or name == "wlm-verify-schedule"]
    assert any("RUN: not " in line for line in ours)
    assert any("RUN: wlm-opt" in line for line in ours)


def test_no_folder_of_lit_tests_is_left_over() -> None:
    assert sorted(p.name for p in LIT.iterdir() if p.is_dir() and list(p.glob("*.mlir"))) == sorted(PASSES)
    pipelines = ROOT / "tests" / "filecheck" / "pipelines"
    assert {p.stem for p in pipelines.glob("*.mlir")} >= set(PIPELINES)


def test_every_file_of_passes_is_a_pass_or_what_passes_share() -> None:
    listed = {place.partition(":")[0] for place in PASSES.values()}
    found = {p.stem for p in (ROOT / "passes").glob("*.py")}
    assert found - listed == {"__init__", "base", "choices", "editing", "pipelines", "reordering"}


def test_pipelines_use_listed_passes_with_their_options() -> None:
    for build in PIPELINES.values():
        for step in build():
            assert PASSES[step.name].endswith(f":{type(step).__name__}")
            assert str(step).startswith(step.name)
            assert all(hasattr(step, f.name) for f in fields(step))  # type: ignore[arg-type]


class _Plug:
    """An entry point of group `wlm.passes`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def load(self) -> type[ModulePass]:
        return ModulePass


def test_passes_are_plugged_in_by_name_and_replace_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    plugs = [_Plug("wlm-mine"), _Plug("wlm-insert-tail")]
    monkeypatch.setattr(passes, "entry_points", lambda group: plugs if group == "wlm.passes" else [])
    table = get_all_passes()
    assert set(table) == {*PASSES, "wlm-mine"}
    assert table["wlm-mine"]() is ModulePass
    assert table["wlm-insert-tail"]().__name__ == "InsertTailPass"
