"""Tables of many kinds, as ``kubectl get -o wide`` shows them, and the headers that clients read."""

from typing import Any

from tests.sandbox.recorded.cases.common import CM, DEPLOY, NS, POD, SVC, cm, container, deployment, obj, pod, service
from tests.sandbox.recorded.cases.reading import TABLE
from tests.sandbox.recorded.steps import Case, case, delete, get, merge, post

RBAC = "rbac.authorization.k8s.io/v1"
_TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [container(), container(name="two")]}}
_SELECTOR = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "In", "values": ["d", "e"]}]}
_LABELLED = {**_TEMPLATE, "metadata": {"labels": {"a": "b", "c": "d"}}}
_TO = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
_WHO = [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "jane"},
        {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "team"},
        {"kind": "ServiceAccount", "name": "robot", "namespace": "{ns}"}]  # fmt: skip


def _kind(api_version: str, kind: str, plural: str, *, cluster: bool = False, **more: Any) -> Case:
    """A table of one object of a kind."""
    group = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    name = "{ns}-x" if cluster else "x"
    path = f"{group}/{plural}" if cluster else f"{group}/namespaces/{{ns}}/{plural}"
    one = f"{path}/{name}"
    return case(
        f"table of {plural}.{api_version}",
        post(path, obj(api_version, kind, name, {"labels": {"made": "{ns}"}}, **more), pick="kind"),
        get(path, accept=TABLE, labelSelector="made={ns}"),
        delete(one, pick="kind"),
    )


_CLUSTER: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("v1", "Node", "nodes", {"spec": {"unschedulable": True}}),
    (
        "v1",
        "PersistentVolume",
        "persistentvolumes",
        {
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce", "ReadOnlyMany"],
                "hostPath": {"path": "/x"},
            }
        },
    ),
    ("storage.k8s.io/v1", "StorageClass", "storageclasses", {"provisioner": "x.example.com"}),
    ("storage.k8s.io/v1", "CSIDriver", "csidrivers", {"spec": {}}),
    (
        "storage.k8s.io/v1",
        "VolumeAttributesClass",
        "volumeattributesclasses",
        {"driverName": "x", "parameters": {"a": "b"}},
    ),
    ("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", {"value": 5}),
    ("networking.k8s.io/v1", "IngressClass", "ingressclasses", {"spec": {"controller": "example.com/x"}}),
    ("node.k8s.io/v1", "RuntimeClass", "runtimeclasses", {"handler": "x"}),
    (RBAC, "ClusterRole", "clusterroles", {"rules": []}),
    (RBAC, "ClusterRoleBinding", "clusterrolebindings", {"roleRef": _TO, "subjects": _WHO}),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        {
            "spec": {
                "matchConstraints": {
                    "resourceRules": [
                        {"apiGroups": ["x"], "apiVersions": ["*"], "operations": ["*"], "resources": ["y"]}
                    ]
                },
                "validations": [{"expression": "true"}],
            }
        },
    ),
    (
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        {"spec": {"policyName": "x", "validationActions": ["Deny"]}},
    ),
    (
        "flowcontrol.apiserver.k8s.io/v1",
        "FlowSchema",
        "flowschemas",
        {"spec": {"priorityLevelConfiguration": {"name": "none"}}},
    ),
)
_NAMESPACED: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    (
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        {"spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}},
    ),
    (
        "v1",
        "ReplicationController",
        "replicationcontrollers",
        {"spec": {"selector": {"a": "b"}, "template": _TEMPLATE}},
    ),
    ("v1", "ResourceQuota", "resourcequotas", {"spec": {"hard": {"pods": "5", "limits.cpu": "1"}}}),
    ("v1", "LimitRange", "limitranges", {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}}),
    ("v1", "PodTemplate", "podtemplates", {"template": _TEMPLATE}),
    (
        "v1",
        "Endpoints",
        "endpoints",
        {"subsets": [{"addresses": [{"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}], "ports": [{"port": 80}]}]},
    ),
    ("apps/v1", "ReplicaSet", "replicasets", {"spec": {"selector": _SELECTOR, "template": _LABELLED, "replicas": 2}}),
    (
        "apps/v1",
        "StatefulSet",
        "statefulsets",
        {"spec": {"selector": _SELECTOR, "template": _LABELLED, "serviceName": "x", "replicas": 2}},
    ),
    (
        "apps/v1",
        "DaemonSet",
        "daemonsets",
        {
            "spec": {
                "selector": _SELECTOR,
                "template": {**_LABELLED, "spec": {**_LABELLED["spec"], "nodeSelector": {"k": "v"}}},
            }
        },
    ),
    ("apps/v1", "ControllerRevision", "controllerrevisions", {"revision": 1, "data": {"a": "b"}}),
    (
        "batch/v1",
        "CronJob",
        "cronjobs",
        {
            "spec": {
                "schedule": "* * * * *",
                "jobTemplate": {"spec": {"template": {"spec": {**_TEMPLATE["spec"], "restartPolicy": "Never"}}}},
            }
        },
    ),
    (
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        {
            "spec": {
                "maxReplicas": 3,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}},
                    }
                ],
            }
        },
    ),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", {"spec": {"maxUnavailable": "50%"}}),
    (
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "networkpolicies",
        {"spec": {"podSelector": {"matchLabels": {"a": "b"}}}},
    ),
    ("coordination.k8s.io/v1", "Lease", "leases", {"spec": {"holderIdentity": "me"}}),
    (
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "endpointslices",
        {"addressType": "IPv4", "endpoints": [{"addresses": ["192.0.2.1"]}], "ports": [{"port": 80, "name": "http"}]},
    ),
    (RBAC, "Role", "roles", {"rules": []}),
    (RBAC, "RoleBinding", "rolebindings", {"roleRef": _TO, "subjects": _WHO}),
)
_READ = ("Content-Type", "Cache-Control", "Vary", "Warning", "Retry-After", "Etag")

CASES = (
    *(_kind(version, kind, plural, cluster=True, **more) for version, kind, plural, more in _CLUSTER),
    *(_kind(version, kind, plural, **more) for version, kind, plural, more in _NAMESPACED),
    case(
        "table of definitions",
        get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", accept=TABLE, pick="columnDefinitions"),
    ),
    case(
        "table of pods in many states",
        post(POD, pod("a", [container(), container(name="two")]), pick="kind"),
        merge(
            f"{POD}/a/status",
            {
                "status": {
                    "phase": "Running",
                    "podIP": "192.0.2.1",
                    "podIPs": [{"ip": "192.0.2.1"}],
                    "containerStatuses": [
                        {
                            "name": "app",
                            "image": "i",
                            "imageID": "",
                            "ready": True,
                            "restartCount": 3,
                            "state": {"running": {}},
                            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
                        },
                        {
                            "name": "two",
                            "image": "i",
                            "imageID": "",
                            "ready": False,
                            "restartCount": 0,
                            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                        },
                    ],
                }
            },
            pick="kind",
        ),
        get(f"{POD}/a", accept=TABLE, pick="rows.0.cells"),
        merge(f"{POD}/a/status", {"status": {"phase": "Failed", "reason": "Evicted"}}, pick="kind"),
        get(f"{POD}/a", accept=TABLE, pick="rows.0.cells"),
        merge(
            f"{POD}/a/status",
            {
                "status": {
                    "phase": "Succeeded",
                    "reason": None,
                    "containerStatuses": [
                        {
                            "name": "app",
                            "image": "i",
                            "imageID": "",
                            "ready": False,
                            "restartCount": 0,
                            "state": {"terminated": {"exitCode": 0, "reason": "Completed"}},
                        }
                    ],
                }
            },
            pick="kind",
        ),
        get(f"{POD}/a", accept=TABLE, pick="rows.0.cells"),
    ),
    case(
        "table of services with addresses",
        post(SVC, service("a", type="LoadBalancer"), pick="kind"),
        post(SVC, service("b", type="ExternalName", externalName="x.example.com"), pick="kind"),
        post(SVC, service("c", clusterIP="None"), pick="kind"),
        merge(
            f"{SVC}/a/status",
            {"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}},
        ),
        get(f"{SVC}/b", accept=TABLE, pick="rows.0.cells"),
        get(f"{SVC}/c", accept=TABLE, pick="rows.0.cells"),
    ),
    case(
        "headers",
        post(CM, cm("a")),
        get(f"{CM}/a", shows=_READ, pick="kind"),
        get(CM, shows=_READ, pick="kind"),
        get(CM, accept=TABLE, shows=_READ, pick="kind"),
        get(CM, accept="*/*", shows=_READ, pick="kind"),
        get(
            CM,
            accept="application/vnd.kubernetes.protobuf;q=0.5,application/json",
            shows=("Content-Type",),
            pick="kind",
        ),
        get(f"{CM}/none", shows=_READ, pick="reason"),
        get("/version", shows=("Content-Type", "Cache-Control"), pick="major"),
        get("/readyz", shows=("Content-Type", "Cache-Control")),
        get("/nothing", shows=("Content-Type", "Cache-Control")),
        get(
            "/apis",
            accept="application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            pick="kind",
            shows=("Content-Type", "Vary", "Cache-Control"),
        ),
        get("/api/v1/namespaces/{ns}/configmaps/a", pick="kind", shows=("X-Content-Type-Options",)),
        get(DEPLOY, shows=("Warning",), pick="kind"),
    ),
    case(
        "table of deployments with status",
        post(DEPLOY, deployment(replicas=3), pick="kind"),
        merge(
            f"{DEPLOY}/web/status",
            {"status": {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2}},
        ),
        get(DEPLOY, accept=TABLE, pick="rows.0.cells"),
        get(f"{NS}", accept=TABLE, includeObject="Object", pick="rows.0.object.kind"),
    ),
)
