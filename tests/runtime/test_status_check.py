from typing import Any

import pytest

from fluxkit.api import Condition
from fluxkit.runtime.conditions import READY, RECONCILING, STALLED
from fluxkit.runtime.status_check import check_final, check_in_progress
from tests.runtime.objects import condition, git_repository

NEGATIVE = ("FetchFailed", STALLED, RECONCILING)


def judged(*present: Condition, observed: int = 1, generation: int = 1, **metadata: Any) -> Any:
    obj = git_repository(*present, generation=generation, **metadata)
    obj.status.observed_generation = observed
    return obj


FAILED = condition(READY, "False", "GitOperationFailed", "no such ref")


@pytest.mark.contract("RUN-026", "RUN-027")
@pytest.mark.parametrize(
    ("obj", "failures"),
    [
        pytest.param(judged(condition(READY)), [], id="ready"),
        pytest.param(judged(FAILED, condition(RECONCILING)), [], id="retrying"),
        pytest.param(judged(FAILED, condition(STALLED)), [], id="stalled"),
        pytest.param(judged(), ["Ready is missing"], id="no Ready"),
        pytest.param(judged(condition(READY), condition("FetchFailed")), ["Ready is True beside FetchFailed"], id="1"),
        pytest.param(
            judged(condition(READY, "Unknown"), condition(RECONCILING)),
            ["Reconciling is True and Ready is not False"],
            id="reconciling",
        ),
        pytest.param(
            judged(condition(READY, "Unknown"), condition(STALLED)),
            ["Stalled is True and Ready is not False"],
            id="stalled and unknown",
        ),
        pytest.param(
            judged(FAILED, condition(STALLED), condition(RECONCILING, "False")),
            ["Reconciling and Stalled are both present"],
            id="both",
        ),
        pytest.param(
            judged(FAILED, observed=2), ["observedGeneration 2 is ahead of generation 1"], id="observed too much"
        ),
        pytest.param(
            judged(condition(READY, generation=2), observed=1, generation=2),
            [
                "Ready is True for generation 2, observed is 1",
                "Ready is True beside conditions of another generation: Ready",
            ],
            id="observed too little",
        ),
        pytest.param(
            judged(condition(READY, generation=2), condition("Stored", generation=1), observed=2, generation=2),
            ["Ready is True beside conditions of another generation: Stored"],
            id="stale condition",
        ),
    ],
)
def test_failures_after_a_run(obj: Any, failures: list[str]) -> None:
    assert check_final(obj, NEGATIVE).failures == failures


@pytest.mark.contract("RUN-027")
@pytest.mark.parametrize(
    ("obj", "warnings"),
    [
        pytest.param(judged(condition(READY)), [], id="ready"),
        pytest.param(
            judged(condition(READY), condition("FetchFailed", "False")),
            ["Ready is True while FetchFailed exist"],
            id="1",
        ),
        pytest.param(
            judged(FAILED, condition("FetchFailed", "True", "Other")), ["Ready does not mirror FetchFailed"], id="2"
        ),
        pytest.param(
            judged(FAILED, condition(RECONCILING, "True", "Other")), [], id="Reconciling need not be mirrored"
        ),
        pytest.param(judged(FAILED, condition(STALLED, "False")), ["Stalled is False and could be removed"], id="3"),
        pytest.param(
            judged(condition(READY, "False", generation=0)), ["conditions without observedGeneration: Ready"], id="4"
        ),
    ],
)
def test_warnings_after_a_run(obj: Any, warnings: list[str]) -> None:
    assert check_final(obj, NEGATIVE).warnings == warnings


@pytest.mark.contract("RUN-027")
@pytest.mark.parametrize(
    ("obj", "failures"),
    [
        pytest.param(judged(condition(READY), condition(RECONCILING)), [], id="the last verdict stays visible"),
        pytest.param(judged(condition(READY, "Unknown"), condition(RECONCILING)), [], id="unknown while reconciling"),
        pytest.param(judged(condition(READY, "Unknown")), ["Ready is Unknown without Reconciling"], id="unknown alone"),
        pytest.param(judged(condition(READY), observed=0), [], id="an older generation"),
    ],
)
def test_failures_during_a_run(obj: Any, failures: list[str]) -> None:
    assert check_in_progress(obj).failures == failures
