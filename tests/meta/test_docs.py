"""README.md and docs/ are true: every fenced block is executed, every link leads somewhere.

A page is a story: its blocks run in order, in one folder that holds a copy of examples/. By language:

- `console`: lines after `$ ` are commands, the rest is exactly what they print
- `sh`: commands that succeed; make only has to know its target, pip only the extras (neither is run)
- `python`: with prompts a session and exactly what it prints, else a script that succeeds
- `mlir`: IR that verifies and reads back equal; with a path it is the text of that file
- `toml`: a machine that loads
- `json`: parses; `text`: anything that is none of these

WLM_UPDATE_DOCS=1 pytest tests/meta/test_docs.py writes what the commands print now into the pages.
"""

import doctest
import fcntl
import json
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import termios
import tomllib
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from xdsl.printer import Printer

from tests.ir_text import parse
from wlm_dialect.dialects.task import PHASES
from wlm_dialect.machine import parse_machine
from wlm_dialect.passes import PASSES
from wlm_dialect.passes.pipelines import PIPELINES

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
OURS = ("README.md", "docs/debugging.md", "docs/machine.md", "docs/tutorial.md")
LANGUAGES = ("console", "json", "mlir", "python", "sh", "text", "toml")
UPDATE = os.environ.get("WLM_UPDATE_DOCS") == "1"
FENCE = re.compile(r"^```(\w*)[ ]*([^\n]*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#[^)]*)?\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: where it is, the two parts of its info string, and what is in it."""

    page: str
    line: int
    language: str
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line} ({self.language})"


def blocks_of(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [Block(page, text.count("\n", 0, m.start()) + 1, m[1], m[2], m[3]) for m in FENCE.finditer(text)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """PATH with `wlm`, `wlm-opt` and `python` of this checkout in front, and tame forms of `make` and `pip`."""
    folder = tmp_path_factory.mktemp("bin")
    python, me = shlex.quote(sys.executable), shlex.quote(__file__)
    commands = {
        "wlm": f"{python} -m wlm_dialect.tools.wlm",
        "wlm-opt": f"{python} -m wlm_dialect.tools.wlm_opt",
        "wlm-check": f"{python} -m wlm_dialect.check.command",
        "python": python,
        "pip": f"{python} {me} pip",
        "make": f"{shutil.which('make')} --no-print-directory -n -C {shlex.quote(str(ROOT))}",
    }
    for name, command in commands.items():
        file = folder / name
        file.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        file.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def shell(command: str, folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "MAKEFLAGS": ""}
    return subprocess.run(
        ["bash", "-e", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def run_console(block: Block, folder: Path, path: str) -> str:
    """The block as it should read: its commands with what they print now. Each command has to succeed."""
    out: list[str] = []
    lines = iter(block.text.splitlines())
    for line in lines:
        if not line.startswith("$ "):
            continue
        command = [line]
        while command[-1].endswith("\\"):
            command.append(next(lines))
        done = shell("\n".join(command)[2:], folder, path)
        assert done.returncode == 0, f"{block}: {line}: exit code {done.returncode}\n{done.stdout}"
        out += [*command, *(text.rstrip() for text in done.stdout.rstrip().splitlines())]
    assert out, f"{block}: no command"
    return "\n".join(out) + "\n"


def run_python(block: Block, folder: Path, path: str) -> str:
    """The block as it should read: a session with what it prints now, or a script that has to succeed."""
    script = folder / f"block{block.line}.py"
    script.write_text(block.text, encoding="utf-8")
    session = ">>> " in block.text
    done = shell(f"python {shlex.quote(__file__)} session {script}" if session else f"python {script}", folder, path)
    assert done.returncode == 0, f"{block}:\n{done.stdout}"
    return done.stdout if session else block.text


def check_mlir(block: Block) -> None:
    if block.path:
        assert block.text == (ROOT / block.path).read_text(encoding="utf-8"), f"{block} is not {block.path}"
    whole = "task.graph" in block.text or "vta.program" in block.text
    text = block.text if whole else f"task.graph @block phase physical {{\n{block.text}}}"
    module = parse(text)
    for generic in (False, True):
        out = StringIO()
        Printer(out, print_generic_format=generic).print_op(module)
        assert parse(out.getvalue()).is_structurally_equivalent(module), str(block)


def check_toml(block: Block, folder: Path) -> None:
    machine = parse_machine(tomllib.loads(block.text), str(block))
    assert machine.engines
    if block.path:
        (folder / block.path).write_text(block.text, encoding="utf-8")


def execute(block: Block, folder: Path, path: str) -> str:
    """Run a block; its text as it should be."""
    match block.language:
        case "console":
            return run_console(block, folder, path)
        case "sh":
            done = shell(block.text, folder, path)
            assert done.returncode == 0, f"{block}: exit code {done.returncode}\n{done.stdout}"
        case "python":
            return run_python(block, folder, path)
        case "mlir":
            check_mlir(block)
        case "toml":
            check_toml(block, folder)
        case "json":
            json.loads(block.text)
        case "text":
            assert not re.search(r"^(\$ |wlm|make |python |pip )", block.text, re.M), f"{block} holds a command"
    return block.text


@pytest.mark.parametrize("page", PAGES)
def test_page(page: str, tmp_path: Path, path: str) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    for block in blocks_of(page):
        assert block.language in LANGUAGES, f"{block}: a block is one of {', '.join(LANGUAGES)}"
        now = execute(block, tmp_path, path)
        if UPDATE and now != block.text:
            file = ROOT / page
            text = file.read_text(encoding="utf-8")
            info = f"{block.language} {block.path}".strip()
            file.write_text(text.replace(f"```{info}\n{block.text}```", f"```{info}\n{now}```"), encoding="utf-8")
        else:
            assert now == block.text, f"{block} is out of date (WLM_UPDATE_DOCS=1 rewrites it)"


@pytest.mark.parametrize("page", PAGES)
def test_links(page: str) -> None:
    text = FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if target and "://" not in target:
            assert ((ROOT / page).parent / target).exists(), f"{page}: no file {target}"


def test_there_is_something_to_execute() -> None:
    found = {page: {block.language for block in blocks_of(page)} for page in OURS}
    assert found["README.md"] >= {"console", "mlir", "python", "sh"}
    assert found["docs/tutorial.md"] >= {"console", "mlir"}
    assert found["docs/debugging.md"] >= {"console", "python"}
    assert found["docs/machine.md"] >= {"console", "toml"}


def test_every_page_is_in_the_index() -> None:
    index = LINK.findall((ROOT / "docs/index.md").read_text(encoding="utf-8"))
    assert {f"docs/{target}" for target in index} >= {page for page in PAGES if page.startswith("docs/")} - {
        "docs/index.md"
    }


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_no_fence_is_left_open() -> None:
    for page in PAGES:
        fences = re.findall(r"^```", (ROOT / page).read_text(encoding="utf-8"), re.M)
        assert len(fences) == 2 * len(blocks_of(page)), page


def test_names_of_passes() -> None:
    """Every pass that a page names exists."""
    named = {name for page in PAGES for name in re.findall(r"\bwlm-[a-z]+-[a-z-]+", (ROOT / page).read_text("utf-8"))}
    assert len(named) > 5
    assert named <= set(PASSES)


def test_modes_in_readme() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    assert set(PIPELINES) <= set(rows)
    assert set(PHASES) <= set(rows)


def on_terminal(command: list[str], folder: Path, columns: int) -> tuple[int, str]:
    """Exit code and output of a command on a terminal of that width, without rich."""
    (folder / "rich.py").write_text("raise ModuleNotFoundError('rich')\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "TERM": "dumb"}
    environment.pop("COLUMNS", None)
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        shown = b""
        try:
            while data := os.read(ours, 4096):
                shown += data
        except OSError:  # the other side is closed
            pass
        os.close(ours)
    return process.returncode, shown.decode().replace("\r\n", "\n")


def test_demo(tmp_path: Path) -> None:
    """What `make demo` runs, on a narrow terminal and without rich: its files, and a table that is not cut off."""
    code, shown = on_terminal([sys.executable, str(ROOT / "examples/demo.py"), "out"], tmp_path, 60)
    assert code == 0, shown
    for mode in ("ideal", *PIPELINES):
        assert re.search(rf"^ *(mode +)?{mode}\b", shown, re.M), shown
    assert shown.count("proved, finished in") == 9
    closing = shown[shown.index("resnet50 on ") : shown.index("Written:")]
    assert max(map(len, closing.splitlines())) <= 60
    for name in re.findall(r"^  out/(\S+)$", shown, re.M):
        assert (tmp_path / "out" / name).stat().st_size > 0
    assert json.loads((tmp_path / "out/trace.json").read_text(encoding="utf-8"))["traceEvents"]
    assert "mode full" in str(parse((tmp_path / "out/resnet50_full.mlir").read_text(encoding="utf-8")))
    assert "</html>" in (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert (tmp_path / "out/graph.dot").read_text(encoding="utf-8").startswith("digraph")


def test_demo_refuses_a_file_as_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    code, shown = on_terminal([sys.executable, str(ROOT / "examples/demo.py"), "out"], tmp_path, 80)
    assert (code, shown) == (1, "demo: error: cannot make folder 'out': file exists\n")


def print_session(text: str) -> int:
    """Print a Python session with what its statements print now, as the interactive interpreter would show it."""
    names: dict[str, object] = {}
    for example in doctest.DocTestParser().get_examples(text):
        for n, line in enumerate(example.source.splitlines()):
            print(f"{'... ' if n else '>>> '}{line}".rstrip())
        exec(compile(example.source, "session", "single"), names)
    return 0


def tame_pip(words: list[str]) -> int:
    """`pip install [-e] '.[extra,...]'`: 0 if this project has all of the extras."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    found = re.fullmatch(r"install (?:-e )?\.(?:\[([\w,]+)\])?", " ".join(words))
    return 0 if found and set((found[1] or "all").split(",")) <= set(extras) else 1


if __name__ == "__main__":
    if sys.argv[1] == "session":
        sys.exit(print_session(Path(sys.argv[2]).read_text(encoding="utf-8")))
    sys.exit(tame_pip(sys.argv[2:]))
