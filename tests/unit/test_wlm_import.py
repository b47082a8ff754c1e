"""`wlm compile --mode none`: a network as a task graph, in both forms, that the tools read back."""

from pathlib import Path

import pytest

from wlm_dialect import api
from wlm_dialect.tools.wlm import main


@pytest.mark.parametrize("form", ["mlir", "json"])
def test_an_imported_graph_is_read_back(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"graph.{form}"
    assert main(["compile", "squeezenet", "-m", "npu40xx:1", "--mode", "none", "--emit", form, "-o", str(path)]) == 0
    made, read = api.load("squeezenet", "npu40xx:1"), api.load(str(path), "npu40xx:1")
    assert read.phase == "graph"
    assert len(read) == len(made) > 50
    assert read.cycles.tolist() == made.cycles.tolist()
    assert read.engine.tolist() == made.engine.tolist()
    assert [set(row) for row in read.after.lists()] == [set(row) for row in made.after.lists()]
