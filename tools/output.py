"""Where tools write: files that appear whole or not at all, and standard output."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from wlm_dialect.files import new_file

STDOUT = "-"


@contextmanager
def open_output(path: str) -> Iterator[IO[str]]:
    """`path` for writing, or standard output for ``-``; the file appears only if the block raises nothing."""
    if path == STDOUT:
        yield sys.stdout
        sys.stdout.flush()
        return
    with new_file(path) as stream:
        yield stream


def write_output(path: str, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    with open_output(path) as stream:
        stream.write(text)
