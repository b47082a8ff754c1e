"""What `--list-passes` prints, and pass pipelines from text: names and options are checked before anything is built."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping

from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec, parse_pipeline

from wlm_dialect.errors import UsageError, did_you_mean

PassTable = Mapping[str, Callable[[], type[ModulePass]]]


def build_passes(text: str, available: PassTable) -> tuple[ModulePass, ...]:
    """The passes that `-p text` names. UsageError on an unknown pass or option; ArgSpecParseError on bad syntax."""
    specs = list(parse_pipeline(text))
    for spec in specs:
        if spec.name not in available:
            ours = [name for name in available if name.startswith("wlm-")]
            prefixed = f"wlm-{spec.name}"
            hint = f"; did you mean '{prefixed}'?" if prefixed in ours else did_you_mean(spec.name, ours)
            raise UsageError(f"unknown pass '{spec.name}'{hint} (--list-passes describes them)")
    return tuple(_build(spec, available[spec.name]()) for spec in specs)


def _build(spec: ArgSpec, cls: type[ModulePass]) -> ModulePass:
    known = [f.name for f in dataclasses.fields(cls) if f.name != "name" and f.init]
    for name in spec.normalize_parameter_names().parameters:
        if name not in known:
            hint = did_you_mean(name, known) if known else "; it has none"
            raise UsageError(f"pass '{spec.name}' has no option '{name}'{hint}")
    try:
        return cls.from_spec(spec)
    except (ValueError, TypeError) as error:
        reason = str(error)
        raise UsageError(f"pass '{spec.name}': {reason[:1].lower()}{reason[1:]}") from None


def _summary(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def list_passes(available: PassTable) -> str:
    """Name, first line of the docstring, and the options with their defaults, sorted by name."""
    lines: list[str] = []
    for name in sorted(available):
        cls = available[name]()
        lines += [name, f"    {_summary(cls)}"]
        for option in dataclasses.fields(cls):
            if option.name == "name" or not option.init:
                continue
            kind = getattr(option.type, "__name__", None) if isinstance(option.type, type) else str(option.type)
            lines.append(f"    {option.name.replace('_', '-')}: {kind}{_default(option)}")
    return "\n".join(lines)


def _default(option: "dataclasses.Field[object]") -> str:
    if option.default is not dataclasses.MISSING:
        value = option.default
    elif option.default_factory is not dataclasses.MISSING:
        value = option.default_factory()
    else:
        return " (required)"
    return f" = {str(value).lower()}" if isinstance(value, bool) else f" = {value!r}"


def list_pipelines(pipelines: Mapping[str, Callable[..., object]]) -> str:
    """Name and first line of the docstring of every named pipeline."""
    width = max((len(name) for name in pipelines), default=0)
    return "\n".join(f"{name:<{width}}  {_summary(build)}" for name, build in pipelines.items())
