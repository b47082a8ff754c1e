"""The harness that sweeps the cost of firmware: costs as wanted, handlers as they run, and what it calls broken."""

from typing import Any

import pytest

from tests.benchmark_scripts import load_script
from wlm_dialect import api
from wlm_dialect.program import Program
from wlm_dialect.program.model import Draft

FIRMWARE = load_script("firmware")
TINY = api.machine("tiny")


def chain(count: int) -> Program:
    """Loads, DPU tasks and SHAVE tasks that follow each other."""
    draft = Draft("net", TINY)
    last: list[int] = []
    for n in range(count):
        load = draft.add(0, f"load{n}", 90, bytes=80)
        conv = draft.add(3, f"conv{n}", 200, after=[load, *last])
        last = [draft.add(4, f"act{n}", 50, after=[conv])]
    return draft.finish()


@pytest.mark.parametrize("microseconds", [0.5, 1.4, 10.0])
def test_an_event_costs_what_is_asked(microseconds: float) -> None:
    machine = api.machine("npu40xx:1")
    firmware = FIRMWARE.with_firmware(machine, microseconds).firmware
    event = firmware.interrupt + firmware.program + firmware.push
    assert 0 <= event - microseconds * machine.clock_mhz <= 3
    assert firmware.interrupt == pytest.approx(5 * firmware.push, abs=5)


def test_other_steps_and_top_ups_follow() -> None:
    firmware = FIRMWARE.with_firmware(api.machine("npu40xx:1"), 2.8, 3, 2).firmware
    assert (firmware.interrupt, firmware.build_fetch, firmware.preload, firmware.top_up) == (3400, 1700, 3, 2)


@pytest.mark.parametrize("mode", ["firmware", "partial", "full"])
@pytest.mark.parametrize(("preload", "top_up"), [(0, 1), (1, 1), (1, 2)])
def test_what_handlers_cost_is_known_before_they_run(mode: str, preload: int, top_up: int) -> None:
    machine = FIRMWARE.with_firmware(TINY, 0.3, preload, top_up)
    program = api.compile_program(chain(20).with_(machine=machine), mode).program
    result = api.run(program)
    assert FIRMWARE.handler_ticks(program) == result.firmware_busy <= result.makespan
    assert (result.firmware_busy > 0) == (mode != "full")


def test_the_pipelines_have_the_pass_that_is_left_out() -> None:
    for mode in ("firmware", "partial"):
        assert FIRMWARE.RELIEF in [step.name for step in api.pipeline(mode)]


def row(**changes: Any) -> dict[str, Any]:
    """A row in which all is well."""
    return {
        "network": "net", "machine": "m", "divisor": 1, "mode": "partial", "cost_us": 2.0, "preload": 0, "top_up": 1,
        "ideal": 1000, "handlers": 900, "unrelieved": 900, "law": 800, "makespan": 1050,
        "interrupts": 9, "instances": 9, "outcome": "finished", **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        ({}, []),
        ({"makespan": 1100}, []),
        ({"makespan": 1101}, ["net/1 on m, partial at 2 us: makespan is 1.101 of what ideal and handlers allow"]),
        ({"makespan": 1101, "cost_us": 1.0}, []),
        ({"makespan": 1101, "unrelieved": 2000}, []),
        ({"makespan": 1101, "divisor": 16}, []),
        ({"makespan": 1101, "mode": "full"}, []),
        ({"makespan": 1101, "preload": 3, "top_up": 4}, []),
        ({"handlers": 1060}, ["net/1 on m, partial at 2 us: makespan 1,050 is less than handlers, 1,060"]),
        (
            {"law": 1060, "preload": 3, "top_up": 2},
            ["net/1 on m, partial at 2 us with preload 3, top-ups of 2: makespan 1,050 is less than law, 1,060"],
        ),
        ({"makespan": 990}, ["net/1 on m, partial at 2 us: makespan 990 is less than ideal, 1,000"]),
        ({"outcome": "deadlock"}, ["net/1 on m, partial at 2 us: deadlock"]),
    ],
)
def test_what_is_broken(changes: dict[str, Any], texts: list[str]) -> None:
    assert FIRMWARE.broken([row(**changes)]) == texts


def test_a_mode_hurts_from_the_least_cost_on_that_is_above_ideal() -> None:
    rows = [row(cost_us=c, makespan=m) for c, m in ((10.0, 2000), (5.0, 1051), (2.0, 1050), (1.0, 1000))]
    never = row(mode="full", makespan=1000)
    assert FIRMWARE.hurts_from([*rows, never]) == {("net", "m", 1, "partial"): 5.0, ("net", "m", 1, "full"): None}


def test_tables_have_a_line_for_each_program(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(), row(cost_us=10.0, makespan=2000), row(mode="firmware"), row(mode="full")]
    FIRMWARE.print_rows(rows)
    FIRMWARE.print_hurts(rows)
    FIRMWARE.print_relieved([*rows, row(makespan=1300, unrelieved=1200)])
    FIRMWARE.print_deep([row(preload=f, top_up=k) for f, k in FIRMWARE.TOP_UPS])
    printed = capsys.readouterr().out.splitlines()
    assert "net/1 on m, partial at 2 us: makespan / ideal 1.300 handlers 1.444 unrelieved 1.083" in printed
    assert any(line.startswith("1 of 4 rows") for line in printed)
    lines = [line for line in printed if line.startswith("net ")]
    assert [len(line.split()) for line in lines] == [8, 6, 6, 6, 5 + 3 * len(FIRMWARE.TOP_UPS)]
