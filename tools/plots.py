"""Plots of plain text: bars and a curve, in ASCII."""

from collections.abc import Sequence

from wlm_dialect.tools.tables import number

_ROWS = 10


def bars(rows: Sequence[tuple[str, int]], width: int = 50) -> str:
    """A line per (label, value) with a bar; the longest has `width` characters, none but that of 0 is empty."""
    labels = max((len(label) for label, _ in rows), default=0)
    values = max((len(number(value)) for _, value in rows), default=0)
    most = max((value for _, value in rows), default=0)
    lines = (
        f"{label:>{labels}}  {number(value):>{values}} {'#' * -(-value * width // max(1, most))}"
        for label, value in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def curve(values: Sequence[int], begin: str, end: str) -> str:
    """A column of '#' per value, at most `_ROWS` high, and the value that each row reaches; `begin`, `end` below."""
    most = max(values, default=0)
    rows = min(most, _ROWS)
    levels = [-(-most * row // rows) for row in range(rows, 0, -1)]
    labels = len(number(most))
    lines = [f"{number(n):>{labels}} |" + "".join("#" if value >= n else " " for value in values) for n in levels]
    lines.append(" " * labels + " +" + "-" * len(values))
    lines.append(" " * (labels + 2) + begin + " " * max(1, len(values) - len(begin) - len(end)) + end)
    return "\n".join(line.rstrip() for line in lines)
