"""The sandbox answers as a real API server answered; what differs on purpose is listed with its reason."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.bare import bare_player
from tests.sandbox.recorded.cases import CASES, SETUP
from tests.sandbox.recorded.differences import DIFFERENCES
from tests.sandbox.recorded.player import Player
from tests.sandbox.recorded.steps import Case

ANSWERS: dict[str, list[Any]] = json.loads((Path(__file__).parent / "recorded/answers.json").read_text())

NEEDS_CEL = "custom: rules"


@pytest.fixture(scope="module")
def player(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Player]:
    with bare_player(tmp_path_factory.mktemp("bare")) as player:
        player.prepare(SETUP)
        yield player


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answers_as_recorded(player: Player, case: Case) -> None:
    if case.name.startswith(NEEDS_CEL) and importlib.util.find_spec("cel_expr_python") is None:
        pytest.skip("the sandbox evaluates no CEL rules here")
    given, expected = player.play(case), ANSWERS[case.name]
    accepted = DIFFERENCES.get(case.name, {})
    assert len(given) == len(expected)
    for number, (ours, theirs) in enumerate(zip(given, expected, strict=True)):
        if number in accepted:
            assert ours != theirs, f"answer {number} does not differ any more: take it off the list"
        else:
            assert ours == theirs, f"answer {number}"


def test_every_difference_is_about_a_case() -> None:
    assert {case.name for case in CASES} == set(ANSWERS)
    assert set(DIFFERENCES) <= set(ANSWERS)
