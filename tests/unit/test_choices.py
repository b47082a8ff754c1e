"""Mode specs: what they name, and what is refused with which words."""

import pytest

from wlm_dialect import api
from wlm_dialect.errors import ScheduleError
from wlm_dialect.passes.assign_barriers import AssignBarriersPass
from wlm_dialect.passes.choices import DEFAULTS, Choices, parse_mode, split_modes
from wlm_dialect.tools.wlm import main


def test_a_mode_alone_takes_the_defaults() -> None:
    assert parse_mode("full") == ("full", DEFAULTS)


def test_a_spec_names_its_choices() -> None:
    assert parse_mode("partial{policy=round-robin}") == ("partial", Choices(policy="round-robin"))


def test_choices_reach_the_passes() -> None:
    [bound] = [step for step in api.pipeline("full{policy=color-bins}") if isinstance(step, AssignBarriersPass)]
    assert (bound.mode, bound.policy) == ("full", "color-bins")


def test_specs_are_split_at_commas_outside_of_braces() -> None:
    assert split_modes("firmware, full{policy=pages}") == ["firmware", "full{policy=pages}"]
    assert split_modes(" ") == []


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("ful", "unknown mode 'ful'; did you mean 'full'?"),
        ("full{polcy=pages}", "mode 'full' has no choice 'polcy'; did you mean 'policy'?"),
        ("full{policy=a,b}", "mode 'full': choice 'policy' needs one value, as in policy=VALUE"),
        ("full{policy}", "mode 'full': choice 'policy' needs one value, as in policy=VALUE"),
        ("full{policy=", "cannot read 'full{policy=' as a mode; write one as full or full{choice=value other=value}"),
        ("full,partial", "'full,partial' names 2 modes; give one; did you mean 'partial'?"),
    ],
)
def test_what_is_no_spec_is_refused(spec: str, text: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        api.pipeline(spec)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["run", "squeezenet", "--mode", "full,all"], "mode 'all' stands alone: it is firmware, partial, full"),
        (["verify", "squeezenet", "--mode", "full,partial"], "--mode 'full,partial': give one mode; known: firmware,"),
        (["compile", "squeezenet", "--mode", "nnoe"], "unknown mode 'nnoe'; did you mean 'none'?"),
        (["compile", "squeezenet", "--mode", "none{policy=pages}"], "mode 'none' has no choice 'policy'; it has none"),
    ],
)
def test_the_tools_refuse_it_too(argv: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 1
    assert capsys.readouterr().err.startswith(f"wlm: error: {text}")
