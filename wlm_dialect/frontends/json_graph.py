"""Task graphs as JSON, in and out. The format is described in docs/frontends.md."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wlm_dialect.errors import FrontendError, ProgramError, did_you_mean
from wlm_dialect.frontends.builder import BufferRef, GraphBuilder, TaskRef
from wlm_dialect.frontends.text_file import read_text
from wlm_dialect.kernels.list_scheduling import successors_of, topological_order
from wlm_dialect.machine import MachineModel
from wlm_dialect.program import Buffers, Program
from wlm_dialect.program.model import DDR

FORMAT = 1
_GRAPH = {"format": int, "name": str, "buffers": list, "tasks": list}
_BUFFER = {"id": str, "size": int, "tile": int, "role": str, "address": int}
_VIEW = {"id": str, "of": str, "offset": int, "size": int}
_TASK = {
    "id": str,
    "engine": str,
    "cycles": int,
    "after": list,
    "reads": list,
    "writes": list,
    "slots": int,
    "bytes": int,
}
_WORDS: dict[type, str] = {int: "an integer", str: "a string", list: "a list", dict: "an object"}


def read_json(path: Path, machine: MachineModel) -> Program:
    """The task graph of a JSON file."""
    return parse_json(read_text(path), machine, str(path))


def parse_json(text: str, machine: MachineModel, where: str = "json") -> Program:
    """The task graph in `text`; errors begin with `where` and the JSON path."""
    try:
        data = json.loads(text, object_pairs_hook=lambda pairs: _object(where, pairs))
    except json.JSONDecodeError as error:
        raise FrontendError(f"{where}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise FrontendError(f"{where}: not a task graph: nested too deeply") from None
    graph = _table(where, "$", data, _GRAPH, ("format", "tasks"))
    if graph["format"] != FORMAT:
        raise FrontendError(f"{where}: $.format: {graph['format']}, but this version reads format {FORMAT}")
    try:
        builder = GraphBuilder(machine, graph.get("name", "graph"))
    except FrontendError as error:
        raise FrontendError(f"{where}: $.name: {error}") from None
    buffers = _buffers(where, builder, graph.get("buffers", []))
    tasks = [_table(where, f"$.tasks[{n}]", t, _TASK, ("id", "engine", "cycles")) for n, t in enumerate(graph["tasks"])]
    return _tasks(where, builder, tasks, buffers)


def _object(where: str, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        names = [k for k, _ in pairs]
        twice = next(k for k in names if names.count(k) > 1)
        raise FrontendError(f"{where}: key '{twice}' stands twice in one object")
    return out


def _table(where: str, at: str, value: Any, types: Mapping[str, type], needed: Sequence[str]) -> dict[str, Any]:
    """`value` as an object with keys of the given types."""
    if not isinstance(value, dict):
        raise FrontendError(f"{where}: {at}: expected an object, got {_short(value)}")
    for key in needed:
        if key not in value:
            raise FrontendError(f"{where}: {at}: key '{key}' is missing")
    for key, entry in value.items():
        if key not in types:
            raise FrontendError(f"{where}: {at}: unknown key '{key}'{did_you_mean(key, types)}")
        if type(entry) is not types[key]:
            raise FrontendError(f"{where}: {at}.{key}: expected {_WORDS[types[key]]}, got {_short(entry)}")
    return value


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _buffers(where: str, builder: GraphBuilder, rows: Sequence[Any]) -> dict[str, BufferRef]:
    out: dict[str, BufferRef] = {}
    for n, row in enumerate(rows):
        at = f"$.buffers[{n}]"
        view = isinstance(row, dict) and "of" in row
        table = _table(
            where, at, row, _VIEW if view else _BUFFER, ("id", "of", "offset", "size") if view else ("id", "size")
        )
        name = table.pop("id")
        if name in out:
            raise FrontendError(f"{where}: {at}.id: there is a buffer '{name}' already")
        source = table.pop("of", None)
        if source is not None and source not in out:
            raise FrontendError(f"{where}: {at}.of: no buffer '{source}' before it{did_you_mean(source, out)}")
        try:
            out[name] = builder.buffer(name, **table) if source is None else builder.view(out[source], **table)
        except FrontendError as error:
            raise FrontendError(f"{where}: {at}: {error}") from None
    return out


def _tasks(
    where: str, builder: GraphBuilder, rows: Sequence[dict[str, Any]], buffers: Mapping[str, BufferRef]
) -> Program:
    number: dict[str, int] = {}
    for n, row in enumerate(rows):
        if row["id"] in number:
            raise FrontendError(f"{where}: $.tasks[{n}].id: there is a task '{row['id']}' already")
        number[row["id"]] = n
    after = [_names(where, f"$.tasks[{n}].after", row.get("after", []), number, "task") for n, row in enumerate(rows)]
    before = [[number[a] for a in dict.fromkeys(names)] for names in after]
    order = topological_order(before, successors_of(before))
    if len(order) != len(rows):
        cycle = " -> ".join(f"'{rows[n]['id']}'" for n in _cycle(before, order))
        raise FrontendError(f"{where}: $.tasks: the tasks wait for each other in a cycle: {cycle}")
    made: dict[int, TaskRef] = {}
    for n in order:
        row, at = rows[n], f"$.tasks[{n}]"
        reads = _names(where, f"{at}.reads", row.get("reads", []), buffers, "buffer")
        writes = _names(where, f"{at}.writes", row.get("writes", []), buffers, "buffer")
        try:
            made[n] = builder.task(
                row["engine"],
                row["id"],
                row["cycles"],
                after=[made[a] for a in before[n]],
                reads=[buffers[b] for b in reads],
                writes=[buffers[b] for b in writes],
                slots=row.get("slots", 1),
                bytes=row.get("bytes", 0),
            )
        except FrontendError as error:
            raise FrontendError(f"{where}: {at}: {error}") from None
    try:
        return builder.build()
    except FrontendError as error:
        raise FrontendError(f"{where}: $.tasks: {error}") from None


def _names(where: str, at: str, values: Sequence[Any], known: Mapping[str, Any], what: str) -> list[str]:
    for k, value in enumerate(values):
        if not isinstance(value, str):
            raise FrontendError(f"{where}: {at}[{k}]: expected a string, got {_short(value)}")
        if value not in known:
            raise FrontendError(f"{where}: {at}[{k}]: no {what} '{value}'{did_you_mean(value, known)}")
    return list(values)


def _cycle(before: Sequence[Sequence[int]], done: Sequence[int]) -> list[int]:
    """One cycle, in the order of execution it asks for, the first task repeated at the end."""
    rest = set(range(len(before))) - set(done)
    at = min(rest)
    path: list[int] = []
    seen: dict[int, int] = {}
    while at not in seen:
        seen[at] = len(path)
        path.append(at)
        at = min(b for b in before[at] if b in rest)
    return [*path[seen[at] :], at][::-1]


def dump_json(program: Program) -> str:
    """The file that `parse_json` reads back to an equal program. Phase graph only; one line per buffer and task."""
    if program.phase != "graph":
        raise ProgramError(f"@{program.name}: phase {program.phase}, but JSON task graphs hold phase graph only")
    buffers, ids = _dump_buffers(program.buffers)
    tasks: list[dict[str, Any]] = []
    names = unique_names(program.names)
    after, reads, writes = program.after.lists(), program.reads.lists(), program.writes.lists()
    for t, name in enumerate(names):
        row: dict[str, Any] = {
            "id": name,
            "engine": program.engine_name(t),
            "cycles": int(program.cycles[t]),
            "after": [names[a] for a in after[t]],
            "reads": [ids[b] for b in reads[t]],
            "writes": [ids[b] for b in writes[t]],
            "slots": int(program.slots[t]),
            "bytes": int(program.bytes[t]),
        }
        defaults: dict[str, Any] = {"after": [], "reads": [], "writes": [], "slots": 1, "bytes": 0}
        tasks.append({k: v for k, v in row.items() if k not in defaults or v != defaults[k]})
    lines = [f'{{"format": {FORMAT}, "name": {json.dumps(program.name)},', '"buffers": [']
    lines.append(",\n".join(json.dumps(b) for b in buffers))
    lines += ['],\n"tasks": [', ",\n".join(json.dumps(t) for t in tasks), "]}"]
    return "\n".join(line for line in lines if line) + "\n"


def unique_names(names: Sequence[str]) -> list[str]:
    """`names`, each repetition with a number behind it."""
    used = set(names)
    out: list[str] = []
    seen: set[str] = set()
    for name in names:
        k, fresh = 1, name
        while fresh in seen or (k > 1 and fresh in used):
            k += 1
            fresh = f"{name}#{k}"
        seen.add(fresh)
        out.append(fresh)
    return out


def _dump_buffers(table: Buffers) -> tuple[list[dict[str, Any]], list[str]]:
    rows: list[dict[str, Any]] = []
    roots = [b for b in range(len(table)) if table.root[b] == b]
    called = dict(zip(roots, unique_names([table.names[b] for b in roots]), strict=True))
    ids: list[str] = []
    used = set(called.values())
    for b in range(len(table)):
        root, size, offset = int(table.root[b]), int(table.size[b]), int(table.offset[b])
        if root == b:
            ids.append(called[b])
            row: dict[str, Any] = {"id": called[b], "size": size}
            if table.memory[b] != DDR:
                row["tile"] = int(table.memory[b])
            if table.role[b] != "scratch":
                row["role"] = table.role[b]
            if table.address[b] >= 0:
                row["address"] = int(table.address[b])
            rows.append(row)
            continue
        name = f"{called[root]}[{offset}:{offset + size}]"
        while name in used:
            name += "'"
        used.add(name)
        ids.append(name)
        rows.append({"id": name, "of": called[root], "offset": offset, "size": size})
    return rows, ids
