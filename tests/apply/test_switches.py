"""Labels and annotations by which single objects ask to be treated differently."""

from typing import Any

import pytest

from fluxkit.apply.switches import Switches

GROUP = "kustomize.toolkit.fluxcd.io"
SWITCHES = Switches(GROUP)
PLAIN: dict[str, Any] = {"metadata": {}}


def with_annotation(switch: str, value: str) -> dict[str, Any]:
    return {"metadata": {"annotations": {f"{GROUP}/{switch}": value}}}


def with_label(switch: str, value: str) -> dict[str, Any]:
    return {"metadata": {"labels": {f"{GROUP}/{switch}": value}}}


@pytest.mark.contract("KUS-214", "KUS-215", "KUS-216", "RUN-053")
@pytest.mark.parametrize("make", [with_annotation, with_label])
@pytest.mark.parametrize(("switch", "value"), [("reconcile", "disabled"), ("reconcile", "Disabled"), ("ssa", "ignore")])
def test_excluded_objects(make: Any, switch: str, value: str) -> None:
    marked = make(switch, value)
    assert SWITCHES.excludes(marked, None)
    assert SWITCHES.excludes(PLAIN, marked)
    assert not SWITCHES.excludes(make(switch, "enabled"), make(switch, ""))


@pytest.mark.contract("KUS-217")
def test_if_not_present_is_read_from_git() -> None:
    assert SWITCHES.only_if_absent(with_annotation("ssa", "IfNotPresent"))
    assert not SWITCHES.only_if_absent(PLAIN)


@pytest.mark.contract("KUS-218", "KUS-219")
def test_merge_and_force_are_read_from_both_sides() -> None:
    assert SWITCHES.merges(with_annotation("ssa", "Merge"), None)
    assert SWITCHES.merges(PLAIN, with_label("ssa", "merge"))
    assert not SWITCHES.merges(with_annotation("ssa", "Override"), PLAIN)
    assert SWITCHES.recreates(with_annotation("force", "Enabled"), PLAIN)
    assert SWITCHES.recreates(PLAIN, with_annotation("force", "enabled"))


@pytest.mark.contract("KUS-215", "KUS-216", "KUS-220")
@pytest.mark.parametrize(("switch", "value"), [("prune", "disabled"), ("reconcile", "disabled"), ("ssa", "Ignore")])
def test_what_keeps_a_live_object(switch: str, value: str) -> None:
    assert SWITCHES.keeps(with_annotation(switch, value))
    assert not SWITCHES.keeps(PLAIN)
    assert not SWITCHES.keeps(with_annotation("ssa", "IfNotPresent"))


def test_switches_belong_to_their_group() -> None:
    assert not Switches("helm.toolkit.fluxcd.io").excludes(with_annotation("reconcile", "disabled"), None)
