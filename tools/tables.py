"""Tables for people: aligned text that fits the terminal, drawn by rich where it is installed and somebody looks."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import IO

_GAP = "  "


def number(value: int) -> str:
    """Digits in groups of three: 1,234,567."""
    return f"{value:,}"


def cell(value: object) -> str:
    """A value as it stands in a table: integers grouped, None as a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, int) else one_line(str(value))


def one_line(text: str) -> str:
    """Text without what would break a line or a terminal: a name may hold anything."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def plain_table(columns: Sequence[str], rows: Iterable[Sequence[object]], width: int | None = None) -> str:
    """Aligned columns: numbers to the right, text to the left.

    A table wider than `width` (characters; None = no limit) becomes one block per row, a line per column, so that
    nothing is cut off.
    """
    table = list(rows)
    texts = [[cell(value) for value in row] for row in table]
    sizes = [max([len(c), *(len(row[n]) for row in texts)]) for n, c in enumerate(columns)]
    if width is not None and sum(sizes) + len(_GAP) * (len(sizes) - 1) > width:
        return _blocks(columns, texts)
    right = [bool(table) and all(_numeric(row[n]) for row in table) for n in range(len(columns))]
    lines = [columns, *texts]
    return "\n".join(
        _GAP.join(
            f"{text:>{w}}" if r else f"{text:<{w}}" for text, w, r in zip(line, sizes, right, strict=True)
        ).rstrip()
        for line in lines
    )


def _numeric(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool)) or _measure(str(value))


def _measure(text: str) -> bool:
    """`12.3 us`, `45%`, `+3.1%`, `1.07x`: text that is a number with a unit."""
    return text[:1].isdigit() or (text[:1] in "+-" and text[1:2].isdigit())


def _blocks(columns: Sequence[str], texts: Sequence[Sequence[str]]) -> str:
    wide = max(len(c) for c in columns)
    blocks = ["\n".join(f"{c:<{wide}}{_GAP}{text}" for c, text in zip(columns, row, strict=True)) for row in texts]
    return "\n\n".join(blocks)


def terminal_width(stream: IO[str]) -> int | None:
    """Columns of the terminal behind `stream`; None if it is none (a pipe or a file has no width)."""
    if not stream.isatty():
        return None
    return max(20, shutil.get_terminal_size().columns)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    title: str = "",
    stream: IO[str] | None = None,
    drop: Sequence[str] = (),
) -> None:
    """Print a table with a title. On a terminal rich draws it if it is installed and the table fits.

    Where the terminal is too narrow the columns in `drop` are left out, one after the other, until it fits.
    """
    out = sys.stdout if stream is None else stream
    table = list(rows)
    width = terminal_width(out)
    widest = _width(columns, table)
    for name in drop:
        if width is None or widest <= width:
            break
        kept = [n for n, column in enumerate(columns) if column != name]
        columns, table = [columns[n] for n in kept], [[row[n] for n in kept] for row in table]
        widest = _width(columns, table)
    if width is not None and widest + 4 <= width and _print_rich(columns, table, title, out):
        return
    if title:
        print(title, file=out)
    print(plain_table(columns, table, width), file=out)


def _width(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
    return max(map(len, plain_table(columns, rows).splitlines()))


def _print_rich(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str, out: IO[str]) -> bool:
    try:
        from rich import box
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table
    except ModuleNotFoundError:
        return False
    table = Table(
        title=escape(title) or None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1),
    )
    for n, column in enumerate(columns):
        right = bool(rows) and all(_numeric(row[n]) for row in rows)
        table.add_column(escape(column), justify="right" if right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(escape(cell(value)) for value in row))
    Console(file=out, highlight=False).print(table)
    return True
