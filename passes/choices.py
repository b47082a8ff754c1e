"""Mode specs: `full` or, with what a mode leaves open, `full{policy=pages}`. The syntax is that of xDSL's passes."""

from dataclasses import dataclass, fields

from xdsl.utils.arg_spec import ArgSpec, parse_pipeline
from xdsl.utils.exceptions import ArgSpecParseError

from wlm_dialect.dialects.task import MODES
from wlm_dialect.errors import ScheduleError, did_you_mean
from wlm_dialect.passes.policies import CHAINS


@dataclass(frozen=True)
class Choices:
    """What a mode leaves open; the defaults are the best that is known. docs/modes.md compares them."""

    policy: str = CHAINS  # which physical barrier a virtual one gets: wlm-assign-barriers
    slots: str = "auto"  # how descriptor slots are reused, "halves", "ring" or "auto": wlm-insert-fetches
    starvation: str = "neither"  # whether a work FIFO that runs empty replaces barriers: full mode


DEFAULTS = Choices()


def parse_mode(text: str, known: tuple[str, ...] = MODES) -> tuple[str, Choices]:
    """The mode and the choices that a spec names; ScheduleError if it is none, with the names in `known` as hints."""
    specs = _specs(text)
    if len(specs) != 1:
        raise ScheduleError(f"'{text}' names {len(specs)} modes; give one{did_you_mean(text, known)}")
    return _choices(specs[0], known)


def split_modes(text: str, known: tuple[str, ...] = MODES) -> list[str]:
    """`partial,full{policy=pages}` -> each spec; ScheduleError if one of them is none."""
    specs = _specs(text)
    for spec in specs:
        _choices(spec, known)
    return [_text(spec) for spec in specs]


def _text(spec: ArgSpec) -> str:
    """A spec as users write it."""
    choices = " ".join(f"{name}={','.join(map(str, values))}" for name, values in spec.parameters.items())
    return f"{spec.name}{{{choices}}}" if choices else spec.name


def _specs(text: str) -> list[ArgSpec]:
    """Names with their options; ScheduleError on bad syntax."""
    try:
        text = text.replace(", ", ",").strip(" ,")
        return list(parse_pipeline(text)) if text else []
    except ArgSpecParseError:
        raise ScheduleError(
            f"cannot read '{text}' as a mode; write one as full or full{{choice=value other=value}}"
        ) from None


def _choices(spec: ArgSpec, known: tuple[str, ...]) -> tuple[str, Choices]:
    if spec.name not in known:
        raise ScheduleError(f"unknown mode '{spec.name}'{did_you_mean(spec.name, known)}")
    names = [f.name for f in fields(Choices)]
    given: dict[str, str] = {}
    for name, values in spec.normalize_parameter_names().parameters.items():
        if name not in names or spec.name not in MODES:
            hint = did_you_mean(name, names) if spec.name in MODES else "; it has none"
            raise ScheduleError(f"mode '{spec.name}' has no choice '{name}'{hint}")
        if len(values) != 1:
            raise ScheduleError(f"mode '{spec.name}': choice '{name}' needs one value, as in {name}=VALUE")
        given[name] = str(values[0])
    return spec.name, Choices(**given)
