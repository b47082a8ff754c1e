"""A run, or several of one network, as one HTML page that needs nothing else: no network, no library."""

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from wlm_dialect.runtime.perfetto import pack
from wlm_dialect.runtime.report import Report
from wlm_dialect.runtime.report_data import report_dict

_PARTS = Path(__file__).parent


class QueueArea(NamedTuple):
    """How full a queue was: `fill` from each of the ascending `ticks` on; `limit` 0 = none."""

    name: str
    ticks: list[int]
    fill: list[int]
    limit: int = 0


def make_html(
    reports: Sequence[Report],
    *,
    ideal: int | None = None,
    queues: Sequence[Sequence[QueueArea]] = (),
    words: Mapping[str, str] | None = None,
) -> str:
    """The page. Several reports become tabs and a table of modes; `ideal` (ticks) is compared with when given.

    `queues`: per report what to draw below the timeline. `words` replace those of the page: {"barrier": "token"}.
    """
    names: dict[str, int] = {}
    runs = [_run(report, names) for report in reports]
    for run, areas in zip(runs, queues, strict=False):
        run["queues"] = [[a.name, deltas(a.ticks), a.fill, a.limit] for a in areas]
    data = {"ideal": ideal, "runs": runs, "names": list(names), "words": dict(words or {})}
    # A page must not end its own script: "</script>" and "<!--" may stand in a task's name.
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")
    page = (_PARTS / "report.html").read_text(encoding="utf-8")
    parts = {
        "TITLE": escape(reports[0].result.program.name if reports else "no run"),
        "STYLE": (_PARTS / "report.css").read_text(encoding="utf-8"),
        "SCRIPT": (_PARTS / "report.js").read_text(encoding="utf-8"),
        "DATA": text,
    }
    return re.sub(r"@(TITLE|STYLE|SCRIPT|DATA)@", lambda mark: parts[mark[1]], page)


def _run(report: Report, names: dict[str, int]) -> dict[str, Any]:
    """One run. Names are numbers into a table that all runs share; times are columns, each a difference to the last."""
    result, p = report.result, report.result.program
    lanes, lane_of = _lanes(report)
    on_path = sorted({step.task for step in report.path if step.task >= 0})
    barriers = [p.barrier_name(v) for v in range(len(p.barriers))]
    return {
        **report_dict(report),
        "horizon": report.horizon,
        "barrier_limit": p.machine.barriers.count if report.occupancy.peak else 0,
        "occupancy": [deltas(report.occupancy.ticks.tolist()), report.occupancy.count.tolist()],
        "lanes": lanes,
        "barriers": barriers,
        "lifted": result.lifted.tolist(),
        "on_path": deltas(on_path),
        "task": {
            "name": [names.setdefault(name, len(names)) for name in p.names],
            "lane": lane_of,
            "kind": p.kind.tolist(),
            "enqueued": deltas(result.enqueued.tolist()),
            "head": deltas(result.head.tolist()),
            "start": deltas(result.start.tolist()),
            "end": deltas(result.end.tolist()),
            "waits": [w if len(w) > 1 else w[0] if w else -1 for w in p.waits.lists()],
            "updates": [u if len(u) > 1 else u[0] if u else -1 for u in p.updates.lists()],
        },
        "handlers": [
            [h.start, h.end, h.raised, names.setdefault(_handler_name(report, n), len(names)), h.pushes]
            for n, h in enumerate(result.handlers)
        ],
    }


def _lanes(report: Report) -> tuple[list[dict[str, str]], list[int]]:
    """Rows of the timeline and the row of each task: one per engine, more where its tasks overlap."""
    result, p = report.result, report.result.program
    lanes: list[dict[str, str]] = []
    lane_of = [0] * len(p)
    for model, tasks in zip(p.machine.engines, p.lists, strict=True):
        if not len(tasks):
            continue
        ends = [e if e >= 0 else report.horizon for e in result.end[tasks].tolist()]
        starts = [s if s >= 0 else report.horizon for s in result.start[tasks].tolist()]
        rows = pack(zip(starts, ends, strict=True))
        first = len(lanes)
        lanes += [{"name": model.name if n == 0 else "", "kind": model.kind} for n in range(max(rows) + 1)]
        for t, row in zip(tasks.tolist(), rows, strict=True):
            lane_of[t] = first + row
    return lanes, lane_of


def _handler_name(report: Report, n: int) -> str:
    handler, p = report.result.handlers[n], report.result.program
    return p.barrier_name(handler.barrier) if handler.barrier >= 0 else p.names[handler.fetch]


def deltas(values: Sequence[int]) -> list[int]:
    """Each value minus the one before: neighbours are close, so the text is half as long."""
    return [b - a for a, b in zip([0, *values], values, strict=False)]
