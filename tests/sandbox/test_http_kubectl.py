"""kubectl against the sandbox: the commands that people type, as they type them."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox_fixture import SandboxServer

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")

Kubectl = Callable[..., str]

CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data: {colour: blue}
"""

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1", ports: [{containerPort: 80}]}
"""

WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.kubectl.example.com}
spec:
  group: kubectl.example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            description: What the widget should be.
            properties: {size: {type: integer, description: How large it is.}}
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size}
"""


@pytest.fixture
def kubectl(sandbox: SandboxServer, namespace: str, tmp_path: Path) -> Kubectl:
    """Runs kubectl in the test's namespace; returns its output, or raises with its error."""
    environment = {
        "KUBECONFIG": str(sandbox.kubeconfig),
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
    }

    def run(*arguments: str, stdin: str = "", editor: str = "", status: int = 0) -> str:
        done = subprocess.run(
            [str(KUBECTL), "--namespace", namespace, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            env={**environment, "EDITOR": editor},
        )
        assert done.returncode == status, f"kubectl {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if status == 0 else done.stderr

    return run


def live(kubectl: Kubectl, *what: str) -> Any:
    return json.loads(kubectl("get", *what, "-o", "json"))


def test_apply_get_and_delete(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=CONFIG) == "configmap/settings created\n"
    assert kubectl("apply", "-f", "-", stdin=CONFIG) == "configmap/settings unchanged\n"
    changed = CONFIG.replace("blue", "red")
    assert kubectl("apply", "-f", "-", stdin=changed) == "configmap/settings configured\n"
    lines = kubectl("get", "configmaps", "-l", "app=web").splitlines()
    assert [line.split()[:2] for line in lines] == [["NAME", "DATA"], ["settings", "1"]]
    assert kubectl("get", "cm/settings", "-o", "jsonpath={.data.colour}") == "red"
    assert kubectl("delete", "cm", "settings").startswith('configmap "settings" deleted')
    assert "(NotFound)" in kubectl("get", "cm", "settings", status=1)


def test_server_side_apply_conflicts(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "--field-manager", "one", "-f", "-", stdin=CONFIG)
    other = CONFIG.replace("blue", "red")
    refused = kubectl("apply", "--server-side", "--field-manager", "two", "-f", "-", stdin=other, status=1)
    assert 'Apply failed with 1 conflict: conflict with "one": .data.colour' in refused
    forced = kubectl("apply", "--server-side", "--field-manager", "two", "--force-conflicts", "-f", "-", stdin=other)
    assert forced == "configmap/settings serverside-applied\n"
    managers = {
        entry["manager"]: entry
        for entry in json.loads(kubectl("get", "cm", "settings", "-o", "json", "--show-managed-fields"))["metadata"][
            "managedFields"
        ]
    }
    assert "f:data" not in managers["one"]["fieldsV1"]
    assert managers["two"]["fieldsV1"]["f:data"] == {"f:colour": {}}


def test_change_commands(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl("create", "-f", "-", stdin=WEB)
    kubectl("label", "deployment", "web", "tier=front")
    kubectl("annotate", "deployment", "web", "example.com/note=hello")
    kubectl("patch", "deployment", "web", "-p", '{"spec":{"minReadySeconds":2}}')
    kubectl("set", "image", "deployment/web", "web=nginx:2")
    assert kubectl("scale", "deployment/web", "--replicas=1") == "deployment.apps/web scaled\n"
    script = tmp_path / "edit"
    script.write_text('#!/bin/sh\nsed -i s/nginx:2/nginx:3/ "$1"\n')
    script.chmod(0o700)
    assert kubectl("edit", "deployment", "web", editor=str(script)) == "deployment.apps/web edited\n"
    web = live(kubectl, "deployment", "web")
    assert web["metadata"]["labels"] == {"app": "web", "tier": "front"}
    assert web["metadata"]["annotations"]["example.com/note"] == "hello"
    spec = web["spec"]
    assert (spec["replicas"], spec["minReadySeconds"]) == (1, 2)
    assert spec["template"]["spec"]["containers"][0]["image"] == "nginx:3"
    kubectl("wait", "--for=jsonpath={.spec.replicas}=1", "deployment/web", "--timeout=10s")


def test_describe(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-f", "-", stdin=WEB)
    text = kubectl("describe", "deployment", "web")
    assert "StrategyType:           RollingUpdate" in text
    assert f"Namespace:              {namespace}" in text
    assert "Status:       Active" in kubectl("describe", "namespace", namespace)
    assert "KubeletReady" in kubectl("describe", "node", "sandbox")


TYPED = [
    ("configmap", "made", "--from-literal=a=b"),
    ("secret", "generic", "made", "--from-literal=a=b"),
    ("serviceaccount", "made"),
    ("deployment", "made", "--image=nginx", "--replicas=0"),
    ("service", "clusterip", "made", "--tcp=80:8080"),
    ("job", "made", "--image=busybox", "--", "true"),
    ("cronjob", "made", "--image=busybox", "--schedule=0 0 1 1 *", "--", "true"),
    ("role", "made", "--verb=get", "--resource=pods"),
    ("rolebinding", "made", "--role=made", "--serviceaccount=x:y"),
    ("ingress", "made", "--rule=example.com/*=made:80"),
    ("poddisruptionbudget", "made", "--selector=a=b", "--min-available=1"),
    ("quota", "made", "--hard=pods=3"),
]


@pytest.mark.parametrize("arguments", TYPED, ids=lambda arguments: str(arguments[0]))
def test_typed_create(kubectl: Kubectl, arguments: tuple[str, ...]) -> None:
    kubectl("create", *arguments)
    assert live(kubectl, arguments[0], "made")["metadata"]["name"] == "made"


def test_typed_create_carries_every_field(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "made", "--from-literal=a=b", "--from-literal=c=")
    assert live(kubectl, "configmap", "made")["data"] == {"a": "b", "c": ""}
    kubectl("create", "secret", "generic", "made", "--from-literal=a=b", "--type=example.com/t")
    secret = live(kubectl, "secret", "made")
    assert (secret["data"], secret["type"]) == ({"a": "Yg=="}, "example.com/t")
    kubectl("create", "deployment", "made", "--image=nginx", "--replicas=0", "--port=80", "--", "sleep", "1")
    spec = live(kubectl, "deployment", "made")["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert spec["replicas"] == 0
    assert (container["image"], container["command"]) == ("nginx", ["sleep", "1"])
    assert container["ports"][0]["containerPort"] == 80
    kubectl("create", "ingress", "made", "--class=x", "--rule=example.com/a*=svc:http")
    rule = live(kubectl, "ingress", "made")["spec"]["rules"][0]
    assert rule["host"] == "example.com"
    assert rule["http"]["paths"][0] == {
        "path": "/a",
        "pathType": "Prefix",
        "backend": {"service": {"name": "svc", "port": {"name": "http"}}},
    }


def test_custom_resources(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WIDGETS)
    kubectl("wait", "--for=condition=Established", "crd/widgets.kubectl.example.com", "--timeout=10s")
    widget = "apiVersion: kubectl.example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 5}\n"
    kubectl("apply", "-f", "-", stdin=widget)
    assert kubectl("get", "wd").split() == ["NAME", "SIZE", "w", "5"]
    assert "How large it is." in kubectl("explain", "widgets.spec.size")
    bad = widget.replace("size: 5", "size: large")
    assert "spec.size" in kubectl("apply", "-f", "-", stdin=bad, status=1)
    kubectl("delete", "crd", "widgets.kubectl.example.com")


def test_explain_and_api_resources(kubectl: Kubectl) -> None:
    text = kubectl("explain", "deployment.spec.strategy.rollingUpdate")
    assert "GROUP:      apps" in text
    assert "maxSurge" in text
    rows = {line.split()[0]: line.split() for line in kubectl("api-resources", "--no-headers").splitlines()}
    assert rows["deployments"] == ["deployments", "deploy", "apps/v1", "true", "Deployment"]
    assert "customresourcedefinitions" in rows


def test_diff_and_unknown_fields(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=CONFIG)
    assert kubectl("diff", "-f", "-", stdin=CONFIG) == ""
    kubectl("diff", "-f", "-", stdin=CONFIG.replace("blue", "red"), status=1)
    refused = kubectl("apply", "-f", "-", stdin=WEB.replace("replicas:", "replica:"), status=1)
    assert 'unknown field "spec.replica"' in refused


def test_identity(kubectl: Kubectl, sandbox: SandboxServer) -> None:
    assert "kubernetes-admin" in kubectl("auth", "whoami")
    assert kubectl("auth", "can-i", "create", "pods").strip() == "yes"
    kubectl("create", "serviceaccount", "robot")
    token = kubectl("create", "token", "robot").strip()
    status, review = sandbox.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": token}})
    assert status == 201
    assert review["status"]["user"]["username"].endswith(":robot")
    assert "sandbox   Ready" in kubectl("get", "nodes")


def test_watch_prints_changes(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=CONFIG)
    assert "settings" in kubectl("get", "cm", "--watch", "--request-timeout=1s")


def test_rollouts(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WEB.replace("replicas: 0", "replicas: 2"))
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    assert kubectl("scale", "deployment/web", "--replicas=3") == "deployment.apps/web scaled\n"
    kubectl("wait", "deployment/web", "--for=jsonpath={.status.readyReplicas}=3", "--timeout=20s")
    kubectl("set", "image", "deployment/web", "web=nginx:2")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    assert [line.split()[0] for line in kubectl("rollout", "history", "deployment/web").splitlines()[2:4]] == ["1", "2"]
    kubectl("rollout", "undo", "deployment/web")
    kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    assert kubectl("get", "deployment/web", "-o", "jsonpath={..image}") == "nginx:1"
    kubectl("set", "image", "deployment/web", "web=nginx:does-not-exist")
    stuck = kubectl("rollout", "status", "deployment/web", "--timeout=1s", status=1)
    assert "timed out waiting for the condition" in stuck


def test_a_list_is_applied(kubectl: Kubectl) -> None:
    items = [json.loads(kubectl("create", "cm", name, "--dry-run=client", "-o", "json")) for name in ("a", "b")]
    both = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    assert kubectl("apply", "-f", "-", stdin=both) == "configmap/a created\nconfigmap/b created\n"


def test_what_needs_containers_says_so(kubectl: Kubectl) -> None:
    kubectl("run", "p", "--image=nginx")
    kubectl("wait", "pod/p", "--for=condition=Ready", "--timeout=20s")
    for command in (
        ("exec", "p", "--", "ls"),
        ("attach", "p"),
        ("port-forward", "pod/p", "18080:80"),
        ("cp", "p:/x", "x"),
    ):
        assert "the sandbox runs no containers" in kubectl(*command, status=1)
    assert "is simulated as running" in kubectl("logs", "p")
