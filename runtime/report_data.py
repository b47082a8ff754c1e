"""A report as plain JSON values, for scripts and for the HTML page. Times are ticks unless a key says otherwise."""

from dataclasses import asdict
from typing import Any

from wlm_dialect.runtime.critical_path import Step, path_by_kind
from wlm_dialect.runtime.report import Report
from wlm_dialect.runtime.result import RunResult

FORMAT = 1


def report_dict(report: Report, *, path: bool = True) -> dict[str, Any]:
    """The whole report; `path` = False leaves out the steps of the critical path, which grow with the program."""
    result, machine = report.result, report.result.program.machine
    tail = {"critical_path": [_step(step) for step in report.path]} if path else {}
    return {
        "format": FORMAT,
        "program": result.program.name,
        "machine": machine.name,
        "clock_mhz": machine.clock_mhz,
        **summary_dict(report),
        "hazard": hazard_dict(result),
        "stuck": [_stuck(result, n) for n in range(len(result.stuck))],
        "engines": [
            {
                "name": row.name,
                "tasks": row.tasks,
                "busy": row.busy,
                "management": row.management,
                "stalls": row.stalls,
                "rest": row.rest,
                "queued": row.queued,
                "utilisation_percent": round(100 * row.utilisation(report.horizon), 2),
            }
            for row in report.engines
        ],
        "traffic": [{"kind": t.kind, "count": t.count, "bytes": t.bytes, "ticks": t.ticks} for t in report.traffic],
        "high_water": [{"what": m.what, "most": m.most, "limit": m.limit or None} for m in report.marks],
        "critical_path_ticks": path_by_kind(report.path),
        "why": why_dict(report),
        "notes": list(result.notes),
        **tail,
    }


def summary_dict(report: Report) -> dict[str, Any]:
    """The figures that fit in one row of a comparison."""
    result = report.result
    return {
        "mode": result.program.mode or result.program.phase,
        "outcome": result.outcome,
        "tasks": len(result.program) - result.program.management,
        "makespan": result.makespan,
        "makespan_us": round(result.program.machine.microseconds(result.makespan), 3),
        "bootstrap": result.bootstrap,
        "interrupts": result.interrupts,
        "firmware_busy": result.firmware_busy,
        "refills": report.refills,
        "management_dmas": sum(t.count for t in report.traffic),
        "management_bytes": sum(t.bytes for t in report.traffic),
        "peak_barriers": report.occupancy.peak,
        "mean_barriers": round(report.occupancy.mean(report.horizon), 2),
        "stalls": report.stalls,
    }


def why_dict(report: Report) -> dict[str, Any]:
    """Where the ticks went, by cause, and the law of firmware beside them. `delay` is None where ideal is unknown."""
    why, result = report.why, report.result
    law = why.law
    return {
        "ticks": why.ticks,
        "ideal": why.ideal,
        "delay": why.delay,
        "management_on_path": why.management,
        "causes": {s.cause: {"steps": s.count, "path": s.path, "delay": s.delay} for s in why.shares},
        "interrupts": result.interrupts,
        "interrupts_on_path": why.interrupts,
        "firmware_busy": result.firmware_busy,
        "firmware_busy_percent": round(100 * result.firmware_busy / why.ticks, 2) if why.ticks else 0.0,
        "law": None
        if law is None
        else {**asdict(law), "ticks": law.ticks, "to_law": None if why.to_law is None else round(why.to_law, 4)},
        "what_if": None if report.saved is None else dict(report.saved),
    }


def hazard_dict(result: RunResult) -> dict[str, Any] | None:
    """The hazard by name, None if there was none."""
    hazard, p = result.hazard, result.program
    if hazard is None:
        return None
    return {
        "rule": hazard.rule,
        "tick": hazard.tick,
        "task": p.names[hazard.task] if hazard.task >= 0 else None,
        "barrier": p.barrier_name(hazard.barrier) if hazard.barrier >= 0 else None,
        "found": p.barrier_name(hazard.found) if hazard.found >= 0 else None,
        "text": hazard.text,
    }


def _stuck(result: RunResult, n: int) -> dict[str, Any]:
    row, p = result.stuck[n], result.program
    return {
        "engine": row.engine,
        "task": p.names[row.task] if row.task >= 0 else None,
        "state": row.state,
        "barrier": p.barrier_name(row.barrier) if row.barrier >= 0 else None,
        "missing": [f"{p.names[t]} on {p.engine_name(t)}" for t in row.missing],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "kind": step.kind,
        "name": step.name,
        "where": step.where,
        "start": step.start,
        "end": step.end,
        "why": step.why,
    }
