import pytest

from fluxkit.objects import ObjectKey
from fluxkit.runtime.versions import WrittenVersions, at_least

KEY = ObjectKey("apps", "a")


@pytest.mark.parametrize(
    ("current", "wanted", "expected"),
    [
        ("9", "9", True),
        ("10", "9", True),
        ("9", "10", False),
        ("x9", "x9", True),
        ("x10", "x9", False),
        ("", "1", False),
    ],
)
def test_versions_compare_as_numbers(current: str, wanted: str, expected: bool) -> None:
    assert at_least({"metadata": {"resourceVersion": current}}, wanted) == expected


@pytest.mark.contract("RUN-115")
def test_a_write_is_remembered_until_the_cache_shows_it() -> None:
    written = WrittenVersions()
    old, new = ({"metadata": {"resourceVersion": version}} for version in ("4", "6"))
    assert written.fresh(KEY, old)
    written.wrote(KEY, {"metadata": {"resourceVersion": "5"}})
    assert not written.fresh(KEY, old)
    assert written.fresh(ObjectKey("apps", "b"), old)
    assert written.fresh(KEY, new)
    assert len(written) == 0
    assert written.fresh(KEY, old), "what the cache has shown it does not take back"


def test_an_object_that_is_gone_is_forgotten() -> None:
    written = WrittenVersions()
    written.wrote(KEY, {"metadata": {"resourceVersion": "5"}})
    assert written.fresh(KEY, None)
    assert len(written) == 0
    written.wrote(KEY, {"metadata": {"resourceVersion": "5"}})
    written.forget(KEY)
    assert len(written) == 0
    written.wrote(KEY, {"metadata": {}})
    assert len(written) == 0
