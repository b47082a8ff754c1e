"""Why a run took as long as it did, as a table and in one line. Works on the plain values that --json writes."""

from collections.abc import Mapping
from typing import Any

from wlm_dialect.runtime.why import CAUSES, WORK
from wlm_dialect.tools.tables import number, print_table

_NAMES = {
    WORK: "tasks of the network",
    "interrupt": "interrupts",
    "firmware_queue": "firmware queue",
    "fetch": "fetch",
    "enqueue": "enqueue",
    "refill": "refill",
    "reuse": "barrier reuse",
    "dma_queue": "DMA queue",
    "bandwidth": "bandwidth",
    "dispatch": "dispatch",
    "order": "added order",
}
_SHOWN = 3
_LEAST_PERCENT = 0.05


def why_line(why: Mapping[str, Any]) -> str | None:
    """The largest causes of the delay in percent of ideal: `firmware queue 31%, fetch 4.0%`; None without any."""
    ideal = why["ideal"]
    if not ideal:
        return None
    parts = {cause: 100 * why["causes"][cause]["delay"] / ideal for cause in CAUSES}
    ranked = sorted((cause for cause in CAUSES if parts[cause] >= _LEAST_PERCENT), key=lambda cause: -parts[cause])
    return ", ".join(f"{_NAMES[cause]} {_percent(parts[cause])}" for cause in ranked[:_SHOWN]) or None


def print_why(why: Mapping[str, Any], title: str = "where the ticks went") -> None:
    """All causes that occur, the occupancy of firmware, and the law that bounds it."""
    known, saved = why["ideal"] is not None, why.get("what_if")
    columns = ["cause", "steps", "on path", "share", *["delay"] * known, *["saved if free"] * (saved is not None)]
    rows: list[list[object]] = []
    for cause, part in why["causes"].items():
        if part["path"] or part["delay"] or (saved and saved.get(cause)):
            share = _percent(100 * part["path"] / why["ticks"]) if why["ticks"] else "0.0%"
            rows.append([_NAMES[cause], part["steps"], part["path"], share, *[part["delay"]] * known])
            if saved is not None:
                rows[-1].append(saved.get(cause))
    rows.append(["in all", None, why["ticks"], "100%", *[why["delay"]] * known])
    if saved is not None:
        rows[-1].append(saved["all"])
    print_table(columns, rows, title, drop=("steps", "share"))
    for line in _firmware(why):
        print(line)


def _firmware(why: Mapping[str, Any]) -> list[str]:
    lines = []
    if why["interrupts"]:
        shares = f"busy {_percent(why['firmware_busy_percent'])} of the run"
        lines.append(f"firmware: {shares}; {why['interrupts_on_path']} of {why['interrupts']} interrupts on the path")
    law = why["law"]
    if law is not None and law["to_law"] is not None:
        depth = f" x {1 + law['preload']}" if law["preload"] else ""
        cost = f"{number(law['cost'])} ticks" + (f" / {law['top_up']}" if law["top_up"] > 1 else "")
        counts = f"({number(law['instances'])} barriers - {law['barriers']}{depth} at bootstrap) x {cost}"
        lines.append(f"law of firmware: {law['to_law']:.2f}x the least of {number(law['ticks'])} ticks = {counts}")
    return lines


def to_law(why: Mapping[str, Any] | None) -> str | None:
    """The makespan as a multiple of the law: `1.06x`; None where the law bounds nothing."""
    ratio = None if why is None or why["law"] is None else why["law"]["to_law"]
    return None if ratio is None else f"{ratio:.2f}x"


def _percent(value: float) -> str:
    return f"{value:.0f}%" if value >= 10 else f"{value:.1f}%"
