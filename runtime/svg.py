"""A run as one SVG picture: a row per engine, firmware and physical barriers below. For pages and papers.

Equal runs give equal bytes: positions are whole tenths of a pixel, and nothing depends on fonts that are there or not.
"""

import re
from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from wlm_dialect.program import Kind
from wlm_dialect.runtime.perfetto import pack
from wlm_dialect.runtime.report import Report

_LEFT, _RIGHT, _WIDE = 74, 16, 1000  # pixels beside the rows, and of the whole time line
_ROW, _GAP, _TOP = 20, 4, 46
_LETTER = 5.6  # width of a character of a label, at most
_MARKS = 8  # marks on the time axis, about
_STEPS = (1, 2, 5)
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

_COLOURS = {
    "task": ("#3b6fb5", "#ffffff"),
    "transfer": ("#2a8f86", "#ffffff"),
    "fetch": ("#e8a33d", "#1f2328"),
    "enqueue": ("#d9622b", "#ffffff"),
    "program": ("#b8860b", "#ffffff"),
    "sync": ("#7a8794", "#ffffff"),
    "firmware": ("#8a4fbd", "#ffffff"),
    "armed": ("#d9ccf0", "#1f2328"),
    "lifted": ("#f0ebf9", "#1f2328"),
}
_KINDS = {Kind.FETCH: "fetch", Kind.ENQUEUE: "enqueue", Kind.PROGRAM: "program", Kind.SYNC: "sync"}


class _Box(NamedTuple):
    """Ticks [start, end) of a row; `told` is what a pointer shows."""

    start: int
    end: int
    colour: str
    label: str
    told: str


def make_svg(report: Report) -> str:
    """The text of the picture. What did not happen before the run stopped is left out."""
    rows = [*_engines(report), *_firmware(report), *_barriers(report)]
    horizon = max(1, report.horizon)
    height = _TOP + len(rows) * (_ROW + _GAP) + 24
    used = list(dict.fromkeys(box.colour for _, boxes in rows for box in boxes))
    p = report.result.program
    title = f"@{p.name}, {p.mode or p.phase}: {report.result.outcome} at tick {report.horizon:,}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDE + _RIGHT}" height="{height}" '
        f'viewBox="0 0 {_LEFT + _WIDE + _RIGHT} {height}" font-family="Helvetica, Arial, sans-serif" font-size="10">',
        f"<title>{_escaped(title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="8" y="16" font-size="13" fill="#1f2328">{_escaped(title)}</text>',
        *_legend(used),
        *_axis(horizon, height),
    ]
    for n, (name, boxes) in enumerate(rows):
        top = _TOP + n * (_ROW + _GAP)
        lines.append(f'<text x="{_LEFT - 6}" y="{top + 14}" text-anchor="end" fill="#1f2328">{_escaped(name)}</text>')
        lines.append(f'<rect x="{_LEFT}" y="{top}" width="{_WIDE}" height="{_ROW}" fill="#eceef1"/>')
        for box in boxes:
            lines += _drawn(box, top, horizon)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _engines(report: Report) -> Iterable[tuple[str, list[_Box]]]:
    result, p = report.result, report.result.program
    for model, tasks in zip(p.machine.engines, p.lists, strict=True):
        ran = [t for t in tasks.tolist() if result.start[t] >= 0]
        spans = [(int(result.start[t]), int(result.end[t]) if result.end[t] >= 0 else report.horizon) for t in ran]
        lanes: dict[int, list[_Box]] = {}
        for t, (start, end), lane in zip(ran, spans, pack(spans), strict=True):
            colour = _KINDS.get(Kind(int(p.kind[t])), "transfer" if model.kind == "dma" else "task")
            label = p.names[t] if colour in ("task", "transfer") else ""
            lanes.setdefault(lane, []).append(_Box(start, end, colour, label, f"{p.names[t]}: {start} to {end}"))
        yield from ((model.name if lane == 0 else "", lanes[lane]) for lane in sorted(lanes))


def _firmware(report: Report) -> Iterable[tuple[str, list[_Box]]]:
    result, p = report.result, report.result.program
    boxes: list[_Box] = []
    for h in result.handlers:
        what = p.barrier_name(h.barrier) if h.barrier >= 0 else p.names[h.fetch]
        boxes.append(_Box(h.start, h.end, "firmware", what, f"{what}: {h.start} to {h.end}, {h.pushes} pushed"))
    if boxes:
        yield "firmware", boxes


def _barriers(report: Report) -> Iterable[tuple[str, list[_Box]]]:
    """Per physical barrier its instances: until they are lifted, then until they are over."""
    result, p = report.result, report.result.program
    table = p.barriers
    for pid in sorted({int(x) for x in table.pid.tolist()} - {-1}):
        boxes: list[_Box] = []
        for v in [v for v in range(len(table)) if table.pid[v] == pid and result.armed[v] >= 0]:
            armed = int(result.armed[v])
            lifted = int(result.lifted[v]) if result.lifted[v] >= 0 else report.horizon
            over = int(result.over[v]) if result.over[v] >= 0 else report.horizon
            name = p.barrier_name(v)
            told = f"{name}: armed {armed}, lifted {lifted}, over {over}"
            boxes.append(_Box(armed, lifted, "armed", name, told))
            if over > lifted:
                boxes.append(_Box(lifted, over, "lifted", "", told))
        if boxes:
            yield f"barrier {pid}", boxes


def _drawn(box: _Box, top: int, horizon: int) -> list[str]:
    left, width = _at(box.start, horizon), max(0.8, _at(box.end, horizon) - _at(box.start, horizon))
    fill, ink = _COLOURS[box.colour]
    room = int((width - 4) / _LETTER)
    cut = box.label[: room - 1] + "…" if room >= 4 else ""
    shown = box.label if len(box.label) <= room else cut
    out = [
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{_ROW}" fill="{fill}" stroke="#ffffff" '
        f'stroke-width="0.6"><title>{_escaped(box.told)}</title></rect>'
    ]
    if shown:
        out.append(f'<text x="{left + 3:.1f}" y="{top + 14}" fill="{ink}">{_escaped(shown)}</text>')
    return out


def _at(tick: int, horizon: int) -> float:
    """Pixels from the left, in whole tenths."""
    return _LEFT + (tick * _WIDE * 10 // horizon) / 10


def _legend(used: list[str]) -> list[str]:
    out: list[str] = []
    left = _LEFT
    for colour in [c for c in _COLOURS if c in used]:
        name = {"armed": "barrier armed", "lifted": "lifted, not over"}.get(colour, colour)
        out.append(f'<rect x="{left}" y="25" width="10" height="10" fill="{_COLOURS[colour][0]}"/>')
        out.append(f'<text x="{left + 14}" y="34" fill="#626a73">{name}</text>')
        left += 28 + int(len(name) * _LETTER)
    return out


def _axis(horizon: int, height: int) -> list[str]:
    unit = 1
    while unit * _STEPS[-1] * _MARKS < horizon:
        unit *= 10
    step = next(unit * s for s in _STEPS if unit * s * _MARKS >= horizon)
    out: list[str] = []
    for tick in range(0, horizon + 1, step):
        x = f"{_at(tick, horizon):.1f}"
        out.append(f'<line x1="{x}" y1="{_TOP - 4}" x2="{x}" y2="{height - 20}" stroke="#dfe2e6"/>')
        out.append(f'<text x="{x}" y="{height - 8}" text-anchor="middle" fill="#626a73">{tick:,}</text>')
    return out


def _escaped(text: str) -> str:
    """The text of a name, which may hold anything, as XML."""
    return escape(_NO_XML.sub("\ufffd", text))
