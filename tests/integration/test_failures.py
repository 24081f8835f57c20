"""What goes wrong in repositories and at Git servers is told with its place, and nothing that worked is lost."""

from pathlib import Path

import pytest

from fluxkit.kube.errors import NotFound
from fluxkit.objects import GroupVersionKind
from fluxkit.runtime.status_check import check_final
from testbed.githttp import GitHTTPServer, Trouble
from tests.integration.fleet import CONFIG_MAP, Fleet, config_map


@pytest.mark.contract("SRC-050", "SRC-181", "RUN-006")
@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (Trouble.UNAVAILABLE, "503"),
        (Trouble.FORBIDDEN, "authorization failed"),
        (Trouble.GARBAGE, "unable to list remote"),
        (Trouble.HTML, "unable to list remote"),
        (Trouble.RESET, "unable to list remote"),
        (Trouble.HANG, "no answer within 1s"),
    ],
)
async def test_a_git_server_in_trouble_costs_nothing_that_worked(
    fleet: Fleet, tmp_path: Path, trouble: Trouble, told: str
) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    async with GitHTTPServer(fleet.repository.bare.parent) as server:
        revision = await fleet.repository.push("start")
        await fleet.follow(server.url(fleet.repository.bare.name), timeout="1s")
        await fleet.kustomize("app", "./app")
        await fleet.applied("app", revision)
        server.trouble = trouble
        await fleet.reconcile_source()
        message = await fleet.source_failed("GitOperationFailed")
        assert message.startswith("failed to checkout and determine revision: ")
        assert told in message
        source = fleet.source()
        assert source is not None
        assert source.status.artifact is not None
        assert source.status.artifact.revision == revision
        assert await fleet.exists(CONFIG_MAP, "a")
        server.trouble = Trouble.NONE
        fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, "2"))
        await fleet.applied("app", await fleet.push())


@pytest.mark.contract("SRC-181")
async def test_a_git_server_that_is_down_is_waited_for(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    async with GitHTTPServer(fleet.repository.bare.parent) as server:
        url, port = server.url(fleet.repository.bare.name), int(server.address.rpartition(":")[2])
    await fleet.follow(url)
    await fleet.kustomize("app", "./app")
    assert url.rpartition("/")[0] in await fleet.source_failed("GitOperationFailed")
    async with GitHTTPServer(fleet.repository.bare.parent, port=port):
        await fleet.applied("app", revision)


@pytest.mark.contract("SRC-180", "RUN-106")
async def test_wrong_credentials_are_told_without_showing_them(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    await fleet.repository.push("start")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "wrong", "namespace": fleet.namespace},
        "stringData": {"username": "flux", "password": "hunter2-hunter2"},
    }
    await fleet.client.create(secret)
    await fleet.follow(secretRef={"name": "wrong"})
    message = await fleet.source_failed("GitOperationFailed")
    assert "authentication" in message.lower()
    assert "hunter2" not in message
    assert "hunter2" not in fleet.rig.controllers.log_file.read_text()


@pytest.mark.contract("SRC-180")
async def test_a_missing_secret_is_named(fleet: Fleet) -> None:
    await fleet.follow(secretRef={"name": "missing"})
    message = await fleet.source_failed("AuthenticationFailed")
    assert f"failed to get secret '{fleet.namespace}/missing'" in message


@pytest.mark.contract("SRC-181")
async def test_a_missing_branch_is_named_and_waited_for(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    await fleet.repository.push("start")
    await fleet.follow(ref={"branch": "nowhere"})
    assert "nowhere" in await fleet.source_failed("GitOperationFailed")


@pytest.mark.contract("KUS-059", "KUS-061", "KUS-039")
async def test_missing_sources_and_paths(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    revision = await fleet.repository.push("start")
    await fleet.kustomize("app", "./app")
    assert f"Source 'GitRepository/{fleet.namespace}/fleet' not found" in await fleet.failed("app", "ArtifactFailed")
    await fleet.follow()
    await fleet.applied("app", revision)
    await fleet.kustomize("lost", "./elsewhere")
    assert "kustomization path not found: ./elsewhere" in await fleet.failed("lost", "ArtifactFailed")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)


@pytest.mark.contract("KUS-041", "KUS-105", "KUS-337", "RUN-063")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: [", "did not"),
        ("apiVersion: v1\nmetadata:\n  name: x\n", "missing kind"),
        ("apiVersion: v1\nkind: ConfigMap\n", "missing metadata.name"),
        (config_map("good", "default"), "may not add resource with an already registered id"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: bomb\n" + BOMB, "alias"),
        (config_map("twice", "default") + "data: {}\n", "already"),
    ],
    ids=["invalid", "kind", "name", "duplicate", "aliases", "key"],
)
async def test_broken_manifests(fleet: Fleet, text: str, told: str) -> None:
    fleet.repository.write("app/good.yaml", config_map("good", "default"))
    fleet.repository.write("other/a.yaml", config_map("other", fleet.namespace))
    fleet.repository.write("app/kustomization.yaml", f"namespace: {fleet.namespace}\nresources: [good.yaml]\n")
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    await fleet.kustomize("other", "./other")
    await fleet.applied("app", revision)
    fleet.repository.write("app/broken.yaml", text)
    fleet.repository.write(
        "app/kustomization.yaml", f"namespace: {fleet.namespace}\nresources: [good.yaml, broken.yaml]\n"
    )
    fleet.repository.write("other/a.yaml", config_map("other", fleet.namespace, "2"))
    revision = await fleet.push("break")
    message = await fleet.failed("app", "BuildFailed")
    assert "app/broken.yaml" in message or "/twice" in message
    assert told in message
    await fleet.applied("other", revision)
    assert await fleet.exists(CONFIG_MAP, "good")
    assert message in await fleet.warnings("app")
    await fleet.repository.revert()
    await fleet.reconcile_source()
    await fleet.kustomization_where("app", lambda each: each.status.last_applied_revision != revision)


@pytest.mark.contract("KUS-042", "KUS-191", "KUS-200")
async def test_a_refused_object_stops_its_stage_before_anything_is_written(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    metadata = f"metadata:\n  name: broken\n  namespace: {fleet.namespace}\n"
    broken = f"apiVersion: v1\nkind: Service\n{metadata}spec:\n  ports: 80\n"
    fleet.repository.write("app/broken.yaml", broken)
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    message = await fleet.failed("app", "ReconciliationFailed")
    assert f"Service/{fleet.namespace}/broken dry-run failed" in message
    assert not await fleet.exists(CONFIG_MAP, "a")


@pytest.mark.contract("KUS-193", "KUS-371", "KUS-027", "KUS-038")
async def test_what_an_earlier_stage_created_is_told_and_kept_track_of(fleet: Fleet) -> None:
    name = f"{fleet.namespace}-reader"
    role = f"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {name}\nrules: []\n"
    fleet.repository.write("app/role.yaml", role)
    metadata = f"metadata:\n  name: broken\n  namespace: {fleet.namespace}\n"
    fleet.repository.write("app/broken.yaml", f"apiVersion: v1\nkind: Service\n{metadata}spec:\n  ports: 80\n")
    revision = await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    message = await fleet.failed("app", "ReconciliationFailed")
    assert f"ClusterRole/{name} created" in message.splitlines()
    failed = fleet.kustomization("app")
    assert failed is not None
    assert failed.status.inventory is not None
    assert [entry.id for entry in failed.status.inventory.entries] == [f"_{name}_rbac.authorization.k8s.io_ClusterRole"]
    assert (failed.status.last_attempted_revision, failed.status.last_applied_revision) == (revision, "")
    report = check_final(failed, ("Stalled", "Reconciling"))
    assert report.failures == []
    reconciling = next(each for each in failed.status.conditions if each.type == "Reconciling")
    assert reconciling.reason == "ProgressingWithRetry"
    fleet.repository.remove("app/role.yaml")
    fleet.repository.write("app/broken.yaml", config_map("a", fleet.namespace))
    await fleet.applied("app", await fleet.push())
    with pytest.raises(NotFound):
        await fleet.client.get(GroupVersionKind("rbac.authorization.k8s.io", "v1", "ClusterRole"), name)


@pytest.mark.contract("KUS-107", "KUS-364")
async def test_an_encrypted_secret_is_not_applied_as_it_is(fleet: Fleet) -> None:
    fleet.repository.write(
        "app/secret.yaml",
        f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  namespace: {fleet.namespace}\n"
        "stringData:\n  key: ENC[AES256_GCM,data:xyz]\nsops:\n  mac: ENC[AES256_GCM,data:abc]\n",
    )
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app")
    message = await fleet.failed("app", "ReconciliationFailed")
    assert message.startswith(f"Secret/{fleet.namespace}/s is SOPS encrypted, configuring decryption is required")


@pytest.mark.contract("KUS-146", "KUS-149", "KUS-140")
async def test_failing_substitutions_name_the_variable(fleet: Fleet) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace, "${nowhere}"))
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("app", "./app", postBuild={"substitute": {"other": "x"}})
    assert await fleet.failed("app", "BuildFailed") == (
        "post build failed for 'ConfigMap.v1.[noGrp]/a': envsubst error: variable substitution failed: "
        'variable not set (strict mode): "nowhere" (used in app/a.yaml:7)'
    )
    await fleet.kustomize("refs", "./app", postBuild={"substituteFrom": [{"kind": "Secret", "name": "missing"}]})
    assert "substitute from 'Secret/missing' error:" in await fleet.failed("refs", "BuildFailed")


@pytest.mark.contract("KUS-048", "KUS-056", "KUS-078", "KUS-026", "RUN-134")
@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            {"healthCheckExprs": [{"apiVersion": "a/v1", "kind": "B", "current": "status.x =="}]},
            "failed to create custom status evaluator for healthchecks[0]: failed to parse the expression Current: ",
        ),
        ({"dependsOn": [{"name": "base", "readyExpr": "dep.spec.suspend"}]}, "failed to evaluate dependency base: "),
    ],
    ids=["health", "dependency"],
)
async def test_expressions_that_cannot_be_compiled_are_terminal(
    fleet: Fleet, spec: dict[str, object], told: str
) -> None:
    fleet.repository.write("app/a.yaml", config_map("a", fleet.namespace))
    await fleet.repository.push("start")
    await fleet.follow()
    await fleet.kustomize("base", "./app", suspend=True)
    await fleet.kustomize("app", "./app", **spec)
    message = await fleet.failed("app", "InvalidCELExpression")
    assert message.startswith(f"Reconciliation failed terminally due to configuration error: {told}")
    stalled = fleet.kustomization("app")
    assert stalled is not None
    assert [condition.type for condition in stalled.status.conditions] == ["Stalled", "Ready"]
    assert stalled.status.observed_generation == stalled.metadata.generation
    assert check_final(stalled, ("Stalled", "Reconciling")).failures == []
    assert not await fleet.exists(CONFIG_MAP, "a")
