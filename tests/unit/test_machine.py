"""Machine models: presets, TOML files, the dictionary the IR carries, plug-ins; one negative test per rule."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wlm_dialect.errors import MachineError
from wlm_dialect.machine import MachineModel, dump_toml, load_machine, machine_names, parse_machine, preset
from wlm_dialect.machine import description as machine_description
from wlm_dialect.machine.description import machine_dict

TINY = {"base": "tiny"}


def first_line(data: dict[str, Any]) -> str:
    """The first line of what `parse_machine` has to say about `data`."""
    with pytest.raises(MachineError) as caught:
        parse_machine(data)
    return str(caught.value).splitlines()[0]


@pytest.mark.parametrize("name", machine_names())
def test_a_preset_survives_toml_and_dictionary(name: str, tmp_path: Path) -> None:
    machine = preset(name)
    assert machine.name == name
    assert parse_machine(machine_dict(machine)) == machine
    path = tmp_path / "machine.toml"
    path.write_text(dump_toml(machine), encoding="utf-8")
    assert load_machine(str(path)) == machine
    assert dump_toml(load_machine(str(path))) == dump_toml(machine)


def test_presets_are_those_of_the_design() -> None:
    assert machine_names() == ("npu37xx", *(f"npu40xx:{n}" for n in range(1, 7)), "tiny", "vta")
    assert [preset(f"npu40xx:{n}").barriers.count for n in range(1, 7)] == [16, 32, 48, 64, 80, 96]
    assert {e.order for e in preset("npu37xx").engines_of("shave")} == {"pool"}
    assert preset("npu40xx:2").engines_of("dpu", 1)[0].name == "dpu1"


def test_a_base_gives_every_field_that_the_file_does_not() -> None:
    machine = parse_machine({**TINY, "name": "mine", "barriers": {"count": 3}, "full_fifo": "drop"})
    assert machine == preset("tiny").with_(**{"name": "mine", "barriers.count": 3, "full_fifo": "drop"})


@pytest.mark.parametrize(
    ("text", "ticks"),
    [("1.5us", 2550), ("1ns", 2), ("10 ns", 17), ("0.001us", 2), ("2ms", 3_400_000), (" 1us ", 1700), ("0.1ns", 1)],
)
def test_times_are_rounded_up_to_the_clock(text: str, ticks: int) -> None:
    data = {"base": "npu40xx:1", "firmware": {"interrupt": text}}  # 1700 MHz
    assert parse_machine(data).firmware.interrupt == ticks


def test_a_time_is_counted_in_the_clock_of_the_file() -> None:
    assert parse_machine({**TINY, "clock_mhz": 2000, "memory": {"dma_setup": "5ns"}}).memory.dma_setup == 10


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"base": "tinny"}, "unknown machine 'tinny'; did you mean 'tiny'? (or give a .toml file)"),
        ({"format": 2}, "machine: format 2, but this version reads format 1"),
        ({**TINY, "barrier": {}}, "machine: unknown field 'barrier'; did you mean 'barriers'?"),
        ({**TINY, "barriers": {"cuont": 4}}, "machine: barriers: unknown field 'cuont'; did you mean 'count'?"),
        ({**TINY, "barriers": 4}, "machine: barriers: expected a table, got 4"),
        ({**TINY, "barriers": {"count": 4.0}}, "machine: barriers: count: expected int, got 4.0"),
        ({**TINY, "barriers": {"count": True}}, "machine: barriers: count: expected int, got True"),
        ({**TINY, "barriers": {"rearm": 1}}, "machine: barriers: rearm: expected str, got 1"),
        ({**TINY, "management": {"linked_enqueue": 1}}, "machine: management: linked_enqueue: expected bool, got 1"),
        (
            {**TINY, "firmware": {"push": "3 weeks"}},
            "machine: firmware: push: '3 weeks' is neither a number of ticks nor a time such as \"1.5us\"",
        ),
        ({**TINY, "tiles": "2"}, "machine: tiles: expected int, got '2'"),
        (
            {"name": "mine", "clock_mhz": 1000},
            "machine: field 'tiles' is missing (or start from a preset with base = \"npu40xx:4\")",
        ),
        (
            {"name": "mine", "clock_mhz": 1000, "tiles": 1},
            "machine: needs [[engines]] tables, one per engine (or a base preset)",
        ),
        ({**TINY, "engines": []}, "machine: engines: expected [[engines]] tables, one per engine, got none"),
        ({"base": "tiny", "engine": 3}, "machine: engine: expected [[engines]] tables, one per engine, got 3"),
        ({**TINY, "engines": [{"kind": "dma"}]}, "machine: engine 0: field 'name' is missing"),
        ({**TINY, "engines": [{"name": "dma0"}]}, "machine: engine 0: field 'kind' is missing"),
        (
            {**TINY, "engines": [{"name": "dma0", "knid": "dma"}]},
            "machine: engine 0: unknown field 'knid'; did you mean 'kind'?",
        ),
        ({**TINY, "engines": [4]}, "machine: engine 0: expected a table, got 4"),
    ],
)
def test_a_description_that_is_wrong_is_refused(data: dict[str, Any], message: str) -> None:
    assert first_line(data) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clock_mhz": 0}, "machine: clock_mhz is 0 but must be at least 1"),
        ({"tiles": 0}, "machine: tiles is 0 but must be at least 1"),
        ({"full_fifo": "wait"}, "machine: full_fifo is 'wait'; known: block, drop"),
        ({"barriers.count": 0}, "barriers: count is 0 but must be at least 1"),
        ({"barriers.fifo_depth": -1}, "barriers: fifo_depth is -1 but must be at least 0"),
        ({"barriers.max_sum": 0}, "barriers: max_sum is 0 but must be at least 1"),
        ({"barriers.rearm": "atomical"}, "barriers: rearm is 'atomical'; did you mean 'atomic'?"),
        ({"barriers.consume_at": "begin"}, "barriers: consume_at is 'begin'; known: end, start"),
        ({"barriers.rearm_delta": -1}, "barriers: rearm_delta is -1 but must be at least 0"),
        ({"barriers.rearm_delta": 3}, "barriers: rearm_delta is 3 but only rearm = 'bounded' uses it"),
        ({"firmware.push": 0}, "firmware: push is 0 but must be at least 1"),
        ({"firmware.service_order": "ids"}, "firmware: service_order is 'ids'; did you mean 'id'?"),
        ({"bootstrap.base": -1}, "bootstrap: base is -1 but must be at least 0"),
        ({"management.program_depth": 0}, "management: program_depth is 0 but must be at least 1"),
        ({"memory.dma_setup": 0}, "memory: dma_setup is 0 but must be at least 1"),
        ({"memory.bandwidth": "share"}, "memory: bandwidth is 'share'; did you mean 'shared'?"),
        ({"compute.dpu_macs": 0}, "compute: dpu_macs is 0 but must be at least 1"),
        ({"compute.dpu_efficiency_percent": 101}, "compute: dpu_efficiency_percent must be at most 100"),
        ({"dma.kind": "dnm"}, "engine 'dma0': kind is 'dnm'; did you mean 'dma'?"),
        ({"dpu.order": "serail"}, "engine 'dpu0': order is 'serail'; did you mean 'serial'?"),
        ({"dpu.fifo_depth": 0}, "engine 'dpu0': fifo_depth is 0 but must be at least 1"),
        ({"dpu.max_waits": -1}, "engine 'dpu0': max_waits is -1 but must be at least 0"),
        ({"dpu.servers": 2}, "engine 'dpu0': order 'serial' has one server, not 2"),
        ({"dpu.servers": 0}, "engine 'dpu0': servers is 0 but must be at least 1"),
        ({"dpu.descriptor_slots": 0}, "engine 'dpu0': descriptor_slots is 0 but must be at least 1"),
        ({"dma.descriptor_slots": 1}, "engine 'dma0': DMA descriptors stay in DDR: descriptor_slots must be 0"),
        ({"dma.bandwidth_mbps": 0}, "engine 'dma0': bandwidth_mbps is 0 but must be at least 1"),
        ({"dpu.tile": 1}, "engine 'dpu0': tile 1 but the machine has 1 tiles"),
        ({"dma.name": "dma9"}, "machine: two engines are called 'dma9'"),
        ({"dpu.name": "a b"}, "engine 'a b': a name is ASCII letters, digits and '_', a letter first"),
        (
            {"dma.firmware": True},
            "machine: needs at least one DMA engine that is not reserved for firmware: management runs on it",
        ),
        ({"firmware.preload": -1}, "firmware: preload is -1 but must be at least 0"),
        ({"firmware.preload": 2}, "firmware: preload is 2 but must be at most barriers: fifo_depth = 1"),
        ({"firmware.top_up": 0}, "firmware: top_up is 0 but must be at least 1"),
        (
            {"firmware.top_up": 2},
            "firmware: top_up is 2 but must be at most preload + 1 = 1: "
            "a barrier has room only for as many as are over",
        ),
        ({"firmware.channel": "own2"}, "firmware: channel is 'own2'; did you mean 'own'?"),
        ({"clock_mhz": 1 << 41}, f"machine: clock_mhz is {1 << 41} but must be at most {1 << 40}"),
        ({"tiles": 5000}, "machine: tiles is 5000 but must be at most 4096"),
        ({"memory.dma_setup": 1 << 41}, f"memory: dma_setup is {1 << 41} but must be at most {1 << 40}"),
        ({"dpu.fifo_depth": 1 << 25}, f"engine 'dpu0': fifo_depth is {1 << 25} but must be at most {1 << 24}"),
        ({"dpu.max_waits": 1 << 25}, f"engine 'dpu0': max_waits is {1 << 25} but must be at most {1 << 24}"),
        ({"dpu.servers": 5000}, "engine 'dpu0': servers is 5000 but must be at most 4096"),
        ({"dpu.descriptor_bytes": -1}, "engine 'dpu0': descriptor_bytes is -1 but must be at least 0"),
        ({"dpu.tile": -2}, "engine 'dpu0': tile is -2 but must be at least -1"),
        (
            {"barriers.count": 1 << 24},
            f"barriers: count is {1 << 24} and fifo_depth 1, but count * (fifo_depth + 1) must be at most {1 << 24}",
        ),
        ({"name": ""}, "machine: name is '' but must be text that can be printed in a line"),
        ({"name": "a\nb"}, "machine: name is 'a\\nb' but must be text that can be printed in a line"),
        ({"barriers.cuont": 3}, "'barriers' has no field 'cuont'; did you mean 'count'?"),
        ({"bariers.count": 3}, "machine has no field 'bariers'; did you mean 'barriers'?"),
        ({"clock": 3}, "MachineModel has no field 'clock'; did you mean 'clock_mhz'?"),
        ({"dpu.fifo": 3}, "'dpu' has no field 'fifo'; did you mean 'fifo_depth'?"),
    ],
)
def test_a_rule_of_the_model_is_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MachineError) as caught:
        preset("tiny").with_(**changes)
    text = str(caught.value).splitlines()[0]
    assert text == message or text.startswith(f"{message};")


def test_changes_reach_groups_kinds_and_all_engines() -> None:
    machine = preset("tiny").with_(**{"engine.fifo_depth": 7, "dpu.fifo_depth": 9, "barriers.count": 5})
    assert [e.fifo_depth for e in machine.engines] == [7, 7, 7, 9, 7]
    assert machine.barriers.count == 5
    assert preset("tiny").barriers.count == 8


def test_an_engine_that_is_missing_is_named_with_a_suggestion() -> None:
    machine = preset("tiny")
    assert machine.engine("dpu0") is machine.engines[3]
    with pytest.raises(MachineError, match=r"^machine 'tiny' has no engine 'dpu1'; did you mean 'dpu0'\?$"):
        machine.engine("dpu1")


def test_firmware_has_a_channel_of_its_own_unless_it_shares_those_of_the_network() -> None:
    machine = preset("tiny")
    assert machine.firmware_channel == machine.engine("dma_fw")
    assert [e.name for e in machine.engines_of("dma")] == ["dma0", "dma1"]
    assert machine.with_(**{"firmware.channel": "shared"}).firmware_channel is None
    assert replace(machine, engines=tuple(e for e in machine.engines if not e.firmware)).firmware_channel is None


def test_a_transfer_takes_its_setup_and_the_bytes_at_the_share_of_the_channel_rounded_up() -> None:
    machine = preset("npu40xx:1")  # 1700 ticks per us, 22,500 bytes per us
    dma = machine.engines_of("dma")[0]
    assert [machine.transfer_ticks(dma, n) for n in (0, 1, 13, 14, 22_500)] == [170, 171, 171, 172, 1870]
    assert (machine.ticks(1), machine.ticks(10)) == (2, 17)
    assert machine.microseconds(1700) == 1.0


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    for content, reason in (
        (None, "No such file or directory"),
        (b"\xff", "not UTF-8 text"),
        (b"name = ", "not TOML: "),
        (b"[barriers]\ncuont = 1\n", "barriers: unknown field 'cuont'; did you mean 'count'?"),
    ):
        path = tmp_path / "machine.toml"
        if content is not None:
            base = b'base = "tiny"\n' if b"cuont" in content else b""
            path.write_bytes(base + content)
        with pytest.raises(MachineError) as caught:
            load_machine(str(path))
        assert str(caught.value).startswith(f"machine file {path}: {reason}")


class _Entry:
    """An entry point of group `wlm.machines` as an installed plug-in declares it."""

    def __init__(self, made: object) -> None:
        self.made = made

    def load(self) -> Any:
        return lambda: self.made


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> list[_Entry]:
    """The machines that are plugged in; empty at first."""
    entries: list[_Entry] = []

    def find(group: str, name: str) -> list[_Entry]:
        return entries if (group, name) == ("wlm.machines", "board") else []

    monkeypatch.setattr(machine_description, "entry_points", find)
    return entries


def test_a_plug_in_machine_is_found_by_its_name(plug_in: list[_Entry]) -> None:
    board = preset("tiny").with_(name="board")
    plug_in.append(_Entry(board))
    assert load_machine("board") is board


def test_a_plug_in_that_makes_no_machine_is_refused(plug_in: list[_Entry]) -> None:
    plug_in.append(_Entry("tiny"))
    with pytest.raises(MachineError, match=r"^plug-in machine 'board' returned str, not a MachineModel$"):
        load_machine("board")


def test_a_name_nobody_knows_is_refused_with_a_suggestion(plug_in: list[_Entry]) -> None:
    assert plug_in == []
    with pytest.raises(
        MachineError, match=r"^unknown machine 'npu40x:4'; did you mean 'npu40xx:4'\? \(or give a \.toml file\)$"
    ):
        load_machine("npu40x:4")


def test_a_model_is_frozen() -> None:
    machine: MachineModel = preset("tiny")
    with pytest.raises(AttributeError):
        machine.tiles = 2  # type: ignore[misc]


def test_a_base_is_a_name() -> None:
    with pytest.raises(MachineError, match=r"^machine: base: expected the name of a preset, got 3$"):
        parse_machine({"base": 3})


def test_engines_are_given_once() -> None:
    with pytest.raises(
        MachineError, match=r"^machine: both 'engines' and 'engine' are given; use \[\[engines\]\] alone$"
    ):
        parse_machine({"base": "tiny", "engines": [], "engine": []})


def test_a_quote_in_a_name_survives_toml() -> None:
    machine = preset("tiny").with_(name='a "b"')
    assert parse_machine(tomllib.loads(dump_toml(machine))) == machine
