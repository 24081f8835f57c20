"""Writes: dry runs, generated names, evictions, finalizers, namespaces that end, field validation."""

from typing import Any

from tests.sandbox.recorded.cases.common import (
    CM,
    DEPLOY,
    JOB,
    NS,
    POD,
    SECRET,
    SVC,
    cm,
    deployment,
    job,
    obj,
    pod,
    service,
)
from tests.sandbox.recorded.steps import Step, apply, case, delete, get, json_patch, merge, post, put, strategic

A, W = f"{CM}/a", f"{DEPLOY}/web"
NAMESPACES = "/api/v1/namespaces"
PDB = "/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets"
DRY = {"dryRun": "All"}


def _budget(**status: Any) -> tuple[Step, Step]:
    body = obj(
        "policy/v1", "PodDisruptionBudget", "b", spec={"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}
    )
    full = {"currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1, "observedGeneration": 1, **status}
    return post(PDB, body, pick="kind"), merge(
        f"{PDB}/b/status",
        {"status": full},
    )


def _eviction(**more: Any) -> dict[str, Any]:
    return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p", "namespace": "{ns}"}, **more}


_READY = {
    "type": "Ready",
    "status": "True",
    "lastProbeTime": "2001-01-01T00:00:00Z",
    "lastTransitionTime": "2001-01-01T00:00:00Z",
}
_POD = pod(meta={"labels": {"a": "b"}})
_RUNNING = {
    "status": {
        "phase": "Running",
        "conditions": [_READY],
        "containerStatuses": [],
    }
}

CASES = (
    case(
        "dry run: everything",
        post(CM, cm("a"), **DRY),
        post(CM, cm("a", {"k": "1"})),
        post(CM, cm("a"), **DRY),
        put(A, cm("a", {"k": "2"}), **DRY),
        merge(A, {"data": {"k": "3"}}, **DRY),
        json_patch(A, [{"op": "remove", "path": "/data/k"}], **DRY),
        strategic(A, {"data": {"k": "4"}}, **DRY),
        delete(A, **DRY),
        delete(A, {"dryRun": ["All"]}),
        delete(CM, **DRY),
        get(A),
        post(NAMESPACES, obj("v1", "Namespace", "{ns}-dry"), **DRY),
        get(f"{NAMESPACES}/{{ns}}-dry"),
        delete(NS, **DRY),
        get(NS),
        post(DEPLOY, deployment()),
        merge(f"{W}/scale", {"spec": {"replicas": 5}}, **DRY),
        put(
            f"{W}/scale",
            {
                "apiVersion": "autoscaling/v1",
                "kind": "Scale",
                "metadata": {"name": "web", "namespace": "{ns}"},
                "spec": {"replicas": 5},
            },
            **DRY,
        ),
        merge(f"{W}/status", {"status": {"replicas": 5}}, **DRY),
        delete(W, **DRY),
        get(W),
        post(CM, cm("x"), dryRun="Some"),
        delete(A, dryRun="Some"),
        delete(A, {"dryRun": ["Some"]}),
        post(CM, {"metadata": {"generateName": "g-"}}, **DRY),
        post(POD, _POD, **DRY),
        post(SVC, service(type="NodePort"), **DRY),
        get(SVC),
    ),
    case(
        "generated names",
        post(CM, {"metadata": {"generateName": "g-"}}),
        post(CM, {"metadata": {"generateName": "G-"}}, pick="details.causes.0.field"),
        post(CM, {"metadata": {"generateName": "g."}}, pick="details.causes"),
        post(CM, {"metadata": {"generateName": "x" * 70}}, pick="metadata.generateName"),
        post(SVC, {**service(), "metadata": {"generateName": "s-"}}, pick="spec.type"),
        post(SVC, {**service(), "metadata": {"generateName": "s."}}, pick="details.causes.0"),
        post(NAMESPACES, {"metadata": {"generateName": "{ns}-g-"}}, pick="status"),
        post(CM, {"metadata": {"name": "", "generateName": ""}}),
        apply(f"{CM}/g", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "g", "generateName": "g-"}}),
    ),
    case(
        "evict: budgets",
        post(POD, _POD, pick="kind"),
        merge(
            f"{POD}/p/status",
            _RUNNING,
        ),
        *_budget(disruptionsAllowed=0),
        post(f"{POD}/p/eviction", _eviction()),
        post(f"{POD}/p/eviction", _eviction(deleteOptions={"dryRun": ["All"]})),
        merge(f"{PDB}/b/status", {"status": {"disruptionsAllowed": 1}}),
        post(f"{POD}/p/eviction", _eviction(deleteOptions={"preconditions": {"uid": "x"}})),
        post(f"{POD}/p/eviction", _eviction(), **DRY),
        post(f"{POD}/p/eviction", _eviction()),
        get(f"{PDB}/b", pick="status.disruptionsAllowed"),
        post(f"{POD}/p/eviction", _eviction()),
    ),
    case(
        "evict: two budgets",
        post(POD, _POD, pick="kind"),
        merge(
            f"{POD}/p/status",
            _RUNNING,
        ),
        *_budget(disruptionsAllowed=1),
        post(PDB, obj("policy/v1", "PodDisruptionBudget", "c", spec={"minAvailable": 1, "selector": {}}), pick="kind"),
        post(f"{POD}/p/eviction", _eviction()),
    ),
    case(
        "evict: pods that are not running",
        post(POD, _POD, pick="kind"),
        *_budget(disruptionsAllowed=0),
        post(f"{POD}/p/eviction", _eviction()),
        get(f"{POD}/p"),
    ),
    case(
        "finalizers: of a deleted object",
        post(CM, cm("a", finalizers=["example.com/a", "example.com/b"])),
        delete(A),
        delete(A),
        merge(A, {"data": {"k": "1"}}),
        merge(A, {"metadata": {"finalizers": ["example.com/a", "example.com/b", "example.com/c"]}}),
        merge(A, {"metadata": {"finalizers": ["example.com/b"]}}),
        apply(A, cm("a", {"l": "1"})),
        post(CM, cm("a")),
        json_patch(A, [{"op": "remove", "path": "/metadata/finalizers/0"}]),
        get(A),
    ),
    case(
        "finalizers: by propagation",
        *(post(CM, cm(name)) for name in "abc"),
        delete(A, propagationPolicy="Foreground"),
        delete(A, propagationPolicy="Orphan"),
        delete(A, propagationPolicy="Background"),
        delete(f"{CM}/b", propagationPolicy="Orphan"),
        merge(f"{CM}/b", {"metadata": {"finalizers": []}}),
        delete(f"{CM}/c", propagationPolicy="Sideways"),
        delete(f"{CM}/c", {"propagationPolicy": "Foreground", "orphanDependents": True}),
        delete(f"{CM}/c", {"orphanDependents": False}),
    ),
    case(
        "a namespace that ends",
        post(CM, cm("a", finalizers=["example.com/hold"])),
        delete(NS, pick="status.phase"),
        get(NS),
        post(CM, cm("b")),
        apply(f"{CM}/b", cm("b")),
        apply(f"{CM}/b", cm("b"), dryRun="All"),
        put(f"{CM}/b", cm("b")),
        merge(A, {"data": {"k": "1"}}),
        apply(A, cm("a", {"k": "2"}), force="true"),
        post(NAMESPACES, obj("v1", "Namespace", "{ns}")),
        apply(NS, obj("v1", "Namespace", "{ns}", {"labels": {"a": "b"}})),
        delete(NS, pick="status"),
        delete(CM, pick="items.0.metadata.name"),
        merge(A, {"metadata": {"finalizers": None}}),
        put(f"{NS}/finalize", obj("v1", "Namespace", "{ns}", spec={"finalizers": ["example.com/x"]})),
        put(f"{NS}/finalize", obj("v1", "Namespace", "{ns}", spec={"finalizers": []})),
        get(NS),
    ),
    case(
        "namespaces: what is refused",
        post(f"{NAMESPACES}/{{ns}}-none/configmaps", cm("a")),
        apply(f"{NAMESPACES}/{{ns}}-none/configmaps/a", cm("a")),
        put(f"{NAMESPACES}/{{ns}}-none/configmaps/a", cm("a")),
        delete(f"{NAMESPACES}/{{ns}}-none/configmaps/a"),
        get(f"{NAMESPACES}/{{ns}}-none/configmaps", pick="items"),
        post(CM, cm("a", namespace="other")),
        merge(
            NS,
            {"spec": {"finalizers": []}},
        ),
        put(f"{NS}/status", {**obj("v1", "Namespace", "{ns}"), "status": {"phase": "Terminating"}}),
        delete(NAMESPACES),
    ),
    case(
        "collections",
        *(post(CM, cm(name, labels={"n": name})) for name in "abc"),
        post(CM, cm("d", finalizers=["example.com/x"])),
        delete(CM, labelSelector="n in (a,b)"),
        delete(CM, fieldSelector="metadata.name=c"),
        delete(CM, labelSelector="none=x"),
        delete(CM, propagationPolicy="Foreground"),
        get(CM),
        delete(POD, pick="items"),
        delete(SVC),
        delete(CM, limit="1"),
    ),
    case(
        "field validation: kinds",
        *(
            step
            for value in ("Strict", "Warn", "Ignore", "Maybe")
            for step in (
                post(
                    DEPLOY,
                    deployment(value.lower(), containers=[{"name": "a", "image": "a", "imagee": 1}], replica=1),
                    fieldValidation=value,
                ),
                post(SVC, service(f"s-{value.lower()}", ports=[{"port": 80, "prot": "x"}]), fieldValidation=value),
                post(CM, {**cm(value.lower()), "datas": {}}, fieldValidation=value),
                apply(f"{CM}/x", {**cm("x"), "datas": {}}, fieldValidation=value),
            )
        ),
        post(CM, {**cm("m"), "metadata": {"name": "m", "label": {}}}),
        put(f"{CM}/m", {**cm("m"), "extra": 1}),
        merge(f"{CM}/m", {"extra": 1}),
        merge(f"{CM}/m", {"extra": 1}, fieldValidation="Strict"),
        json_patch(f"{CM}/m", [{"op": "add", "path": "/extra", "value": 1}], fieldValidation="Strict"),
        strategic(f"{CM}/m", {"extra": 1}, fieldValidation="Strict"),
    ),
    case(
        "lists are no objects",
        post(CM, {"apiVersion": "v1", "kind": "List", "items": []}),
        post(CM, {"apiVersion": "v1", "kind": "ConfigMapList", "items": []}),
        apply(A, {"apiVersion": "v1", "kind": "List", "items": [], "metadata": {"name": "a"}}),
        post("/api/v1/lists", {"apiVersion": "v1", "kind": "List", "items": []}),
    ),
    case(
        "scale: kinds",
        post(DEPLOY, deployment()),
        get(f"{W}/scale"),
        put(f"{W}/scale", {"metadata": {"name": "web", "namespace": "{ns}"}, "spec": {"replicas": 3}}),
        put(f"{W}/scale", {"metadata": {"name": "other"}, "spec": {"replicas": 3}}),
        put(f"{W}/scale", {"metadata": {"name": "web", "resourceVersion": "1"}, "spec": {"replicas": 3}}),
        merge(f"{W}/scale", {"spec": {"replicas": -1}}),
        merge(f"{W}/scale", {"spec": {"replicas": "x"}}),
        json_patch(f"{W}/scale", [{"op": "replace", "path": "/spec/replicas", "value": 4}]),
        strategic(f"{W}/scale", {"spec": {"replicas": 5}}),
        get(f"{DEPLOY}/none/scale"),
        merge(f"{DEPLOY}/none/scale", {"spec": {"replicas": 5}}),
        get(f"{CM}/a/scale"),
        post("/apis/apps/v1/namespaces/{ns}/statefulsets", {**deployment("s"), "kind": "StatefulSet"}, pick="kind"),
        merge("/apis/apps/v1/namespaces/{ns}/statefulsets/s/scale", {"spec": {"replicas": 2}}),
    ),
    case(
        "status: kinds",
        post(DEPLOY, deployment()),
        put(f"{W}/status", {**deployment(replicas=7), "status": {"replicas": 3, "conditions": []}}),
        merge(f"{W}/status", {"status": {"replicas": -1}}),
        merge(f"{W}/status", {"metadata": {"labels": {"a": "b"}}}),
        post(SVC, service(type="LoadBalancer"), pick="kind"),
        merge(f"{SVC}/web/status", {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}),
        merge(f"{SVC}/web/status", {"status": {"loadBalancer": {"ingress": [{"ip": "nonsense"}]}}}),
        post(JOB, job()),
        merge(f"{JOB}/j/status", {"status": {"active": 1}}),
        post(POD, pod(), pick="kind"),
        merge(f"{POD}/p/status", {"status": {"phase": "Running", "conditions": [_READY]}}),
        merge(f"{POD}/p/status", {"spec": {"nodeName": "x"}}),
        get(f"{CM}/a/status"),
        get(f"{SECRET}/a/status"),
    ),
    case(
        "bind",
        post(POD, pod()),
        post(f"{POD}/p/binding", {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}}),
        post(f"{POD}/p/binding", {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "m"}}),
        get(f"{POD}/p"),
        delete(f"{POD}/p", gracePeriodSeconds="5"),
        delete(f"{POD}/p", gracePeriodSeconds="9"),
        delete(f"{POD}/p", gracePeriodSeconds="0"),
        get(f"{POD}/p"),
    ),
    case(
        "replace: nothing changes",
        post(CM, cm("a", {"k": "1"})),
        put(A, cm("a", {"k": "1"})),
        merge(A, {"data": {"k": "1"}}),
        apply(A, cm("a", {"k": "1"})),
        apply(A, cm("a", {"k": "1"})),
        merge(A, {"metadata": {"labels": {}}}),
        post(DEPLOY, deployment()),
        merge(W, {"spec": {"replicas": 0}}),
        strategic(W, {"metadata": {"annotations": {"a": "b"}}}),
        strategic(W, {"spec": {"paused": True}}),
    ),
)
