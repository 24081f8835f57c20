"""Creating, replacing and deleting: names, versions, preconditions, dry run, finalizers, reviews."""

from dataclasses import replace

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
from tests.sandbox.recorded.steps import case, delete, get, merge, post, put

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES = RBAC + "/namespaces/{ns}/roles"
BINDINGS = RBAC + "/namespaces/{ns}/rolebindings"
STS = "/apis/apps/v1/namespaces/{ns}/statefulsets"
DS = "/apis/apps/v1/namespaces/{ns}/daemonsets"
CRON = "/apis/batch/v1/namespaces/{ns}/cronjobs"
HPA = "/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers"
PDB = "/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets"
NETPOL = "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies"
INGRESS = "/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses"
PVC = f"{NS}/persistentvolumeclaims"
SA = f"{NS}/serviceaccounts"
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

_POD_SPEC = {"containers": [{"name": "app", "image": "example.com/app:1"}]}
_TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": _POD_SPEC}
_SELECTOR = {"matchLabels": {"app": "web"}}

_MAY_CREATE = {"spec": {"resourceAttributes": {"verb": "create", "resource": "configmaps", "namespace": "{ns}"}}}

CASES = (
    case(
        "configmap life",
        post(CM, cm("a", {"k": "1"})),
        get(f"{CM}/a"),
        put(f"{CM}/a", cm("a", {"k": "2"})),
        put(f"{CM}/a", cm("a", {"k": "2"})),
        delete(f"{CM}/a"),
        get(f"{CM}/a"),
        delete(f"{CM}/a"),
    ),
    case("create twice", post(CM, cm("a")), post(CM, cm("a")), post(DEPLOY, deployment()), post(DEPLOY, deployment())),
    case("create without name", post(CM, {"metadata": {}}), post(DEPLOY, {**deployment(), "metadata": {}})),
    case(
        "create with generateName",
        post(CM, {"metadata": {"generateName": "a-"}}),
        post(CM, {"metadata": {"generateName": "A_"}}),
    ),
    case("create with name and generateName", post(CM, {"metadata": {"name": "a", "generateName": "b-"}})),
    case("create with bad names", *(post(CM, cm(name)) for name in ("A", "a_b", "-a", "a" * 254, "a..b"))),
    case("service names", *(post(SVC, service(name)) for name in ("1a", "a.b", "a" * 64))),
    case(
        "namespace names",
        *(post("/api/v1/namespaces", {"metadata": {"name": name}}) for name in ("a.b", "A", "a" * 64)),
    ),
    case("create with resourceVersion", post(CM, cm("a", resourceVersion="12"))),
    case(
        "create with system metadata",
        post(
            CM,
            cm(
                "a",
                uid="x",
                generation=7,
                creationTimestamp="2001-01-01T00:00:00Z",
                deletionTimestamp="2001-01-01T00:00:00Z",
                selfLink="/x",
            ),
        ),
    ),
    case("create in another namespace", post(CM, cm("a", namespace="other"))),
    case("create in no namespace", post("/api/v1/namespaces/nowhere/configmaps", cm("a"))),
    case(
        "create of another kind",
        post(CM, obj("v1", "Secret", "a")),
        post(CM, obj("v2", "ConfigMap", "a")),
        post(DEPLOY, obj("v1", "Deployment", "a")),
        post(CM, obj("", "ConfigMap", "a")),
    ),
    case(
        "create of nonsense",
        post(CM, "nonsense"),
        post(CM, "[]"),
        post(CM, '"text"'),
        post(CM, ""),
        post(CM, "{}"),
        post(CM, "null"),
    ),
    case("create without namespace in path", post("/api/v1/configmaps", cm("a"))),
    case(
        "create of a wrong type",
        post(CM, cm("a", {"k": 1})),
        post(CM, cm("a", ["k"])),
        post(CM, cm("a", {"k": {}})),
        post(CM, cm("a", {"k": True})),
        post(CM, {"metadata": "text"}),
        post(CM, {"metadata": {"name": 3}}),
        post(CM, cm("a", labels={"a": 1})),
        post(CM, cm("a", labels=["a"])),
    ),
    case(
        "create of wrong types in a deployment",
        post(DEPLOY, deployment(replicas="1")),
        post(DEPLOY, deployment(replicas=1.5)),
        post(DEPLOY, deployment(paused="yes")),
        post(DEPLOY, deployment(containers={"a": 1})),
        post(DEPLOY, deployment(selector="x")),
    ),
    case(
        "create with content types",
        post(CM, "metadata:\n  name: a\n", headers={"Content-Type": "application/yaml"}),
        post(CM, cm("b"), headers={"Content-Type": "text/plain"}),
    ),
    case(
        "create a namespace",
        post("/api/v1/namespaces", {"metadata": {"name": "{ns}-more", "labels": {"a": "b"}}}),
        merge("/api/v1/namespaces/{ns}-more", {"metadata": {"labels": {"kubernetes.io/metadata.name": "x"}}}),
        delete("/api/v1/namespaces/{ns}-more"),
        post("/api/v1/namespaces/{ns}-more/configmaps", cm("a")),
        delete("/api/v1/namespaces/{ns}-more"),
    ),
    case("delete built-in namespaces", delete("/api/v1/namespaces/default"), delete("/api/v1/namespaces/kube-system")),
    case(
        "replace without a version",
        post(DEPLOY, deployment()),
        put(f"{DEPLOY}/web", deployment(replicas=0, paused=True)),
    ),
    case(
        "replace with an old version",
        post(CM, cm("a")),
        put(f"{CM}/a", cm("a", {"k": "1"}, resourceVersion="{rv:0}")),
        put(f"{CM}/a", cm("a", {"k": "2"}, resourceVersion="{rv:0}")),
    ),
    case(
        "replace with a wrong uid",
        post(CM, cm("a")),
        put(f"{CM}/a", cm("a", uid="00000000-0000-0000-0000-000000000000")),
    ),
    case(
        "replace what is missing",
        put(f"{CM}/a", cm("a")),
        put(f"{DEPLOY}/web", deployment()),
        put(f"{CM}/a", cm("a", resourceVersion="1")),
        put(f"{CM}/a", cm("a", uid="00000000-0000-0000-0000-000000000000")),
    ),
    case(
        "replace under another name",
        post(CM, cm("a")),
        put(f"{CM}/a", cm("b")),
        put(f"{CM}/a", cm("a", namespace="other")),
        put(f"{CM}/a", {"data": {}}),
    ),
    case(
        "replace keeps status and generation",
        post(DEPLOY, deployment()),
        put(f"{DEPLOY}/web", {**deployment(), "status": {"replicas": 3}}),
        put(f"{DEPLOY}/web", deployment(minReadySeconds=3)),
    ),
    case(
        "replace status",
        post(DEPLOY, deployment()),
        put(f"{DEPLOY}/web/status", {**deployment(replicas=2), "status": {"observedGeneration": 1}}),
        get(f"{DEPLOY}/web/status"),
    ),
    case("bad resourceVersion", post(CM, cm("a")), put(f"{CM}/a", cm("a", resourceVersion="abc"))),
    case(
        "dry run",
        post(CM, cm("a"), dryRun="All"),
        get(f"{CM}/a"),
        post(CM, cm("a")),
        put(f"{CM}/a", cm("a", {"k": "1"}), dryRun="All"),
        merge(f"{CM}/a", {"data": {"k": "2"}}, dryRun="All"),
        delete(f"{CM}/a", dryRun="All"),
        get(f"{CM}/a"),
        post(CM, cm("b"), dryRun="Some"),
    ),
    case(
        "dry run of a deployment",
        post(DEPLOY, deployment(), dryRun="All"),
        post(DEPLOY, deployment()),
        put(f"{DEPLOY}/web", deployment(replicas=3), dryRun="All"),
        get(f"{DEPLOY}/web"),
    ),
    case("dry run of a service", post(SVC, service(), dryRun="All")),
    case(
        "delete with preconditions",
        post(CM, cm("a")),
        delete(f"{CM}/a", {"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}),
        delete(f"{CM}/a", {"preconditions": {"resourceVersion": "1"}}),
        delete(f"{CM}/a", {"preconditions": {"uid": "{uid:0}", "resourceVersion": "{rv:0}"}}),
    ),
    case(
        "delete with options",
        post(CM, cm("a")),
        delete(f"{CM}/a", {"propagationPolicy": "Sideways"}),
        delete(f"{CM}/a", {"propagationPolicy": "Background", "orphanDependents": True}),
        delete(f"{CM}/a", propagationPolicy="Background"),
    ),
    case(
        "delete kinds",
        post(DEPLOY, deployment()),
        delete(f"{DEPLOY}/web"),
        post(SVC, service()),
        delete(f"{SVC}/web"),
        post(POD, pod()),
        delete(f"{POD}/p"),
        post(SA, obj("v1", "ServiceAccount", "sa")),
        delete(f"{SA}/sa"),
        post(SECRET, obj("v1", "Secret", "s")),
        delete(f"{SECRET}/s"),
    ),
    case(
        "delete a job",
        post(JOB, job()),
        delete(f"{JOB}/j"),
        post(JOB, job("k")),
        delete(f"{JOB}/k", propagationPolicy="Background"),
    ),
    case(
        "foreground deletion",
        post(DEPLOY, deployment()),
        delete(f"{DEPLOY}/web", propagationPolicy="Foreground"),
        get(f"{DEPLOY}/web"),
        delete(f"{DEPLOY}/web", propagationPolicy="Foreground"),
        merge(f"{DEPLOY}/web", {"metadata": {"finalizers": None}}),
        get(f"{DEPLOY}/web"),
    ),
    case("orphaning deletion", post(DEPLOY, deployment()), delete(f"{DEPLOY}/web", propagationPolicy="Orphan")),
    case(
        "finalizers",
        post(CM, cm("a", finalizers=["example.com/hold"])),
        delete(f"{CM}/a"),
        delete(f"{CM}/a"),
        put(f"{CM}/a", cm("a", {"k": "1"}, finalizers=["example.com/hold"])),
        merge(f"{CM}/a", {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}),
        post(CM, cm("a")),
        merge(f"{CM}/a", {"metadata": {"finalizers": []}}),
        get(f"{CM}/a"),
    ),
    case(
        "bad finalizers",
        post(CM, cm("a", finalizers=["hold"])),
        post(CM, cm("b", finalizers=["a b"])),
        post(CM, cm("c", finalizers=["kubernetes", "foregroundDeletion", "orphan"])),
    ),
    case(
        "delete a collection",
        post(CM, cm("a", labels={"x": "1"})),
        post(CM, cm("b", labels={"x": "2"})),
        delete(CM, labelSelector="x=1"),
        get(CM),
        delete(CM),
        get(CM),
    ),
    case(
        "owner references",
        post(CM, cm("a")),
        post(CM, cm("b", ownerReferences=[{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "{uid:0}"}])),
        post(CM, cm("c", ownerReferences=[{"apiVersion": "", "kind": "", "name": "", "uid": ""}])),
        post(
            CM,
            cm(
                "d",
                ownerReferences=[
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "x", "controller": True},
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "b", "uid": "y", "controller": True},
                ],
            ),
        ),
        post(CM, cm("e", ownerReferences=[{"apiVersion": "v1", "kind": "Event", "name": "a", "uid": "x"}])),
    ),
    case(
        "bad labels",
        post(CM, cm("a", labels={"a b": "c"})),
        post(CM, cm("a", labels={"a": "b c"})),
        post(CM, cm("a", labels={"x/y/z": "c"})),
        post(CM, cm("a", labels={"a" * 64: "c"})),
        post(CM, cm("a", labels={"a": "b" * 64})),
        post(CM, cm("a", annotations={"a b": "c"})),
        post(CM, cm("a", labels={"": ""})),
    ),
    case(
        "null and empty metadata",
        post(
            CM,
            {
                "metadata": {"name": "a", "labels": None, "annotations": {}, "finalizers": [], "ownerReferences": None},
                "data": None,
            },
        ),
        post(CM, {"metadata": {"name": "b", "annotations": {"k": ""}}, "data": {}, "immutable": None}),
    ),
    case(
        "unknown paths",
        get("/api/v2"),
        get("/apis/none.example.com/v1"),
        get("/apis/none.example.com/v1/namespaces/{ns}/things"),
        get(f"{NS}/things"),
        get(f"{CM}/a/things"),
        get("/nothing"),
        post(f"{CM}/a", cm("a")),
        delete(f"{CM}/a/status"),
        put(CM, cm("a")),
        merge(CM, {}),
    ),
    case(
        "methods that do not fit",
        put(REVIEW + "/x", {}),
        get(REVIEW),
        delete("/api/v1/namespaces"),
        get(f"{DEPLOY}/web/scale"),
    ),
    case(
        "scale",
        post(DEPLOY, deployment()),
        get(f"{DEPLOY}/web/scale"),
        merge(f"{DEPLOY}/web/scale", {"spec": {"replicas": 0}}),
        put(f"{DEPLOY}/web/scale", obj("autoscaling/v1", "Scale", "web", {"namespace": "{ns}"}, spec={"replicas": 2})),
        put(f"{DEPLOY}/web/scale", obj("autoscaling/v1", "Scale", "web", spec={"replicas": -1})),
        get(f"{DEPLOY}/web"),
    ),
    case(
        "evict",
        post(POD, pod()),
        post(f"{POD}/p/eviction", obj("policy/v1", "Eviction", "p")),
        get(f"{POD}/p"),
        post(f"{POD}/p/eviction", obj("policy/v1", "Eviction", "p")),
    ),
    case(
        "evict under a name that differs",
        post(POD, pod()),
        post(f"{POD}/p/eviction", obj("policy/v1", "Eviction", "q")),
    ),
    case(
        "may I",
        post(
            REVIEW, {"spec": {"resourceAttributes": {"verb": "create", "resource": "configmaps", "namespace": "{ns}"}}}
        ),
        post(REVIEW, {"spec": {"nonResourceAttributes": {"verb": "get", "path": "/healthz"}}}),
        post(REVIEW, {"spec": {}}),
        post(REVIEW, {}),
    ),
    case(
        "may another",
        post(
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            {"spec": {"user": "jane", "resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "{ns}"}}},
        ),
        post("/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": {"resourceAttributes": {"verb": "get"}}}),
        post(
            "/apis/authorization.k8s.io/v1/namespaces/{ns}/localsubjectaccessreviews",
            {
                "metadata": {"namespace": "{ns}"},
                "spec": {
                    "user": "jane",
                    "resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "{ns}"},
                },
            },
        ),
    ),
    case(
        "who am I",
        post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, pick="kind"),
        post(
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            {},
            headers={"Impersonate-User": "jane", "Impersonate-Group": "devs"},
        ),
    ),
    case(
        "token review",
        post("/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": "wrong"}}),
        post("/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {}}),
    ),
    case(
        "token request",
        post(SA, obj("v1", "ServiceAccount", "sa")),
        post(f"{SA}/sa/token", {"spec": {}}),
        post(f"{SA}/none/token", {"spec": {}}),
        post(f"{SA}/sa/token", {"spec": {"expirationSeconds": 5}}),
    ),
    case(
        "forbidden",
        *(
            step
            for step in (
                post(CM, cm("a"), headers={"Impersonate-User": "jane"}),
                post("/api/v1/namespaces", {"metadata": {"name": "x"}}, headers={"Impersonate-User": "jane"}),
                post(
                    DEPLOY,
                    deployment(),
                    headers={"Impersonate-User": "jane", "Impersonate-Group": "system:authenticated"},
                ),
                post(f"{SVC}/web/proxy", {}, headers={"Impersonate-User": "jane"}),
            )
        ),
    ),
    case(
        "roles grant",
        post(
            ROLES,
            obj(
                "rbac.authorization.k8s.io/v1",
                "Role",
                "maker",
                rules=[{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}],
            ),
        ),
        post(
            BINDINGS,
            obj(
                "rbac.authorization.k8s.io/v1",
                "RoleBinding",
                "maker",
                subjects=[{"kind": "User", "name": "joe-{ns}", "apiGroup": "rbac.authorization.k8s.io"}],
                roleRef={"kind": "Role", "name": "maker", "apiGroup": "rbac.authorization.k8s.io"},
            ),
        ),
        replace(post(REVIEW, _MAY_CREATE, headers={"Impersonate-User": "joe-{ns}"}), until=201, finds='"allowed":true'),
        post(REVIEW, _MAY_CREATE, headers={"Impersonate-User": "joe-{ns}"}, pick="status.allowed"),
    ),
    case(
        "role bindings stand",
        post(
            BINDINGS,
            obj(
                "rbac.authorization.k8s.io/v1",
                "RoleBinding",
                "b",
                subjects=[{"kind": "ServiceAccount", "name": "a", "namespace": "{ns}"}],
                roleRef={"kind": "ClusterRole", "name": "view", "apiGroup": "rbac.authorization.k8s.io"},
            ),
        ),
        merge(f"{BINDINGS}/b", {"roleRef": {"name": "edit"}}),
        post(
            BINDINGS,
            obj(
                "rbac.authorization.k8s.io/v1",
                "RoleBinding",
                "c",
                subjects=[{"kind": "Thing", "name": ""}],
                roleRef={"kind": "Thing", "name": "", "apiGroup": "x"},
            ),
        ),
        post(BINDINGS, obj("rbac.authorization.k8s.io/v1", "RoleBinding", "d")),
    ),
    case(
        "role rules",
        post(ROLES, obj("rbac.authorization.k8s.io/v1", "Role", "r", rules=[{"verbs": []}])),
        post(
            ROLES,
            obj("rbac.authorization.k8s.io/v1", "Role", "r", rules=[{"verbs": ["get"], "nonResourceURLs": ["/x"]}]),
        ),
        post(ROLES, obj("rbac.authorization.k8s.io/v1", "Role", "a:b/c", rules=[])),
        post(ROLES, obj("rbac.authorization.k8s.io/v1", "Role", "system:x")),
    ),
    # What objects of common kinds look like once they are stored.
    case("deployment defaults", post(DEPLOY, deployment()), get(f"{DEPLOY}/web")),
    case(
        "deployment with much",
        post(
            DEPLOY,
            deployment(
                containers=[
                    {
                        "name": "a",
                        "image": "b",
                        "ports": [{"containerPort": 80}],
                        "env": [
                            {"name": "A", "value": ""},
                            {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                        ],
                        "livenessProbe": {"httpGet": {"path": "/", "port": 80}},
                        "readinessProbe": {"exec": {"command": ["x"]}},
                        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 0.5}},
                        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                    }
                ],
                template={
                    "volumes": [
                        {"name": "v", "configMap": {"name": "c"}},
                        {"name": "s", "secret": {"secretName": "s"}},
                        {"name": "e", "emptyDir": {}},
                        {"name": "h", "hostPath": {"path": "/h"}},
                        {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
                    ],
                    "serviceAccountName": "sa",
                    "securityContext": {"runAsUser": 1},
                    "initContainers": [{"name": "i", "image": "x:latest"}],
                },
                strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
            ),
        ),
    ),
    case("deployment recreate", post(DEPLOY, deployment(strategy={"type": "Recreate"}))),
    case(
        "statefulset defaults",
        post(
            STS,
            obj(
                "apps/v1",
                "StatefulSet",
                "s",
                spec={
                    "serviceName": "s",
                    "replicas": 0,
                    "selector": _SELECTOR,
                    "template": _TEMPLATE,
                    "volumeClaimTemplates": [
                        {
                            "metadata": {"name": "d"},
                            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
                        }
                    ],
                },
            ),
        ),
    ),
    case(
        "daemonset defaults",
        post(DS, obj("apps/v1", "DaemonSet", "s", spec={"selector": _SELECTOR, "template": _TEMPLATE})),
    ),
    case("job defaults", post(JOB, job()), post(JOB, job("k", completions=3, parallelism=2, completionMode="Indexed"))),
    case(
        "cronjob defaults",
        post(
            CRON,
            obj(
                "batch/v1",
                "CronJob",
                "c",
                spec={
                    "schedule": "@hourly",
                    "suspend": True,
                    "jobTemplate": {"spec": {"template": {"spec": {**_POD_SPEC, "restartPolicy": "Never"}}}},
                },
            ),
        ),
    ),
    case("pod defaults", post(POD, pod()), get(f"{POD}/p")),
    case("service defaults", post(SVC, service())),
    case(
        "service kinds",
        post(SVC, service("a", clusterIP="None")),
        post(SVC, service("b", type="NodePort")),
        post(SVC, service("c", type="LoadBalancer")),
        post(SVC, obj("v1", "Service", "d", spec={"type": "ExternalName", "externalName": "example.com"})),
        post(
            SVC,
            service(
                "e",
                [{"name": "a", "port": 80, "targetPort": "http"}, {"name": "b", "port": 443, "protocol": "UDP"}],
                sessionAffinity="ClientIP",
            ),
        ),
    ),
    case(
        "ingress defaults",
        post(
            INGRESS,
            obj(
                "networking.k8s.io/v1",
                "Ingress",
                "i",
                spec={
                    "rules": [
                        {
                            "host": "a.example.com",
                            "http": {
                                "paths": [
                                    {
                                        "path": "/",
                                        "pathType": "Prefix",
                                        "backend": {"service": {"name": "s", "port": {"number": 80}}},
                                    }
                                ]
                            },
                        }
                    ]
                },
            ),
        ),
    ),
    case(
        "secret defaults",
        post(SECRET, obj("v1", "Secret", "s", stringData={"a": "b"})),
        post(SECRET, obj("v1", "Secret", "t", data={"a": "YQ=="}, stringData={"a": "b", "c": ""})),
        post(SECRET, obj("v1", "Secret", "u", type="example.com/own")),
    ),
    case(
        "claim defaults",
        post(
            PVC,
            obj(
                "v1",
                "PersistentVolumeClaim",
                "c",
                spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            ),
        ),
        merge(f"{PVC}/c", {"spec": {"accessModes": ["ReadWriteMany"]}}),
    ),
    case(
        "volume defaults",
        post(
            "/api/v1/persistentvolumes",
            obj(
                "v1",
                "PersistentVolume",
                "{ns}",
                spec={"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}},
            ),
        ),
    ),
    case(
        "autoscaler defaults",
        post(
            HPA,
            obj(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                "h",
                spec={
                    "maxReplicas": 3,
                    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                },
            ),
        ),
        get("/apis/autoscaling/v1/namespaces/{ns}/horizontalpodautoscalers/h"),
    ),
    case(
        "budget defaults",
        post(PDB, obj("policy/v1", "PodDisruptionBudget", "b", spec={"minAvailable": 1, "selector": _SELECTOR})),
        merge(f"{PDB}/b", {"spec": {"minAvailable": "50%"}}),
    ),
    case(
        "network policy defaults",
        post(
            NETPOL,
            obj(
                "networking.k8s.io/v1",
                "NetworkPolicy",
                "n",
                spec={"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]},
            ),
        ),
    ),
    case(
        "service account",
        post(SA, obj("v1", "ServiceAccount", "sa")),
        put(f"{SA}/sa", obj("v1", "ServiceAccount", "sa", automountServiceAccountToken=False)),
    ),
    case(
        "quota and limits",
        post(
            f"{NS}/resourcequotas",
            obj("v1", "ResourceQuota", "q", spec={"hard": {"pods": "10", "requests.cpu": "1000m"}}),
        ),
        post(
            f"{NS}/limitranges",
            obj("v1", "LimitRange", "l", spec={"limits": [{"type": "Container", "default": {"cpu": "1"}}]}),
        ),
    ),
    case(
        "priority and storage class",
        post(
            "/apis/scheduling.k8s.io/v1/priorityclasses", obj("scheduling.k8s.io/v1", "PriorityClass", "{ns}", value=10)
        ),
        post(
            "/apis/storage.k8s.io/v1/storageclasses",
            obj("storage.k8s.io/v1", "StorageClass", "{ns}", provisioner="example.com/p"),
        ),
        post(
            "/apis/networking.k8s.io/v1/ingressclasses",
            obj("networking.k8s.io/v1", "IngressClass", "{ns}", spec={"controller": "example.com/c"}),
        ),
    ),
    case(
        "lease",
        put(
            "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases/l",
            obj("coordination.k8s.io/v1", "Lease", "l", spec={"holderIdentity": "me"}),
        ),
    ),
    case(
        "event",
        post(
            f"{NS}/events",
            obj(
                "v1",
                "Event",
                "e",
                involvedObject={"kind": "ConfigMap", "name": "a", "namespace": "{ns}"},
                reason="R",
                message="m",
                type="Normal",
            ),
        ),
        get("/apis/events.k8s.io/v1/namespaces/{ns}/events/e"),
        post(
            f"{NS}/events",
            obj("v1", "Event", "f", involvedObject={"kind": "ConfigMap", "name": "a", "namespace": "default"}),
        ),
    ),
    case(
        "webhook defaults",
        post(
            "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
            obj(
                "admissionregistration.k8s.io/v1",
                "ValidatingWebhookConfiguration",
                "{ns}",
                webhooks=[
                    {
                        "name": "a.example.com",
                        "clientConfig": {"service": {"name": "s", "namespace": "{ns}"}},
                        "rules": [
                            {
                                "operations": ["CREATE"],
                                "apiGroups": ["none.example.com"],
                                "apiVersions": ["v1"],
                                "resources": ["things"],
                            }
                        ],
                        "sideEffects": "None",
                        "admissionReviewVersions": ["v1"],
                    }
                ],
            ),
        ),
        delete("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{ns}"),
    ),
    case(
        "immutable configmap and secret",
        post(CM, {**cm("a", {"k": "1"}), "immutable": True}),
        merge(f"{CM}/a", {"data": {"k": "2"}}),
        merge(f"{CM}/a", {"immutable": False}),
        merge(f"{CM}/a", {"metadata": {"labels": {"a": "b"}}}),
        post(SECRET, obj("v1", "Secret", "s", immutable=True, stringData={"a": "b"})),
        merge(f"{SECRET}/s", {"stringData": {"a": "c"}}),
        post(SECRET, obj("v1", "Secret", "t")),
        merge(f"{SECRET}/t", {"type": "example.com/own"}),
    ),
)
