"""What Helm 4.3.1 makes of every function over odd arguments, item by item of the contract.

``recorded/functions.json`` was made with the real engine: for each item rows of template, output, the end of the
error message, and the number of the values that the template sees.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fluxkit.helm.render import RenderError
from tests.conformance.adapters_helm import charts

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded" / "functions.json").read_text())

ITEMS = [
    pytest.param("110", marks=pytest.mark.contract("TPL-110")),
    pytest.param("111", marks=pytest.mark.contract("TPL-111")),
    pytest.param("113", marks=pytest.mark.contract("TPL-113")),
    pytest.param("115", marks=pytest.mark.contract("TPL-115")),
    pytest.param("116", marks=pytest.mark.contract("TPL-116")),
    pytest.param("117", marks=pytest.mark.contract("TPL-117")),
    pytest.param("165", marks=pytest.mark.contract("TPL-165")),
    pytest.param("166", marks=pytest.mark.contract("TPL-166")),
    pytest.param("167", marks=pytest.mark.contract("TPL-167")),
    pytest.param("168", marks=pytest.mark.contract("TPL-168")),
    pytest.param("169", marks=pytest.mark.contract("TPL-169")),
    pytest.param("170", marks=pytest.mark.contract("TPL-170")),
    pytest.param("171", marks=pytest.mark.contract("TPL-171")),
    pytest.param("172", marks=pytest.mark.contract("TPL-172")),
    pytest.param("173", marks=pytest.mark.contract("TPL-173")),
    pytest.param("174", marks=pytest.mark.contract("TPL-174")),
    pytest.param("175", marks=pytest.mark.contract("TPL-175")),
    pytest.param("176", marks=pytest.mark.contract("TPL-176")),
    pytest.param("177", marks=pytest.mark.contract("TPL-177")),
    pytest.param("179", marks=pytest.mark.contract("TPL-179")),
    pytest.param("180", marks=pytest.mark.contract("TPL-180")),
    pytest.param("181", marks=pytest.mark.contract("TPL-181")),
    pytest.param("182", marks=pytest.mark.contract("TPL-182")),
    pytest.param("183", marks=pytest.mark.contract("TPL-183")),
    pytest.param("184", marks=pytest.mark.contract("TPL-184")),
    pytest.param("185", marks=pytest.mark.contract("TPL-185")),
    pytest.param("186", marks=pytest.mark.contract("TPL-186")),
    pytest.param("187", marks=pytest.mark.contract("TPL-187")),
    pytest.param("188", marks=pytest.mark.contract("TPL-188")),
    pytest.param("189", marks=pytest.mark.contract("TPL-189")),
    pytest.param("190", marks=pytest.mark.contract("TPL-190")),
    pytest.param("191", marks=pytest.mark.contract("TPL-191")),
    pytest.param("192", marks=pytest.mark.contract("TPL-192")),
    pytest.param("193", marks=pytest.mark.contract("TPL-193")),
    pytest.param("194", marks=pytest.mark.contract("TPL-194")),
    pytest.param("195", marks=pytest.mark.contract("TPL-195")),
    pytest.param("196", marks=pytest.mark.contract("TPL-196")),
    pytest.param("197", marks=pytest.mark.contract("TPL-197")),
    pytest.param("198", marks=pytest.mark.contract("TPL-198")),
    pytest.param("204", marks=pytest.mark.contract("TPL-204", "TPL-202", "TPL-203")),
    pytest.param("205", marks=pytest.mark.contract("TPL-205")),
    pytest.param("206", marks=pytest.mark.contract("TPL-206")),
    pytest.param("207", marks=pytest.mark.contract("TPL-207")),
    pytest.param("208", marks=pytest.mark.contract("TPL-208")),
    pytest.param("209", marks=pytest.mark.contract("TPL-209")),
    pytest.param("210", marks=pytest.mark.contract("TPL-210")),
    pytest.param("211", marks=pytest.mark.contract("TPL-211")),
    pytest.param("212", marks=pytest.mark.contract("TPL-212")),
    pytest.param("213", marks=pytest.mark.contract("TPL-213")),
    pytest.param("214", marks=pytest.mark.contract("TPL-214")),
    pytest.param("215", marks=pytest.mark.contract("TPL-215")),
    pytest.param("217", marks=pytest.mark.contract("TPL-217")),
    pytest.param("218", marks=pytest.mark.contract("TPL-218")),
    pytest.param("219", marks=pytest.mark.contract("TPL-219")),
    pytest.param("220", marks=pytest.mark.contract("TPL-220")),
    pytest.param("221", marks=pytest.mark.contract("TPL-221")),
    pytest.param("222", marks=pytest.mark.contract("TPL-222")),
    pytest.param("223", marks=pytest.mark.contract("TPL-223")),
    pytest.param("224", marks=pytest.mark.contract("TPL-224")),
    pytest.param("225", marks=pytest.mark.contract("TPL-225")),
    pytest.param("226", marks=pytest.mark.contract("TPL-226")),
    pytest.param("227", marks=pytest.mark.contract("TPL-227")),
    pytest.param("228", marks=pytest.mark.contract("TPL-228")),
    pytest.param("229", marks=pytest.mark.contract("TPL-229")),
    pytest.param("230", marks=pytest.mark.contract("TPL-230")),
    pytest.param("231", marks=pytest.mark.contract("TPL-231")),
    pytest.param("232", marks=pytest.mark.contract("TPL-232")),
    pytest.param("233", marks=pytest.mark.contract("TPL-233")),
    pytest.param("234", marks=pytest.mark.contract("TPL-234")),
    pytest.param("235", marks=pytest.mark.contract("TPL-235")),
    pytest.param("237", marks=pytest.mark.contract("TPL-237")),
    pytest.param("238", marks=pytest.mark.contract("TPL-238")),
    pytest.param("239", marks=pytest.mark.contract("TPL-239")),
    pytest.param("240", marks=pytest.mark.contract("TPL-240")),
    pytest.param("241", marks=pytest.mark.contract("TPL-241")),
    pytest.param("242", marks=pytest.mark.contract("TPL-242")),
    pytest.param("244", marks=pytest.mark.contract("TPL-244")),
    pytest.param("245", marks=pytest.mark.contract("TPL-245")),
    pytest.param("246", marks=pytest.mark.contract("TPL-246")),
    pytest.param("247", marks=pytest.mark.contract("TPL-247")),
    pytest.param("251", marks=pytest.mark.contract("TPL-251")),
    pytest.param("252", marks=pytest.mark.contract("TPL-252")),
    pytest.param("253", marks=pytest.mark.contract("TPL-253")),
    pytest.param("254", marks=pytest.mark.contract("TPL-254")),
    pytest.param("255", marks=pytest.mark.contract("TPL-255")),
    pytest.param("257", marks=pytest.mark.contract("TPL-257")),
    pytest.param("258", marks=pytest.mark.contract("TPL-258")),
    pytest.param("259", marks=pytest.mark.contract("TPL-259")),
    pytest.param("260", marks=pytest.mark.contract("TPL-260")),
    pytest.param("261", marks=pytest.mark.contract("TPL-261")),
    pytest.param("262", marks=pytest.mark.contract("TPL-262")),
    pytest.param("263", marks=pytest.mark.contract("TPL-263", "TPL-252", "TPL-264", "TPL-265")),
    pytest.param("266", marks=pytest.mark.contract("TPL-266", "TPL-267")),
    pytest.param("270", marks=pytest.mark.contract("TPL-270")),
    pytest.param("271", marks=pytest.mark.contract("TPL-271", "TPL-293")),
    pytest.param("272", marks=pytest.mark.contract("TPL-272", "TPL-292", "TPL-295", "TPL-296")),
    pytest.param("273", marks=pytest.mark.contract("TPL-273")),
    pytest.param("274", marks=pytest.mark.contract("TPL-274")),
    pytest.param("275", marks=pytest.mark.contract("TPL-275")),
    pytest.param("277", marks=pytest.mark.contract("TPL-277", "TPL-276", "TPL-294")),
    pytest.param("278", marks=pytest.mark.contract("TPL-278")),
    pytest.param("279", marks=pytest.mark.contract("TPL-279")),
    pytest.param("280", marks=pytest.mark.contract("TPL-280")),
    pytest.param("289", marks=pytest.mark.contract("TPL-289")),
    pytest.param("290", marks=pytest.mark.contract("TPL-290")),
    pytest.param("291", marks=pytest.mark.contract("TPL-291")),
    pytest.param("300", marks=pytest.mark.contract("TPL-300")),
    pytest.param("301", marks=pytest.mark.contract("TPL-301", "TPL-313", "TPL-314", "TPL-315", "TPL-316")),
    pytest.param("302", marks=pytest.mark.contract("TPL-302")),
    pytest.param("303", marks=pytest.mark.contract("TPL-303")),
    pytest.param("304", marks=pytest.mark.contract("TPL-304")),
    pytest.param("305", marks=pytest.mark.contract("TPL-305")),
    pytest.param("306", marks=pytest.mark.contract("TPL-306")),
    pytest.param("307", marks=pytest.mark.contract("TPL-307")),
    pytest.param("309", marks=pytest.mark.contract("TPL-309")),
    pytest.param("310", marks=pytest.mark.contract("TPL-310")),
    pytest.param("311", marks=pytest.mark.contract("TPL-311")),
    pytest.param("312", marks=pytest.mark.contract("TPL-312")),
    pytest.param("321", marks=pytest.mark.contract("TPL-321")),
    pytest.param("322", marks=pytest.mark.contract("TPL-322")),
    pytest.param("323", marks=pytest.mark.contract("TPL-323", "TPL-320", "TPL-324", "TPL-325", "TPL-326", "TPL-328")),
    pytest.param("327", marks=pytest.mark.contract("TPL-327")),
    pytest.param("329", marks=pytest.mark.contract("TPL-329")),
    pytest.param("330", marks=pytest.mark.contract("TPL-330", "TPL-308")),
    pytest.param("331", marks=pytest.mark.contract("TPL-331")),
    pytest.param("332", marks=pytest.mark.contract("TPL-332")),
    pytest.param("340", marks=pytest.mark.contract("TPL-340")),
    pytest.param("341", marks=pytest.mark.contract("TPL-341")),
    pytest.param("342", marks=pytest.mark.contract("TPL-342")),
    pytest.param("343", marks=pytest.mark.contract("TPL-343")),
    pytest.param("344", marks=pytest.mark.contract("TPL-344")),
    pytest.param("345", marks=pytest.mark.contract("TPL-345")),
    pytest.param("x", id="builtins"),
]


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def _difference(template: str, output: str | None, message: str | None, data: int | None) -> str | None:
    values = RECORDED["data"][data] if data is not None else {}
    dot = {"Values": json.loads(json.dumps(values)), "Release": {"Name": "r"}}
    try:
        got = charts({"templates": {"c/templates/t": {"template": template, "top": dot}}})["c/templates/t"]
    except RenderError as problem:
        if message is None:
            return f"failed: {problem}"
        return None if str(problem).endswith(message) else f"failed with {problem}, not with {message}"
    if message is not None:
        return f"gave {got!r}, not the error {message}"
    # The recorder replaced what is not UTF-8.
    return None if got.encode("utf-8", "surrogateescape").decode("utf-8", "replace") == output else f"gave {got!r}"


@pytest.mark.parametrize("item", ITEMS)
def test_functions_over_odd_arguments(item: str) -> None:
    rows = RECORDED["items"][item]
    assert rows
    assert not {row[0]: found for row in rows if (found := _difference(*row)) is not None}
