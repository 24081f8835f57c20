import pytest

from fluxkit.api import Condition
from fluxkit.runtime import conditions
from fluxkit.runtime.conditions import READY, RECONCILING, STALLED
from fluxkit.runtime.predicates import RECONCILE_REQUEST_ANNOTATION
from fluxkit.runtime.reconcile import Result
from fluxkit.runtime.status import (
    ConditionSet,
    ResultFinalizer,
    finalize_progress,
    mirror_reconcile_request,
    observes_generation,
    report_progress,
)
from tests.runtime.objects import brief, condition, git_repository

INTERVAL = ResultFinalizer(interval=60.0, success_message="all is well")
EVENTS = ResultFinalizer(interval=None, success_message="all is well")
SUCCESS = Result(requeue_after=60.0)
READY_SUCCEEDED = (READY, "True", "Succeeded", "all is well")


def stalled(message: str = "bad url") -> Condition:
    return condition(STALLED, "True", "InvalidURL", message)


@pytest.mark.parametrize(
    ("model", "present", "result", "error", "expected", "raised"),
    [
        pytest.param(INTERVAL, [], SUCCESS, None, [READY_SUCCEEDED], None, id="interval: success sets Ready"),
        pytest.param(EVENTS, [], Result(), None, [READY_SUCCEEDED], None, id="events: success is an empty result"),
        pytest.param(
            EVENTS,
            [condition(RECONCILING)],
            Result(requeue_after=60.0),
            None,
            [(RECONCILING, "True", "Reason", "message")],
            None,
            id="events: a requeue is no success",
        ),
        pytest.param(
            INTERVAL,
            [condition(RECONCILING), condition(READY, "True", "Stored", "kept")],
            SUCCESS,
            None,
            [(READY, "True", "Stored", "kept")],
            None,
            id="success ends Reconciling and keeps Ready",
        ),
        pytest.param(
            INTERVAL,
            [stalled()],
            Result(),
            None,
            [(STALLED, "True", "InvalidURL", "bad url"), (READY, "False", "InvalidURL", "bad url")],
            None,
            id="stalled: Ready follows",
        ),
        pytest.param(
            INTERVAL,
            [stalled(), condition(RECONCILING), condition(READY, "False", "Mine", "kept")],
            Result(),
            None,
            [(STALLED, "True", "InvalidURL", "bad url"), (READY, "False", "Mine", "kept")],
            None,
            id="stalled: an explicit Ready False is kept, Reconciling goes",
        ),
        pytest.param(
            EVENTS,
            [stalled(), condition(READY)],
            Result(),
            None,
            [(STALLED, "True", "InvalidURL", "bad url"), (READY, "False", "InvalidURL", "bad url")],
            None,
            id="events: stalled looks like success but is not",
        ),
        pytest.param(
            INTERVAL,
            [stalled(), condition(READY)],
            Result(requeue_after=5.0),
            None,
            [(READY, "True", "Reason", "message")],
            None,
            id="a requeue is not stalled",
        ),
        pytest.param(
            INTERVAL,
            [stalled(), condition(READY), condition(RECONCILING)],
            Result(),
            ValueError("no route"),
            [(RECONCILING, "True", "Reason", "message"), (READY, "False", "Failed", "no route")],
            "no route",
            id="error: Stalled goes, Ready True becomes False",
        ),
        pytest.param(
            INTERVAL,
            [condition(READY, "False", "AuthenticationFailed", "bad password")],
            Result(),
            ValueError("no route"),
            [(READY, "False", "AuthenticationFailed", "bad password")],
            "no route",
            id="error: an existing Ready False keeps its reason",
        ),
        pytest.param(
            INTERVAL,
            [],
            Result(),
            ValueError("no route"),
            [(READY, "False", "Failed", "no route")],
            "no route",
            id="error: a missing Ready becomes False",
        ),
        pytest.param(
            INTERVAL,
            [condition(READY, "False", "Mine", "not yet good")],
            SUCCESS,
            None,
            [(READY, "False", "Mine", "not yet good")],
            "not yet good",
            id="interval: success with Ready False is an error",
        ),
    ],
)
@pytest.mark.contract("RUN-017", "RUN-018", "RUN-019", "RUN-020", "RUN-021")
def test_finalizing(
    model: ResultFinalizer,
    present: list[Condition],
    result: Result,
    error: Exception | None,
    expected: list[tuple[str, str, str, str]],
    raised: str | None,
) -> None:
    obj = git_repository(*present)
    outcome = model.finalize(obj, result, error)
    assert sorted(brief(obj)) == sorted(expected)
    assert (None if outcome is None else str(outcome)) == raised


@pytest.mark.contract("RUN-016", "RUN-020")
def test_summaries_are_recomputed_after_reconciling_and_stalled_are_settled() -> None:
    finalizer = ResultFinalizer(
        interval=60.0,
        success_message="stored",
        summaries=[ConditionSet.ready(["ArtifactInStorage", "FetchFailed"], ["FetchFailed"])],
    )
    stored = condition("ArtifactInStorage", "True", "Succeeded", "stored artifact")
    obj = git_repository(stored, condition(RECONCILING))
    assert finalizer.finalize(obj, SUCCESS, None) is None
    assert conditions.get(obj, RECONCILING) is None
    assert (conditions.reason_of(obj, READY), conditions.message_of(obj, READY)) == ("Succeeded", "stored artifact")

    obj = git_repository(stored, condition(RECONCILING, "True", "Progressing", "still at it"))
    failure = finalizer.finalize(obj, Result(), ValueError("broken"))
    assert str(failure) == "broken"
    assert conditions.is_false(obj, READY)
    assert conditions.message_of(obj, READY) == "still at it", "Reconciling outranks a positive result"

    obj = git_repository(stored, condition("FetchFailed", "True", "GitOperationFailed", "no such ref"))
    failure = finalizer.finalize(obj, SUCCESS, None)
    assert str(failure) == "no such ref"


@pytest.mark.contract("RUN-022", "RUN-045")
@pytest.mark.parametrize("error", [None, ValueError("no")])
def test_the_reconcile_request_is_mirrored_on_success_and_failure(error: Exception | None) -> None:
    obj = git_repository(annotations={RECONCILE_REQUEST_ANNOTATION: "2024-01-01T00:00:00.123456789Z"})
    INTERVAL.finalize(obj, SUCCESS, error)
    assert obj.status.last_handled_reconcile_at == "2024-01-01T00:00:00.123456789Z"


@pytest.mark.contract("RUN-022")
def test_without_a_request_the_last_one_stays() -> None:
    obj = git_repository()
    obj.status.last_handled_reconcile_at = "earlier"
    mirror_reconcile_request(obj)
    assert obj.status.last_handled_reconcile_at == "earlier"


@pytest.mark.contract("RUN-023")
@pytest.mark.parametrize(
    ("ready", "drift", "expected"),
    [
        (None, False, "Unknown"),
        ("Unknown", False, "Unknown"),
        ("True", False, "True"),
        ("False", False, "False"),
        ("True", True, "Unknown"),
    ],
)
def test_progress_keeps_the_last_verdict_visible(ready: str | None, drift: bool, expected: str) -> None:
    obj = git_repository(*([condition(READY, ready)] if ready else []), stalled())
    report_progress(obj, "Progressing", "fetching", drift=drift)
    assert conditions.message_of(obj, RECONCILING) == "fetching"
    assert not conditions.has(obj, STALLED)
    current = conditions.get(obj, READY)
    assert current is not None
    assert current.status == expected
    assert (current.message == "fetching") == (expected == "Unknown")


@pytest.mark.contract("RUN-024")
@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ([condition(READY)], True),
        ([condition(READY, "False"), condition(STALLED)], True),
        ([condition(READY, "False")], False),
        ([condition(READY, "False"), condition(RECONCILING)], False),
        ([], False),
    ],
)
def test_only_final_states_observe_the_generation(present: list[Condition], expected: bool) -> None:
    assert observes_generation(git_repository(*present)) == expected


@pytest.mark.contract("RUN-025")
def test_finalizing_a_kind_that_sets_ready_itself() -> None:
    obj = git_repository(condition(READY), condition(RECONCILING), generation=3)
    assert finalize_progress(obj)
    assert brief(obj) == [(READY, "True", "Reason", "message")]
    assert obj.status.observed_generation == 3

    obj = git_repository(
        condition(READY, "False", "BuildFailed", "broken"),
        condition(RECONCILING, "True", "Progressing", "building"),
        generation=3,
    )
    obj.status.observed_generation = 2
    assert not finalize_progress(obj)
    assert (RECONCILING, "True", "ProgressingWithRetry", "building") in brief(obj)
    assert obj.status.observed_generation == 2

    obj = git_repository(condition(READY, "False"), condition(STALLED))
    assert not finalize_progress(obj)
    assert not conditions.has(obj, RECONCILING), "what was not in progress is not said to be retried"
