"""What a table shows of an object."""

from typing import Any

import pytest

from fluxkit.cli.get import View
from fluxkit.cli.kinds import BY_KIND, truncate_hex

SHA1 = "696f056df216eea4f9401adbee0ff744d4df390f"


def ready(status: str, message: str) -> list[dict[str, Any]]:
    return [{"type": "Ready", "status": status, "message": message}]


def row(kind: str, obj: dict[str, Any]) -> list[str]:
    return BY_KIND[kind].row({"metadata": {"name": "x", "namespace": "ns"}, **obj})


@pytest.mark.contract("CLI-018")
def test_checksums_are_cut_to_eight_digits() -> None:
    assert truncate_hex(f"main@sha1:{SHA1}") == "main@sha1:696f056d"
    assert truncate_hex("a" * 64 + " and " + "b" * 128) == "aaaaaaaa and bbbbbbbb"
    for kept in ("a" * 39, "a" * 129, SHA1.upper(), f"{SHA1}z"):
        assert truncate_hex(kept) == kept


@pytest.mark.contract("CLI-017", "CLI-144", "CLI-145")
def test_objects_that_nobody_has_reconciled() -> None:
    assert row("Kustomization", {}) == ["", "False", "False", "waiting to be reconciled"]
    assert row("GitRepository", {"spec": {"suspend": True}}) == ["", "True", "False", "waiting to be reconciled"]


@pytest.mark.contract("CLI-018", "CLI-144")
def test_a_kustomization() -> None:
    status = {"lastAppliedRevision": f"main@sha1:{SHA1}", "conditions": ready("True", f"Applied revision: {SHA1}")}
    assert row("Kustomization", {"status": status}) == [
        "main@sha1:696f056d", "False", "True", "Applied revision: 696f056d",
    ]  # fmt: skip


@pytest.mark.contract("CLI-018", "CLI-144")
def test_a_helm_release_shows_its_newest_chart_and_its_message_as_it_is() -> None:
    status = {"history": [{"chartVersion": "6.5.0"}, {"chartVersion": "6.4.0"}], "conditions": ready("True", SHA1)}
    assert row("HelmRelease", {"status": status}) == ["6.5.0", "False", "True", SHA1]
    assert row("HelmRelease", {"status": {"lastAttemptedRevision": "6.6.0"}})[0] == "6.6.0"


@pytest.mark.contract("CLI-146")
def test_static_kinds() -> None:
    assert row("Alert", {}) == ["False", "True", "Alert is Ready"]
    assert row("Provider", {}) == ["True", "Provider is Ready"]
    assert row("HelmRepository", {"spec": {"type": "oci"}}) == ["", "False", "True", "Helm repository is Ready"]


@pytest.mark.contract("CLI-145", "CLI-147")
def test_columns() -> None:
    columns = {kind: " ".join(BY_KIND[kind].columns) for kind in BY_KIND}
    for kind in ("GitRepository", "OCIRepository", "Bucket", "HelmRepository", "HelmChart"):
        assert columns[kind] == "Revision Suspended Ready Message"
    assert columns["ExternalArtifact"] == "Revision Source Ready Message"
    assert columns["Receiver"] == columns["ArtifactGenerator"] == "Suspended Ready Message"
    assert columns["ImageRepository"] == "Last scan Suspended Ready Message"
    assert columns["ImagePolicy"] == "Image Tag Ready Message"
    assert columns["ImageUpdateAutomation"] == "Last run Suspended Ready Message"


@pytest.mark.contract("CLI-141", "CLI-144")
def test_views_add_columns() -> None:
    kind = BY_KIND["Kustomization"]
    obj = {"metadata": {"name": "x", "namespace": "ns"}, "spec": {"sourceRef": {"kind": "GitRepository", "name": "g"}}}
    view = View(all_namespaces=True, show_source=True)
    assert view.header(kind)[:3] == ["Namespace", "Name", "Source"]
    assert view.row(kind, obj)[:3] == ["ns", "x", "GitRepository/ns/g"]
    assert View(no_header=True).header(kind) == []
    assert View(qualified=True).row(kind, obj)[0] == "kustomization/x"


@pytest.mark.parametrize(
    ("selector", "shown"),
    [("ready=true", False), ("Ready=FALSE", True), ("ready!=true", True), ("stalled=true", False), ("x!=y", True)],
)
@pytest.mark.contract("CLI-149")
def test_status_selectors(selector: str, shown: bool) -> None:
    obj = {"status": {"conditions": ready("False", "")}}
    assert View(status_selector=selector).selects(obj) is shown
