"""A tenant who tries to reach what is not hers, by every field that might lead there.

The installation is locked down as Flux's documentation for multi-tenancy says: ``--no-cross-namespace-refs``,
``--no-remote-bases``, ``--default-service-account``. The tenant, mallory, is administrator of one namespace, may write
all of Flux's objects there, and may commit whatever she likes. The API server evaluates RBAC. ``docs/tenancy.md``
explains each attempt.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from fluxkit import yaml
from fluxkit.api import GitRepository, Kustomization
from fluxkit.kube import Client, PatchKind
from fluxkit.kube.errors import Invalid
from fluxkit.objects import GroupVersionKind, Object
from testbed import Controllers, Rig, git_repository, kustomization
from tests.integration.conftest import new_fleet
from tests.integration.fleet import CONFIG_MAP, SOURCE, Fleet, config_map, deployment

RBAC = "rbac.authorization.k8s.io"
MARKER = "nobody-else-may-see-this"
VICTIM, MINE = "tenant-victim", "tenant-mallory"
FAILED, DENIED, BUILD, READY = "ReconciliationFailed", "AccessDenied", "BuildFailed", "ReconciliationSucceeded"
SECRETS_OF_VICTIM = "../../tenant-victim/secrets/top"


@dataclass(frozen=True)
class Attempt:
    """One Kustomization of mallory's: what she commits, what its spec says, and what has to come of it."""

    name: str
    files: dict[str, str]
    reason: str
    told: str
    spec: dict[str, Any] = field(default_factory=dict)


def manifest(api_version: str, kind: str, name: str, namespace: str = "", **fields: Any) -> str:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **fields.pop("metadata", {})}
    return yaml.dump({"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields})


def mine(name: str) -> dict[str, str]:
    return {"a.yaml": config_map(name, MINE)}


def overlay(**fields: Any) -> dict[str, str]:
    return {"kustomization.yaml": yaml.dump(fields)}


ANYTHING = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
TO_ADMIN = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"}
FLUX_OF_MINE = [{"kind": "ServiceAccount", "name": "flux", "namespace": MINE}]
FOREIGN = f'cannot patch resource "configmaps" in API group "" in the namespace "{VICTIM}"'
NAMELESS = {"a.yaml": manifest("v1", "ConfigMap", "planted", data={"key": "1"})}
PLANTED = {"a.yaml": config_map("planted", VICTIM)}
OWNER = {
    "kustomize.toolkit.fluxcd.io/name": "system",
    "kustomize.toolkit.fluxcd.io/namespace": VICTIM,
}

ATTEMPTS = [
    # into another namespace
    Attempt("target-namespace", NAMELESS, FAILED, FOREIGN, {"targetNamespace": VICTIM}),
    Attempt("namespace-of-a-manifest", PLANTED, FAILED, FOREIGN),
    Attempt("namespace-of-an-overlay", NAMELESS | overlay(namespace=VICTIM, resources=["a.yaml"]), FAILED, FOREIGN),
    Attempt(
        "namespace-by-patch",
        mine("patched"),
        FAILED,
        FOREIGN,
        {
            "patches": [
                {
                    "patch": yaml.dump([{"op": "replace", "path": "/metadata/namespace", "value": VICTIM}]),
                    "target": {"kind": "ConfigMap"},
                }
            ]
        },
    ),
    Attempt(
        "namespace-by-variable",
        {"a.yaml": config_map("planted", "${where}")},
        FAILED,
        FOREIGN,
        {"postBuild": {"substitute": {"where": VICTIM}}},
    ),
    Attempt(
        "namespace-in-a-list",
        {"a.yaml": yaml.dump({"apiVersion": "v1", "kind": "List", "items": [yaml.load(PLANTED["a.yaml"], source="")]})},
        FAILED,
        FOREIGN,
    ),
    Attempt("overwrite-by-force", {"a.yaml": config_map("app", VICTIM)}, FAILED, FOREIGN, {"force": True}),
    # to the whole cluster
    Attempt(
        "cluster-role-binding",
        {"a.yaml": manifest(f"{RBAC}/v1", "ClusterRoleBinding", "root", roleRef=TO_ADMIN, subjects=FLUX_OF_MINE)},
        FAILED,
        'cannot patch resource "clusterrolebindings"',
    ),
    Attempt(
        "labels-of-a-namespace",
        {"a.yaml": manifest("v1", "Namespace", VICTIM, metadata={"labels": {"mine": "yes"}})},
        FAILED,
        'cannot patch resource "namespaces"',
    ),
    Attempt(
        "webhook-on-everything",
        {"a.yaml": manifest("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "spy", webhooks=[])},
        FAILED,
        'cannot patch resource "validatingwebhookconfigurations"',
    ),
    # to more rights
    Attempt(
        "role-with-more-rights",
        {"a.yaml": manifest(f"{RBAC}/v1", "Role", "root", MINE, rules=ANYTHING)},
        FAILED,
        "attempting to grant RBAC permissions not currently held",
    ),
    Attempt(
        "binding-to-more-rights",
        {"a.yaml": manifest(f"{RBAC}/v1", "RoleBinding", "root", MINE, roleRef=TO_ADMIN, subjects=FLUX_OF_MINE)},
        FAILED,
        "attempting to grant RBAC permissions not currently held",
    ),
    Attempt(
        "account-elsewhere", mine("a"), FAILED, f'"system:serviceaccount:{MINE}:root"', {"serviceAccountName": "root"}
    ),
    Attempt(
        "account-with-colons",
        mine("a"),
        FAILED,
        f'"system:serviceaccount:{MINE}:x:{VICTIM}:root" cannot patch',
        {"serviceAccountName": f"x:{VICTIM}:root"},
    ),
    Attempt(
        "account-with-a-header",
        mine("a"),
        FAILED,
        "cannot be sent in a header",
        {"serviceAccountName": "flux\r\nImpersonate-Group: system:masters"},
    ),
    Attempt(
        "kustomization-elsewhere",
        {"a.yaml": yaml.dump(kustomization("planted", VICTIM, SOURCE, "./"))},
        FAILED,
        'cannot patch resource "kustomizations"',
    ),
    Attempt(
        "kustomization-inside",
        {"a.yaml": yaml.dump(kustomization("inner", MINE, SOURCE, "./target-namespace", targetNamespace=VICTIM))},
        READY,
        "",
    ),
    Attempt("inner", {}, FAILED, FOREIGN),  # made by the one before; without an account it gets the default one
    # to what others have
    Attempt(
        "source-elsewhere",
        {},
        DENIED,
        f"can't access 'GitRepository/{VICTIM}/fleet', cross-namespace references have been blocked",
        {"sourceRef": {"kind": "GitRepository", "name": "fleet", "namespace": VICTIM}},
    ),
    Attempt(
        "source-that-does-not-exist-elsewhere",
        {},
        DENIED,
        f"can't access 'GitRepository/{VICTIM}/nothing', cross-namespace references have been blocked",
        {"sourceRef": {"kind": "GitRepository", "name": "nothing", "namespace": VICTIM}},
    ),
    Attempt(
        "variables-by-path",
        mine("a"),
        BUILD,
        'name "../../tenant-victim/secrets/top" may not be used in a path',
        {"postBuild": {"substituteFrom": [{"kind": "Secret", "name": SECRETS_OF_VICTIM}]}},
    ),
    Attempt(
        "variables-by-name",
        mine("a"),
        BUILD,
        '"top" not found',
        {"postBuild": {"substituteFrom": [{"kind": "Secret", "name": "top"}]}},
    ),
    Attempt(
        "kubeconfig-by-path",
        mine("a"),
        FAILED,
        "may not be used in a path",
        {"kubeConfig": {"secretRef": {"name": SECRETS_OF_VICTIM}}},
    ),
    Attempt(
        "kubeconfig-by-path-of-a-config-map",
        mine("a"),
        FAILED,
        "may not be used in a path",
        {"kubeConfig": {"configMapRef": {"name": "../../tenant-victim/configmaps/app"}}},
    ),
    Attempt(
        "keys-by-path",
        mine("a"),
        BUILD,
        "may not be used in a path",
        {"decryption": {"provider": "sops", "secretRef": {"name": SECRETS_OF_VICTIM}}},
    ),
    Attempt(
        "keys-by-name",
        mine("a"),
        BUILD,
        '"top" not found',
        {"decryption": {"provider": "sops", "secretRef": {"name": "top"}}},
    ),
    Attempt(
        "kubeconfig-with-files",
        mine("a"),
        FAILED,
        "Forbidden",
        {"kubeConfig": {"secretRef": {"name": "with-files"}}},
    ),
    Attempt(
        "kubeconfig-with-a-command",
        mine("a"),
        FAILED,
        "Forbidden",
        {"kubeConfig": {"secretRef": {"name": "with-a-command"}}},
    ),
    Attempt(
        "kubeconfig-as-root",
        PLANTED,
        FAILED,
        FOREIGN,
        {"kubeConfig": {"secretRef": {"name": "as-root"}}},
    ),
    Attempt(
        "health-of-what-exists",
        mine("a"),
        "HealthCheckFailed",
        f"Deployment/{VICTIM}/web status: 'Unknown'",
        {
            "healthChecks": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "namespace": VICTIM}],
            "timeout": "1s",
        },
    ),
    Attempt(
        "health-of-what-does-not",
        mine("a"),
        "HealthCheckFailed",
        f"Deployment/{VICTIM}/nothing status: 'Unknown'",
        {
            "healthChecks": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "nothing", "namespace": VICTIM}],
            "timeout": "1s",
        },
    ),
    # out of the source
    Attempt("path-upwards", {}, "ArtifactFailed", "kustomization path not found", {"path": "./../../../../etc"}),
    Attempt("link-upwards", {}, BUILD, "", {}),  # its file is made by hand
    Attempt("resource-upwards", overlay(resources=["../../../../../../etc/hostname"]), BUILD, ""),
    Attempt("base-upwards", overlay(resources=["../../../../../../etc"]), BUILD, ""),
    Attempt(
        "generator-upwards",
        overlay(configMapGenerator=[{"name": "a", "files": ["../../../../../../etc/hostname"]}]),
        BUILD,
        "",
    ),
    Attempt("component-upwards", mine("a"), BUILD, "", {"components": ["../../../../../../etc"]}),
    Attempt("remote-base", overlay(resources=["https://127.0.0.1:1/x.git//base"]), BUILD, ""),
    Attempt(
        "command",
        mine("a")
        | overlay(resources=["a.yaml"], generators=["run.yaml"])
        | {
            "run.yaml": manifest(
                "example.com/v1",
                "Run",
                "run",
                metadata={"annotations": {"config.kubernetes.io/function": "exec: {path: ./run.sh}"}},
            ),
            "run.sh": "#!/bin/sh\ntouch @ran@\n",
        },
        BUILD,
        "",
    ),
    # in the name of others
    Attempt("labels-of-another-owner", mine("labelled"), READY, "", {"commonMetadata": {"labels": OWNER}}),
    Attempt("to-be-forged", mine("forged"), READY, ""),
]


class Stage:
    """The victim, mallory, and what the victim has before anything is tried."""

    def __init__(self, rig: Rig, victim: Fleet, mallory: Fleet) -> None:
        self.rig = rig
        self.victim = victim
        self.mallory = mallory
        self.tokens: list[str] = []
        """What mallory's own API server was sent as Authorization."""
        self.before: dict[str, Any] = {}

    @property
    def client(self) -> Client:
        """Mallory's own hands."""
        return self.rig.client.impersonate("mallory")

    async def possessions(self) -> dict[str, Any]:
        """What is in the victim's namespace and in the cluster; of Flux's own objects what was asked for."""
        found: dict[str, Any] = {}
        kinds = [("", "v1", "ConfigMap"), ("", "v1", "Secret"), ("", "v1", "ServiceAccount"), ("", "v1", "Namespace")]
        kinds += [(RBAC, "v1", kind) for kind in ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")]
        kinds += [
            ("apps", "v1", "Deployment"),
            ("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"),
        ]
        kinds += [("", "v1", "Event")]
        for gvk in [GroupVersionKind(*kind) for kind in kinds] + [Kustomization.GVK, GitRepository.GVK]:
            own = gvk.group.endswith("toolkit.fluxcd.io")
            cluster = gvk.kind.startswith("Cluster") or gvk.kind in ("Namespace", "ValidatingWebhookConfiguration")
            for obj in (await self.rig.client.list(gvk, "" if cluster else VICTIM)).items:
                metadata = obj["metadata"]
                key = f"{gvk.kind}/{metadata['name']}"
                found[key] = [obj["spec"], metadata["generation"]] if own else metadata["resourceVersion"]
        return found


async def admin_of(client: Client, namespace: str, name: str, *subjects: Object) -> None:
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "admin"}
    metadata = {"name": name, "namespace": namespace}
    await client.create(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": role,
            "subjects": list(subjects),
        }
    )


async def flux_editor(client: Client, namespace: str, *subjects: Object) -> None:
    """What the ClusterRole ``flux-edit`` of upstream's installation gives administrators of a namespace."""
    groups = ["kustomize.toolkit.fluxcd.io", "source.toolkit.fluxcd.io"]
    metadata = {"name": "flux-edit", "namespace": namespace}
    rules = [{"apiGroups": groups, "resources": ["*"], "verbs": ["*"]}]
    role = {"apiGroup": RBAC, "kind": "Role", "name": "flux-edit"}
    await client.create({"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": rules})
    binding = {"apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": metadata}
    await client.create(binding | {"roleRef": role, "subjects": list(subjects)})


async def furnish_victim(rig: Rig) -> Fleet:
    victim = await new_fleet(rig, VICTIM)
    client = rig.client
    for name in ("top", "kubeconfig"):
        metadata = {"name": name, "namespace": VICTIM}
        await client.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"key": MARKER}})
    metadata = {"name": "root", "namespace": VICTIM}
    await client.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    subjects = [{"kind": "ServiceAccount", **metadata}]
    await client.create(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "root-of-victim"},
            "roleRef": TO_ADMIN,
            "subjects": subjects,
        }
    )
    victim.repository.write("app/a.yaml", config_map("app", VICTIM, MARKER))
    victim.repository.write("app/b.yaml", deployment("web", VICTIM))
    revision = await victim.repository.push("start")
    await victim.follow(interval="1h")
    await victim.source_ready(revision)
    await victim.kustomize("system", "./app", wait=True, serviceAccountName="root")
    await victim.applied("system", revision)
    await victim.told("system", "Reconciliation finished in")  # events leave in the background
    return victim


async def furnish_mallory(rig: Rig) -> Fleet:
    mallory = await new_fleet(rig, MINE)
    flux = {"kind": "ServiceAccount", "name": "flux", "namespace": MINE}
    person = {"apiGroup": RBAC, "kind": "User", "name": "mallory"}
    metadata = {"name": "flux", "namespace": MINE}
    await rig.client.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    await admin_of(rig.client, MINE, "admins", flux, person)
    await flux_editor(rig.client, MINE, flux, person)
    return mallory


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    rig = Rig(tmp_path)
    await rig.cluster.start()
    await rig.server.run()
    try:
        async with rig.connected():
            flags = ("--no-cross-namespace-refs", "--no-remote-bases", "--default-service-account=flux")
            more = ("--concurrent=8", "--http-retry=0", "--min-retry-delay=1m")
            rig.controllers = Controllers(rig.cluster.kubeconfig, tmp_path / "controllers", *flags, *more)
            await rig.controllers.run()
            victim = await furnish_victim(rig)
            yield Stage(rig, victim, await furnish_mallory(rig))
            await rig.controllers.stop()
    finally:
        await rig.server.stop()
        await rig.cluster.stop()


@pytest.fixture
async def listener(stage: Stage) -> AsyncIterator[str]:
    """Mallory's API server, which hopes for credentials of the controllers."""

    async def note(request: web.Request) -> web.Response:
        stage.tokens.append(request.headers.get("Authorization", ""))
        return web.json_response({"kind": "Status", "code": 403, "reason": "Forbidden"}, status=403)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", note)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def kubeconfig(server: str, user: dict[str, Any], **cluster: Any) -> str:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "a", "user": user}],
    }
    return b64encode(yaml.dump(document).encode()).decode()


async def kubeconfigs(stage: Stage, listener: str, directory: Path) -> None:
    """Secrets of mallory's that name files and commands of the machine that the controllers run on."""
    token = directory / "token"
    token.write_text(MARKER)
    touch = {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": [str(directory / "ran")]}
    own = yaml.load(stage.rig.cluster.kubeconfig.read_bytes(), source="")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = f"/api/v1/namespaces/{MINE}/serviceaccounts/flux/token"
    answer = orjson.loads(await stage.client.raw("POST", path, body=orjson.dumps(request)))
    cluster = {key: value for key, value in own["clusters"][0]["cluster"].items() if key != "server"}
    as_root = {"token": answer["status"]["token"], "as": "root", "as-groups": ["system:masters"]}
    secrets = {
        "with-files": kubeconfig(listener, {"tokenFile": str(token)}),
        "with-a-command": kubeconfig(listener, {"exec": touch | {"interactiveMode": "Never"}}),
        "as-root": kubeconfig(own["clusters"][0]["cluster"]["server"], as_root, **cluster),
    }
    for name, value in secrets.items():
        metadata = {"name": name, "namespace": MINE}
        await stage.client.create(
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"value": value}}
        )


async def try_all(stage: Stage, ran: Path) -> None:
    """``ran`` is a file that exists once a command of mallory's has run."""
    repository = stage.mallory.repository
    for attempt in ATTEMPTS:
        for path, text in (attempt.files or {"empty/.keep": ""}).items():
            repository.write(f"{attempt.name}/{path}", text.replace("@ran@", str(ran)))
    (repository.clone / "link-upwards").mkdir(exist_ok=True)
    (repository.clone / "link-upwards" / "etc").symlink_to("/etc")
    repository.write("link-upwards/kustomization.yaml", yaml.dump({"resources": ["etc/hostname"]}))
    await repository.push("attempts")
    await stage.client.create(git_repository(SOURCE, MINE, stage.rig.url(repository)))
    for attempt in ATTEMPTS:
        if attempt.name != "inner":
            spec = {"path": f"./{attempt.name}", "timeout": "10s", "retryInterval": "1h", **attempt.spec}
            path = spec.pop("path")
            await stage.client.create(kustomization(attempt.name, MINE, SOURCE, path, **spec))


async def outcome(stage: Stage, attempt: Attempt) -> str:
    """The message of the attempt's Ready condition once it says how it ended."""

    def ended(each: Kustomization) -> bool:
        return any(
            condition.type == "Ready" and condition.status != "Unknown" and condition.reason == attempt.reason
            for condition in each.status.conditions
        )

    found = await stage.mallory.kustomization_where(attempt.name, ended)
    return next(condition.message for condition in found.status.conditions if condition.type == "Ready")


async def forge_inventory(stage: Stage) -> None:
    """Mallory claims the victim's objects in a status, then has them pruned, then deletes the claimant."""
    gvk, name = Kustomization.GVK, "to-be-forged"
    entries = [{"id": f"{VICTIM}_app__ConfigMap", "v": "v1"}, {"id": f"{VICTIM}_top__Secret", "v": "v1"}]
    forged = {"status": {"inventory": {"entries": entries}}}
    await stage.client.patch(gvk, name, MINE, patch=forged, kind=PatchKind.MERGE, subresource="status")
    await stage.mallory.reconcile(name)
    message = await stage.mallory.failed(name, "PruneFailed")
    assert f'cannot get resource "configmaps" in API group "" in the namespace "{VICTIM}"' in message
    await stage.client.delete(gvk, name, MINE)
    await stage.mallory.event("pruning for deleted resource failed")
    release = {"metadata": {"finalizers": None}}
    await stage.client.patch(gvk, name, MINE, patch=release, kind=PatchKind.MERGE)


REPOSITORIES = {
    "without-credentials": {},
    "credentials-by-path": {"secretRef": {"name": "../../tenant-victim/secrets/git"}},
    "option-as-branch": {"ref": {"branch": "--upload-pack=touch @ran@"}},
    "option-as-name": {"ref": {"name": "--upload-pack=touch @ran@"}},
    "included-from-elsewhere": {"include": [{"repository": {"name": f"../{VICTIM}/fleet"}}]},
}


async def try_repositories(stage: Stage, ran: Path) -> None:
    """The victim's repository without the victim's credentials, and words that git might take for options."""
    for address in ("file:///etc", "ext::sh -c whoami", "/etc"):
        with pytest.raises(Invalid, match=r"spec\.url"):
            await stage.client.create(git_repository("scheme", MINE, address))
    url = stage.rig.url(stage.victim.repository)
    for name, spec in REPOSITORIES.items():
        given = orjson.loads(orjson.dumps(spec).replace(b"@ran@", str(ran).encode()))
        obj = git_repository(name, MINE, url, **given)
        if "secretRef" not in spec and name == "without-credentials":
            del obj["spec"]["secretRef"]
        elif name.startswith(("option", "included")):
            obj["spec"]["url"] = stage.rig.url(stage.mallory.repository)
        await stage.client.create(obj)
    async with asyncio.timeout(30):
        for name in REPOSITORIES:
            await stage.rig.sources.wait_for(lambda cache, name=name: _is_not_ready(cache.get(MINE, name)), 30)
    for name in REPOSITORIES:
        found = GitRepository.decode(await stage.rig.client.get(GitRepository.GVK, name, MINE))
        assert found.status.artifact is None, name


def _is_not_ready(source: Object | None) -> bool:
    conditions = ((source or {}).get("status") or {}).get("conditions") or ()
    return any(condition["type"] == "Ready" and condition["status"] == "False" for condition in conditions)


async def everything_of_mine(stage: Stage) -> str:
    """All that mallory can read, as text."""
    texts = []
    for gvk in (Kustomization.GVK, GitRepository.GVK, CONFIG_MAP, GroupVersionKind("", "v1", "Event")):
        texts += [orjson.dumps(obj).decode() for obj in (await stage.client.list(gvk, MINE)).items]
    return "\n".join(texts)


@pytest.mark.contract("KUS-361", "KUS-363", "KUS-309", "RUN-084", "RUN-086", "RUN-138", "RUN-139", "RUN-140", "RUN-144")
@pytest.mark.contract("RUN-163", "RUN-190")
async def test_nothing_leads_to_another_namespace(stage: Stage, listener: str, tmp_path: Path) -> None:
    await kubeconfigs(stage, listener, tmp_path)
    before = await stage.possessions()
    ran = tmp_path / "ran"
    await try_all(stage, ran)
    answers = {attempt.name: await outcome(stage, attempt) for attempt in ATTEMPTS}
    unexpected = {each.name: answers[each.name] for each in ATTEMPTS if each.told not in answers[each.name]}
    assert unexpected == {}
    told = answers["health-of-what-exists"].partition("timeout waiting")[2].replace("web", "nothing")
    assert told == answers["health-of-what-does-not"].partition("timeout waiting")[2], "existence does not show"
    await try_repositories(stage, ran)
    await forge_inventory(stage)
    assert await stage.possessions() == before
    assert stage.tokens
    assert set(stage.tokens) == {""}, "no credentials of the controllers' machine went to mallory's server"
    assert not ran.exists()
    assert MARKER not in await everything_of_mine(stage)
    assert MARKER not in stage.rig.controllers.log_file.read_text()
