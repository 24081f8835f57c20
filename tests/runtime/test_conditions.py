import pytest

from fluxkit.api import Condition
from fluxkit.runtime import conditions
from fluxkit.runtime.conditions import READY, RECONCILING, STALLED, Summary
from fluxkit.timestamps import now, parse_time
from tests.runtime.objects import OLD, brief, condition, git_repository


@pytest.mark.contract("RUN-007")
def test_setting_stamps_the_generation_of_the_object() -> None:
    obj = git_repository(generation=7)
    conditions.set_condition(obj, condition(READY, generation=3))
    assert obj.status.conditions[0].observed_generation == 7


@pytest.mark.contract("RUN-008")
@pytest.mark.parametrize(
    ("status", "reason", "message", "moves"),
    [
        ("True", "Reason", "message", False),
        ("False", "Reason", "message", True),
        ("True", "Other", "message", True),
        ("True", "Reason", "other", True),
    ],
)
def test_transition_time_moves_with_any_change_of_state(status: str, reason: str, message: str, moves: bool) -> None:
    obj = git_repository(condition(READY), generation=2)
    conditions.set_condition(obj, condition(READY, status, reason, message))
    stored = obj.status.conditions[0]
    assert (stored.last_transition_time != OLD) == moves
    assert stored.observed_generation == 2
    if moves:
        assert stored.last_transition_time.endswith("Z")
        assert len(stored.last_transition_time) == len(OLD), "second precision"
        assert abs((now() - parse_time(stored.last_transition_time)).total_seconds()) < 60


def test_a_new_condition_keeps_a_time_that_it_brings() -> None:
    obj = git_repository()
    conditions.set_condition(obj, condition(READY))
    assert obj.status.conditions[0].last_transition_time == OLD


@pytest.mark.contract("RUN-009")
def test_long_messages_are_cut() -> None:
    obj = git_repository()
    conditions.mark_true(obj, READY, "Reason", "x" * 32768)
    assert conditions.message_of(obj, READY) == "x" * 32768
    conditions.mark_true(obj, READY, "Reason", "x" * 32769)
    assert conditions.message_of(obj, READY) == "x" * 32765 + "..."
    conditions.mark_true(obj, READY, "Reason", "x" * 32764 + "ä" * 10)
    assert conditions.message_of(obj, READY) == "x" * 32764 + "...", "no character is split"


@pytest.mark.contract("RUN-010")
def test_stored_order() -> None:
    obj = git_repository()
    for stored in [
        condition("Beta", generation=1),
        condition("Alpha", generation=1),
        condition("Zeta", generation=9),
    ]:
        obj.status.conditions = conditions.merge_into(obj.status.conditions, stored)
    for name in (READY, RECONCILING, STALLED):
        obj.status.conditions = conditions.merge_into(obj.status.conditions, condition(name))
    assert [each.type for each in obj.status.conditions] == [STALLED, RECONCILING, READY, "Zeta", "Alpha", "Beta"]


@pytest.mark.contract("RUN-002", "RUN-011")
def test_reconciling_and_stalled_replace_each_other() -> None:
    obj = git_repository()
    conditions.mark_reconciling(obj, "Progressing", "working")
    assert brief(obj) == [(RECONCILING, "True", "Progressing", "working")]
    conditions.mark_stalled(obj, "InvalidURL", "no such scheme")
    assert brief(obj) == [(STALLED, "True", "InvalidURL", "no such scheme")]
    conditions.mark_reconciling(obj, "Progressing", "working")
    assert brief(obj) == [(RECONCILING, "True", "Progressing", "working")]


@pytest.mark.contract("RUN-012")
@pytest.mark.parametrize(
    ("present", "ready", "stalled", "reconciling"),
    [
        ([condition(READY)], True, False, False),
        ([condition(READY), condition(RECONCILING)], False, False, True),
        ([condition(READY), condition(STALLED)], False, True, False),
        ([condition(READY), condition(STALLED), condition(RECONCILING)], True, False, False),
        ([condition(READY), condition(STALLED, "False")], True, False, False),
        ([condition(READY, "Unknown")], False, False, False),
        ([], False, False, False),
    ],
)
def test_readiness(present: list[Condition], ready: bool, stalled: bool, reconciling: bool) -> None:
    obj = git_repository(*present)
    assert conditions.is_ready(obj) == ready
    assert conditions.is_stalled(obj) == stalled
    assert conditions.is_reconciling(obj) == reconciling


@pytest.mark.contract("RUN-012")
def test_a_missing_condition_is_unknown_and_neither_true_nor_false() -> None:
    obj = git_repository()
    assert conditions.is_unknown(obj, READY)
    assert not conditions.is_true(obj, READY)
    assert not conditions.is_false(obj, READY)
    assert conditions.reason_of(obj, READY) == conditions.message_of(obj, READY) == ""
    assert not conditions.has_any(obj, [READY, STALLED])


def test_deleting_a_condition_leaves_the_others() -> None:
    obj = git_repository(condition(READY), condition(STALLED))
    conditions.delete(obj, STALLED)
    conditions.delete(obj, "Absent")
    assert [each.type for each in obj.status.conditions] == [READY]


NEGATIVE = ("BuildFailed", "FetchFailed", STALLED, RECONCILING)


@pytest.mark.contract("RUN-013", "RUN-014")
@pytest.mark.parametrize(
    ("present", "expected"),
    [
        pytest.param([], None, id="nothing leaves the target alone"),
        pytest.param([("BuildFailed", "True"), ("Stored", "False")], ("False", "BuildFailed"), id="negative True"),
        pytest.param([("Stored", "False"), ("Included", "True")], ("False", "Stored"), id="positive False"),
        pytest.param([("Stored", "True"), ("BuildFailed", "False")], ("True", "Stored"), id="positive True"),
        pytest.param([("BuildFailed", "False"), ("Stored", "Unknown")], ("True", "BuildFailed"), id="negative False"),
        pytest.param([("Stored", "Unknown")], ("Unknown", "Stored"), id="unknown"),
        pytest.param(
            [("BuildFailed", "True"), ("FetchFailed", "True")], ("False", "FetchFailed"), id="first in given order"
        ),
        pytest.param([("Other", "False"), ("Stored", "True")], ("True", "Stored"), id="only listed types"),
    ],
)
def test_summary_priorities(present: list[tuple[str, str]], expected: tuple[str, str] | None) -> None:
    obj = git_repository(*(condition(type, status, f"{type}Reason", type) for type, status in present))
    options = Summary(types=("FetchFailed", "BuildFailed", "Included", "Stored"), negative=NEGATIVE)
    summary = conditions.summarize(obj, READY, options)
    conditions.set_summary(obj, READY, options)
    if expected is None:
        assert summary is None
        assert not conditions.has(obj, READY)
    else:
        assert summary is not None
        assert (summary.status, summary.message, summary.reason) == (*expected, f"{expected[1]}Reason")
        assert conditions.message_of(obj, READY) == expected[1]


@pytest.mark.contract("RUN-014")
@pytest.mark.parametrize(
    ("source", "status", "expected"),
    [("Bad", "True", "True"), ("Good", "True", "False"), ("Bad", "False", "False"), ("Good", "Unknown", "Unknown")],
)
def test_a_target_of_negative_polarity_is_inverted(source: str, status: str, expected: str) -> None:
    obj = git_repository(condition(source, status))
    summary = conditions.summarize(obj, "Broken", Summary(types=(source,), negative=("Bad", "Broken")))
    assert summary is not None
    assert summary.status == expected


@pytest.mark.contract("RUN-015")
def test_summary_counts_steps() -> None:
    obj = git_repository(condition("A"), condition("B"), condition("C", "False"))
    summary = conditions.summarize(obj, READY, Summary(types=("A", "B", "C", "D"), step_counter=True))
    assert summary is not None
    assert (summary.status, summary.message) == ("False", "2 of 4 completed")
    options = Summary(types=("A", "B", "C", "D"), step_counter=True, step_counter_if_only=("A", "B"))
    plain = conditions.summarize(obj, READY, options)
    assert plain is not None
    assert plain.message == "message", "C is in scope and not among the counted types"
    counted = conditions.summarize(git_repository(condition("A")), READY, options)
    assert counted is not None
    assert counted.message == "1 of 2 completed"


@pytest.mark.contract("RUN-015")
def test_summary_of_the_latest_generation() -> None:
    obj = git_repository(condition("A", "False", generation=1), condition("B", "True", generation=2))
    everything = conditions.summarize(obj, READY, Summary())
    latest = conditions.summarize(obj, READY, Summary(latest_generation=True))
    assert everything is not None
    assert latest is not None
    assert (everything.status, latest.status) == ("False", "True")


@pytest.mark.contract("RUN-015")
def test_mirroring_another_objects_readiness() -> None:
    source = git_repository(condition(READY, "False", "Failed", "no such branch"))
    obj = git_repository(generation=4)
    conditions.set_mirror(obj, "SourceReady", source)
    assert brief(obj) == [("SourceReady", "False", "Failed", "no such branch")]
    assert obj.status.conditions[0].observed_generation == 4
    conditions.set_mirror(obj, "Absent", git_repository())
    assert not conditions.has(obj, "Absent")
    conditions.set_mirror(obj, "Absent", git_repository(), condition("x", "False", "Waiting", "for the source"))
    assert conditions.reason_of(obj, "Absent") == "Waiting"


@pytest.mark.contract("RUN-015")
def test_aggregating_many_objects() -> None:
    objects = [
        git_repository(condition(READY), name="a"),
        git_repository(condition(READY, "False", "Failed", "c is down"), name="c"),
        git_repository(condition(READY, "False", "Failed", "b is down"), name="b"),
    ]
    worst = conditions.aggregate(objects, "AllReady", Summary(types=(READY,)))
    assert worst is not None
    assert (worst.status, worst.message) == ("False", "b is down"), "of several objects the first by name speaks"
    counted = conditions.aggregate(objects, "AllReady", Summary(types=(READY,), counter=True, source_ref=True))
    assert counted is not None
    assert (counted.message, counted.reason) == ("2 of 3 Ready", "Failed @ GitRepository/b")
    assert conditions.aggregate([git_repository()], "AllReady", Summary()) is None
