"""A program as a Graphviz graph: one cluster per engine, virtual barriers grey, physical ones purple."""

from wlm_dialect.program import Kind, Program

_SHAPES = {Kind.RUN: "box", Kind.FETCH: "cds", Kind.ENQUEUE: "cds", Kind.PROGRAM: "cds", Kind.SYNC: "cds"}


def quote(text: str) -> str:
    """A DOT string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\0", "\\\\0")
    return f'"{escaped}"'


def make_dot(program: Program) -> str:
    """DOT text. Bold edges along an engine are its order, solid ones go through barriers, dashed ones are `after`."""
    lines = [
        f"digraph {quote(program.name)} {{",
        "  rankdir=LR; compound=true; fontname=Helvetica;",
        '  node [fontname=Helvetica, fontsize=10, style=filled, fillcolor="#f5f5f5"];',
        "  edge [fontname=Helvetica, fontsize=9, arrowsize=0.6];",
    ]
    for engine, (model, tasks) in enumerate(zip(program.machine.engines, program.lists, strict=True)):
        if len(tasks):
            lines.append(f"  subgraph cluster_{engine} {{")
            lines.append(f'    label={quote(f"{model.name} ({model.kind})")}; color="#bbbbbb";')
            lines += [f"    {_task(program, t)}" for t in tasks.tolist()]
            lines.append("  }")
    lines += [f"  {_barrier(program, v)}" for v in range(len(program.barriers))]
    lines += _edges(program)
    return "\n".join([*lines, "}"]) + "\n"


def _task(program: Program, t: int) -> str:
    kind = Kind(int(program.kind[t]))
    label = f"{program.names[t]}\n{int(program.cycles[t])} ticks"
    colour = "#dbeafe" if kind == Kind.RUN else "#fde68a"
    return f't{t} [label={quote(label)}, shape={_SHAPES[kind]}, fillcolor="{colour}"];'


def _barrier(program: Program, v: int) -> str:
    table = program.barriers
    label = program.barrier_name(v)
    if table.pid[v] >= 0:
        label += f"\n{int(table.producers[v])} -> {int(table.consumers[v])}"
    colour = "#c4b5fd" if table.pid[v] >= 0 else "#d4d4d4"
    rim = ", peripheries=2" if v == table.tail else ""
    return f'v{v} [label={quote(label)}, shape=ellipse, fillcolor="{colour}"{rim}];'


def _edges(program: Program) -> list[str]:
    lines: list[str] = []
    for t, before in enumerate(program.predecessor.tolist()):
        if before >= 0:
            lines.append(f'  t{before} -> t{t} [style=bold, color="#999999", weight=4];')
        lines += [f"  t{u} -> t{t} [style=dashed];" for u in program.after[t].tolist()]
        lines += [f"  v{v} -> t{t};" for v in program.waits[t].tolist()]
        lines += [f"  t{t} -> v{v};" for v in program.updates[t].tolist()]
        lines += [f'  t{t} -> v{v} [style=dotted, color="#7c3aed"];' for v in program.programs[t].tolist()]
    return lines
