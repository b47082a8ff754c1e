"""The pictures in docs/pictures are what the tool draws now. WLM_UPDATE_DOCS=1 writes them anew."""

import os
from pathlib import Path

import pytest

from wlm_dialect.tools.wlm import main

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs/pictures"
UPDATE = os.environ.get("WLM_UPDATE_DOCS") == "1"
MODES = ("ideal", "firmware", "partial", "full")


@pytest.mark.parametrize("mode", MODES)
def test_the_picture_of_ten_tasks_in_each_mode(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    drawn, kept = tmp_path / "ten.svg", PICTURES / f"ten_{mode}.svg"
    arguments = ["examples/ten.mlir", "-m", "examples/ten.toml", "--mode", mode, "--svg", str(drawn)]
    assert main(["run", *arguments]) == 0, capsys.readouterr().err
    if UPDATE:
        kept.write_bytes(drawn.read_bytes())
    assert drawn.read_bytes() == kept.read_bytes(), f"{kept.name} is out of date (WLM_UPDATE_DOCS=1 rewrites it)"


def test_every_picture_is_on_a_page_and_is_tested() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    found = sorted(path.name for path in PICTURES.iterdir())
    assert found == sorted(f"ten_{mode}.svg" for mode in MODES)
    assert all(f"(pictures/{name})" in pages for name in found)
