"""A report as tables on standard output."""

from wlm_dialect.runtime.critical_path import path_by_kind
from wlm_dialect.runtime.report import STALLS, Report
from wlm_dialect.runtime.report_data import summary_dict, why_dict
from wlm_dialect.runtime.result import DEADLOCK, FINISHED, RunResult
from wlm_dialect.tools.tables import number, print_table
from wlm_dialect.tools.why_view import print_why

_PATH_STEPS = 12


def print_report(report: Report) -> None:
    """Outcome and figures, engines with their stalls, the critical path, high-water marks."""
    result, program = report.result, report.result.program
    mode = program.mode or f"phase {program.phase}"
    print(f"@{program.name} on {program.machine.name}, {mode}: {outcome_text(result)}")
    print_problem(result)
    print()
    print_table(["of the run", "value"], _figures(report))
    print()
    _print_engines(report)
    if report.traffic:
        print()
        print_table(
            ["management DMA", "count", "bytes", "ticks"], [[t.kind, t.count, t.bytes, t.ticks] for t in report.traffic]
        )
    if report.marks:
        print()
        print_table(["high-water mark", "most", "limit"], [[m.what, m.most, m.limit or None] for m in report.marks])
    _print_path(report)
    if report.path:
        print()
        print_why(why_dict(report))


def outcome_text(result: RunResult) -> str:
    """`finished in 1,234 ticks (0.73 us)`, or how far it got."""
    machine = result.program.machine
    if result.outcome == FINISHED:
        return f"finished in {number(result.makespan)} ticks ({machine.microseconds(result.makespan):.2f} us)"
    return result.outcome


def print_problem(result: RunResult) -> None:
    """The hazard, and who waits for whom, if the run did not finish."""
    p = result.program
    if result.hazard is not None:
        print(f"{result.hazard.rule} at tick {number(result.hazard.tick)}: {result.hazard.text}")
    if result.outcome == DEADLOCK or result.stuck:
        rows: list[list[object]] = []
        for row in result.stuck:
            missing = [f"{p.names[t]} on {p.engine_name(t)}" for t in row.missing[:3]]
            more = f", ... {len(row.missing)} in all" if len(row.missing) > 3 else ""
            barrier = p.barrier_name(row.barrier) if row.barrier >= 0 else None
            task = p.names[row.task] if row.task >= 0 else None
            rows.append([row.engine, task, row.state, barrier, ", ".join(missing) + more])
        print()
        print_table(["engine", "task", "state", "barrier", "waits for the end of"], rows, "why stuck")


def _figures(report: Report) -> list[list[object]]:
    figures = summary_dict(report)
    limit = report.result.program.machine.barriers.count
    peak = figures["peak_barriers"]
    rows: list[list[object]] = [
        ["tasks", figures["tasks"]],
        ["makespan, ticks", figures["makespan"]],
        ["bootstrap, ticks", figures["bootstrap"]],
        ["interrupts", figures["interrupts"]],
        ["firmware busy, ticks", figures["firmware_busy"]],
        ["barrier refills", figures["refills"]],
    ]
    if peak:
        rows.append(["barriers in use, peak", f"{peak} of {limit}"])
        rows.append(["barriers in use, mean", f"{figures['mean_barriers']:.1f}"])
    return rows


def _print_engines(report: Report) -> None:
    """Shares of the run; reasons that occur nowhere have no column."""
    reasons = [reason for reason in STALLS if report.stalls[reason]]
    columns = ["engine", "tasks", "busy", "mgmt", *reasons, "rest"]
    rows: list[list[object]] = []
    for row in report.engines:
        shares = [row.busy, row.management, *(row.stalls[r] for r in reasons), row.rest]
        rows.append([row.name, row.tasks, *(_percent(part, report.horizon) for part in shares)])
    print_table(columns, rows, "engines: busy, then why they stood still (share of the run)", drop=("rest", "tasks"))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "0.0%"


def _print_path(report: Report) -> None:
    """What the path consists of, and its longest stretches in order of time."""
    if not report.path:
        return
    totals = ", ".join(f"{kind} {_percent(t, report.horizon)}" for kind, t in path_by_kind(report.path).items() if t)
    print(f"\ncritical path: {len(report.path)} steps; {totals}")
    longest = sorted(range(len(report.path)), key=lambda n: (-report.path[n].ticks, n))[:_PATH_STEPS]
    steps = [report.path[n] for n in sorted(longest)]
    title = "its longest steps" if len(report.path) > len(steps) else ""
    print_table(
        ["from", "ticks", "on", "what", "and then"],
        [[s.start, s.ticks, s.where, s.name, s.why] for s in steps],
        title,
        drop=("and then", "from"),
    )
