"""A progress bar on standard error while something long runs; nothing when nobody looks."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

Advance = Callable[[str], None]
"""Called when a step begins, with its name."""


@contextmanager
def progress(total: int, label: str, stream: IO[str] | None = None) -> Iterator[Advance]:
    """A bar of `total` steps. rich draws it if installed, else one line is rewritten; piped, it is silent."""
    out = sys.stderr if stream is None else stream
    if not out.isatty():
        yield lambda _: None
        return
    try:
        from rich.console import Console
        from rich.progress import Progress
    except ModuleNotFoundError:
        with _line(total, label, out) as advance:
            yield advance
        return
    with Progress(console=Console(file=out), transient=True) as bar:
        task = bar.add_task(label, total=total)
        done = -1

        def advance(name: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, completed=done, description=f"{label}: {name}")

        yield advance


@contextmanager
def _line(total: int, label: str, out: IO[str]) -> Iterator[Advance]:
    done = 0

    def advance(name: str) -> None:
        nonlocal done
        done += 1
        text = f"{label} {done}/{total}: {name}"[:78]
        out.write(f"\r{text:<78}")
        out.flush()

    try:
        yield advance
    finally:
        out.write(f"\r{'':<78}\r")
        out.flush()
