import pytest

from fluxkit.api import Condition
from fluxkit.runtime.patcher import ConditionConflict, apply_changes, condition_changes
from tests.runtime.objects import OLD, condition

A = condition("A", "True")
A_FALSE = condition("A", "False")
A_OTHER = condition("A", "False", "Other", "by somebody else")


def states(conditions: list[Condition]) -> list[tuple[str, str, str]]:
    return [(each.type, each.status, each.reason) for each in conditions]


@pytest.mark.contract("RUN-037")
@pytest.mark.parametrize(
    ("before", "after", "latest", "expected"),
    [
        pytest.param([], [A], [], [A], id="add"),
        pytest.param([A], [A_FALSE], [A], [A_FALSE], id="change"),
        pytest.param([A], [], [A], [], id="remove"),
        pytest.param([A], [], [], [], id="remove what is gone already"),
        pytest.param([], [A], [condition("B")], [A, condition("B")], id="what others added stays"),
        pytest.param([A, condition("B")], [A_FALSE, condition("B")], [A], [A_FALSE], id="what others removed stays so"),
        pytest.param([], [A], [A], [A], id="both added the same"),
        pytest.param([A], [A_FALSE], [A_FALSE], [A_FALSE], id="both changed to the same"),
    ],
)
def test_three_way_merge(
    before: list[Condition], after: list[Condition], latest: list[Condition], expected: list[Condition]
) -> None:
    changes = condition_changes(before, after)
    for owned, force in [((), False), (("A",), False), ((), True)]:
        assert states(apply_changes(latest, changes, owned=owned, force=force)) == states(expected)


@pytest.mark.contract("RUN-038")
@pytest.mark.parametrize(
    ("before", "after", "latest", "operation"),
    [
        pytest.param([], [A], [A_OTHER], "AddCondition", id="add"),
        pytest.param([A], [A_FALSE], [A_OTHER], "ChangeCondition", id="change"),
        pytest.param([A], [A_FALSE], [], "ChangeCondition", id="change what was deleted"),
        pytest.param([A], [], [A_OTHER], "RemoveCondition", id="remove"),
    ],
)
def test_a_concurrent_change_to_another_state_is_a_conflict_unless_owned(
    before: list[Condition], after: list[Condition], latest: list[Condition], operation: str
) -> None:
    changes = condition_changes(before, after)
    with pytest.raises(ConditionConflict, match=f'condition "A" .* merge/{operation} conflict'):
        apply_changes(latest, changes)
    assert states(apply_changes(latest, changes, owned=["A"])) == states(after)
    assert states(apply_changes(latest, changes, force=True)) == states(after)
    with pytest.raises(ConditionConflict):
        apply_changes(latest, changes, owned=["B"])


@pytest.mark.contract("RUN-038")
def test_equal_concurrent_changes_keep_the_stored_transition_time() -> None:
    stored = condition("A", "False")
    mine = Condition(
        type="A",
        status="False",
        reason="Reason",
        message="message",
        last_transition_time="2024-05-05T00:00:00Z",
        observed_generation=1,
    )
    merged = apply_changes([stored], condition_changes([A], [mine]))
    assert merged[0].last_transition_time == OLD


def test_order_of_conditions_is_no_change() -> None:
    b = condition("B")
    assert condition_changes([A, b], [b, A]) == []
