"""What is refused about built-in kinds, and in which words."""

from typing import Any

from tests.sandbox.recorded.cases.common import (
    CM,
    DEPLOY,
    INGRESS,
    JOB,
    NS,
    POD,
    SECRET,
    SVC,
    cm,
    container,
    deployment,
    job,
    obj,
    pod,
    service,
)
from tests.sandbox.recorded.cases.objects import CRON, DS, HPA, NETPOL, PDB, PVC, STS
from tests.sandbox.recorded.steps import Case, Step, case, merge, post

_POD = {"containers": [container()]}
_TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": _POD}
_SELECTOR = {"matchLabels": {"app": "web"}}


def _try(path: str, body: Any) -> Step:
    """Stores nothing, so that what is accepted does not stand in the way of the next try."""
    return post(path, body, dryRun="All")


def _deployments(name: str, *bodies: dict[str, Any]) -> Case:
    return case(f"deployment: {name}", *(post(DEPLOY, body, dryRun="All") for body in bodies))


def _containers(name: str, *fields: dict[str, Any]) -> Case:
    return _deployments(name, *(deployment(containers=[container(**more)]) for more in fields))


def _pods(name: str, *specs: dict[str, Any]) -> Case:
    return _deployments(name, *(deployment(template=spec) for spec in specs))


def _services(name: str, *bodies: dict[str, Any]) -> Case:
    return case(f"service: {name}", *(post(SVC, body, dryRun="All") for body in bodies))


def _immutable(name: str, path: str, body: dict[str, Any], *patches: dict[str, Any]) -> Case:
    return case(
        f"immutable: {name}",
        post(path, body),
        *(merge(f"{path}/{body['metadata']['name']}", patch) for patch in patches),
    )


def _ingress(name: str, **spec: Any) -> Any:
    return _try(INGRESS, obj("networking.k8s.io/v1", "Ingress", name, spec=spec))


def _path(**more: Any) -> list[Any]:
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    return [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend, **more}]}}]


def _cron(schedule: str, **spec: Any) -> Any:
    return _try(
        CRON,
        obj(
            "batch/v1",
            "CronJob",
            "c",
            spec={
                "schedule": schedule,
                "jobTemplate": {"spec": {"template": {"spec": {**_POD, "restartPolicy": "Never"}}}},
                **spec,
            },
        ),
    )


def _hpa(**spec: Any) -> Any:
    return _try(
        HPA,
        obj(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            "h",
            spec={"scaleTargetRef": {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}, **spec},
        ),
    )


def _sts(**spec: Any) -> dict[str, Any]:
    return obj(
        "apps/v1", "StatefulSet", "s", spec={"serviceName": "s", "selector": _SELECTOR, "template": _TEMPLATE, **spec}
    )


def _pvc(**spec: Any) -> Any:
    return _try(
        PVC,
        obj(
            "v1",
            "PersistentVolumeClaim",
            "c",
            spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec},
        ),
    )


CASES = (
    _deployments(
        "empty",
        obj("apps/v1", "Deployment", "web"),
        obj("apps/v1", "Deployment", "web", spec={}),
        obj("apps/v1", "Deployment", "web", spec={"selector": {}, "template": {}}),
    ),
    _deployments(
        "selector",
        deployment(selector=None),
        deployment(selector={}),
        deployment(selector={"matchLabels": {"app": "other"}}),
        deployment(selector={"matchLabels": {"a b": "c"}}),
        deployment(selector={"matchExpressions": [{"key": "app", "operator": "Sing"}]}),
        deployment(selector={"matchExpressions": [{"key": "app", "operator": "In", "values": []}]}),
    ),
    _deployments(
        "numbers",
        deployment(replicas=-1),
        deployment(minReadySeconds=-1),
        deployment(revisionHistoryLimit=-1),
        deployment(progressDeadlineSeconds=0),
        deployment(replicas=-1, minReadySeconds=-1),
    ),
    _deployments(
        "strategy",
        deployment(strategy={"type": "Sing"}),
        deployment(strategy={"type": "Recreate", "rollingUpdate": {}}),
        deployment(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
        deployment(strategy={"rollingUpdate": {"maxSurge": "x"}}),
        deployment(strategy={"rollingUpdate": {"maxUnavailable": "120%"}}),
        deployment(strategy={"rollingUpdate": {"maxUnavailable": -1}}),
    ),
    _deployments(
        "containers",
        deployment(containers=[]),
        deployment(containers=[{}]),
        deployment(containers=[{"name": "a"}]),
        deployment(containers=[{"name": "A", "image": "x"}]),
        deployment(containers=[{"name": "a", "image": "x"}, {"name": "a", "image": "x"}]),
        deployment(containers=[{"name": "a", "image": " x"}]),
    ),
    _containers("image policy and messages", {"imagePullPolicy": "Sometimes"}, {"terminationMessagePolicy": "x"}),
    _containers(
        "ports",
        {"ports": [{"containerPort": 0}]},
        {"ports": [{"containerPort": 70000}]},
        {"ports": [{"containerPort": 80, "protocol": "X"}]},
        {"ports": [{"containerPort": 80, "name": "UPPER"}]},
        {"ports": [{"containerPort": 80, "name": "a-name-too-long-for-it"}]},
        {"ports": [{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]},
    ),
    _containers(
        "environment",
        {"env": [{"name": ""}]},
        {"env": [{"name": "a=b"}]},
        {"env": [{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
        {"env": [{"name": "A", "valueFrom": {}}]},
        {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nope"}}}]},
        {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s"}}}]},
        {"envFrom": [{}]},
    ),
    _containers(
        "mounts",
        {"volumeMounts": [{"name": "none", "mountPath": "/x"}]},
        {"volumeMounts": [{"name": "none"}]},
        {"volumeMounts": [{"name": "a", "mountPath": "/x"}, {"name": "b", "mountPath": "/x"}]},
    ),
    _containers(
        "resources",
        {"resources": {"limits": {"cpu": "x"}}},
        {"resources": {"limits": {"cpu": "-1"}}},
        {"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}},
        {"resources": {"limits": {"nonsense": "1"}}},
        {"resources": {"limits": {"memory": ""}}},
    ),
    _containers(
        "probes",
        {"livenessProbe": {}},
        {"livenessProbe": {"httpGet": {"path": "/"}}},
        {"livenessProbe": {"httpGet": {"path": "/", "port": 80}, "exec": {"command": ["x"]}}},
        {"livenessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": -1, "successThreshold": 2}},
        {"readinessProbe": {"exec": {}}},
        {"livenessProbe": {"httpGet": {"port": "no_such"}}},
    ),
    _containers(
        "security",
        {"securityContext": {"runAsUser": -1}},
        {"securityContext": {"privileged": True, "allowPrivilegeEscalation": False}},
        {"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}},
        {"securityContext": {"procMount": "x"}},
    ),
    _pods(
        "pod",
        {"restartPolicy": "Never"},
        {"restartPolicy": "x"},
        {"dnsPolicy": "x"},
        {"serviceAccountName": "A_B"},
        {"terminationGracePeriodSeconds": -1},
        {"activeDeadlineSeconds": 5},
        {"nodeSelector": {"a b": "c"}},
        {"hostname": "a.b"},
        {"imagePullSecrets": [{}]},
        {"priorityClassName": "x"},
    ),
    _pods(
        "volumes",
        {"volumes": [{"name": "v"}]},
        {"volumes": [{"name": "V", "emptyDir": {}}]},
        {"volumes": [{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]},
        {"volumes": [{"name": "v", "emptyDir": {}, "configMap": {"name": "x"}}]},
        {"volumes": [{"name": "v", "configMap": {}}]},
        {"volumes": [{"name": "v", "secret": {}}]},
        {"volumes": [{"name": "v", "persistentVolumeClaim": {}}]},
        {"volumes": [{"name": "v", "hostPath": {}}]},
        {"volumes": [{"name": "v", "configMap": {"name": "x", "items": [{"key": "", "path": "../x"}]}}]},
        {"volumes": [{"name": "v", "configMap": {"name": "x", "defaultMode": 5000}}]},
    ),
    _pods(
        "tolerations and affinity",
        {"tolerations": [{"operator": "x"}]},
        {"tolerations": [{"key": "", "operator": "Equal"}]},
        {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}},
        {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": {}}]}}},
        {"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "x"}]},
    ),
    _pods(
        "init containers",
        {"initContainers": [{"name": "app", "image": "x"}]},
        {"initContainers": [{"name": "i"}]},
        {"initContainers": [{"name": "i", "image": "x", "readinessProbe": {"exec": {"command": ["x"]}}}]},
        {"initContainers": [{"name": "i", "image": "x", "restartPolicy": "Never"}]},
    ),
    case(
        "pod: own rules",
        _try(POD, pod(containers=[])),
        _try(POD, pod(restartPolicy="x")),
        _try(POD, pod(nodeName="A_B")),
        _try(POD, pod(priorityClassName="none")),
        _try(POD, pod(hostNetwork=True, containers=[container(ports=[{"containerPort": 80, "hostPort": 81}])])),
    ),
    case(
        "immutable: pod",
        post(POD, pod()),
        merge(f"{POD}/p", {"spec": {"restartPolicy": "Never"}}),
        merge(f"{POD}/p", {"spec": {"activeDeadlineSeconds": 5}}),
        merge(f"{POD}/p", {"spec": {"nodeName": "n"}}),
        merge(f"{POD}/p", {"spec": {"containers": [{"name": "app", "image": "example.com/app:2"}]}}),
    ),
    _immutable(
        "deployment selector",
        DEPLOY,
        deployment(),
        {"spec": {"selector": {"matchLabels": {"app": "other"}}}},
        {
            "spec": {
                "selector": {"matchLabels": {"app": "other"}},
                "template": {"metadata": {"labels": {"app": "other"}}},
            }
        },
        {"spec": {"selector": None}},
    ),
    _immutable(
        "statefulset",
        STS,
        _sts(replicas=0),
        {"spec": {"serviceName": "t"}},
        {"spec": {"replicas": 1}},
        {"spec": {"podManagementPolicy": "Parallel"}},
        {
            "spec": {
                "volumeClaimTemplates": [
                    {
                        "metadata": {"name": "d"},
                        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
                    }
                ]
            }
        },
    ),
    _immutable(
        "daemonset",
        DS,
        obj("apps/v1", "DaemonSet", "d", spec={"selector": _SELECTOR, "template": _TEMPLATE}),
        {"spec": {"selector": {"matchLabels": {"app": "x"}}}},
    ),
    _immutable(
        "job",
        JOB,
        job(),
        {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "x"}]}}}},
        {"spec": {"completions": 5}},
        {"spec": {"parallelism": 5}},
        {"spec": {"selector": {"matchLabels": {"a": "b"}}}},
        {"spec": {"backoffLimit": 2}},
        {"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}}},
    ),
    _immutable(
        "job that is not suspended",
        JOB,
        job(suspend=False),
        {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "x"}]}}}},
        {"spec": {"suspend": True}},
        {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}},
    ),
    _immutable(
        "service",
        SVC,
        service(),
        {"spec": {"clusterIP": "10.0.0.99"}},
        {"spec": {"clusterIP": None}},
        {"spec": {"clusterIP": "None"}},
        {"spec": {"type": "ExternalName", "externalName": "a.example.com"}},
        {"spec": {"ipFamilies": ["IPv6"]}},
        {"spec": {"ports": [{"port": 81}]}},
    ),
    _immutable("secret type", SECRET, obj("v1", "Secret", "s"), {"type": "kubernetes.io/tls"}, {"type": None}),
    _immutable(
        "claim",
        PVC,
        obj(
            "v1",
            "PersistentVolumeClaim",
            "c",
            spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        ),
        {"spec": {"storageClassName": "x"}},
        {"spec": {"resources": {"requests": {"storage": "2Gi"}}}},
        {"spec": {"volumeName": "v"}},
    ),
    _immutable(
        "ingress class name",
        INGRESS,
        obj(
            "networking.k8s.io/v1",
            "Ingress",
            "i",
            spec={"defaultBackend": {"service": {"name": "s", "port": {"number": 1}}}},
        ),
        {"spec": {"ingressClassName": "x"}},
        {"spec": {"defaultBackend": None}},
    ),
    _services(
        "ports",
        service(ports=[]),
        service(ports=[{}]),
        service(ports=[{"port": 0}]),
        service(ports=[{"port": 70000}]),
        service(ports=[{"port": 80}, {"port": 81}]),
        service(ports=[{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]),
        service(ports=[{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]),
        service(ports=[{"port": 80, "protocol": "X"}]),
        service(ports=[{"port": 80, "name": "A_B"}]),
        service(ports=[{"port": 80, "targetPort": "UPPER"}]),
        service(ports=[{"port": 80, "targetPort": 70000}]),
        service(ports=[{"port": 80, "nodePort": 30001}]),
    ),
    _services(
        "types",
        service(type="Sing"),
        service(type="ExternalName"),
        service(type="ExternalName", externalName="A_B"),
        service(clusterIP="1.2.3.4"),
        service(clusterIP="nonsense"),
        service(sessionAffinity="x"),
        service(type="NodePort", ports=[{"port": 80, "nodePort": 80}]),
        service(type="NodePort", clusterIP="None"),
        service(externalTrafficPolicy="Local"),
        service(loadBalancerIP="x", type="LoadBalancer"),
        service(loadBalancerSourceRanges=["x"], type="LoadBalancer"),
        service(externalIPs=["x"]),
        service(selector={"a b": "c"}),
        service(ipFamilyPolicy="RequireDualStack"),
        obj("v1", "Service", "web"),
        service(internalTrafficPolicy="x"),
    ),
    case(
        "ingress: rules",
        _ingress("a"),
        _ingress("b", rules=[{"host": "A_B"}]),
        _ingress("c", rules=[{"host": "1.2.3.4"}]),
        _ingress("d", rules=_path(pathType=None)),
        _ingress("e", rules=_path(pathType="Sing")),
        _ingress("f", rules=_path(path="x")),
        _ingress("g", rules=_path(backend={})),
        _ingress("h", rules=_path(backend={"service": {"name": "s"}})),
        _ingress("i", rules=_path(backend={"service": {"name": "s", "port": {"number": 80, "name": "x"}}})),
        _ingress("j", rules=_path(path="/a//b")),
        _ingress("k", tls=[{"hosts": ["A_B"]}], rules=_path()),
        _ingress("l", ingressClassName="A_B", rules=_path()),
        _ingress("m", rules=[{"host": "*.a.example.com"}]),
        _ingress("n", rules=[{"host": "a.*.com"}]),
        _ingress("o", rules=_path(backend={"resource": {"kind": "x", "name": "y"}})),
    ),
    case(
        "configmap: keys",
        _try(CM, cm("a", {"a b": "c"})),
        _try(CM, cm("a", {"..": "c"})),
        _try(CM, cm("a", {"": "c"})),
        _try(CM, {**cm("a", {"k": "1"}), "binaryData": {"k": "YQ=="}}),
        _try(CM, {**cm("a"), "binaryData": {"k": "!"}}),
        _try(CM, cm("a", {"k" * 254: "c"})),
    ),
    case("configmap: size", _try(CM, cm("a", {"k": "x" * 1048577}))),
    case(
        "secret: data",
        _try(SECRET, obj("v1", "Secret", "s", data={"a": "not base64!"})),
        _try(SECRET, obj("v1", "Secret", "s", data={"a": "YQ"})),
        _try(SECRET, obj("v1", "Secret", "s", data={"a b": "YQ=="})),
        _try(SECRET, obj("v1", "Secret", "s", data={"a": 1})),
        _try(SECRET, obj("v1", "Secret", "s", stringData={"a": 1})),
    ),
    case(
        "secret: types",
        _try(SECRET, obj("v1", "Secret", "s", type="kubernetes.io/tls")),
        _try(SECRET, obj("v1", "Secret", "s", type="kubernetes.io/dockerconfigjson")),
        _try(
            SECRET,
            obj("v1", "Secret", "s", type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": "x"}),
        ),
        _try(SECRET, obj("v1", "Secret", "s", type="kubernetes.io/basic-auth")),
        _try(SECRET, obj("v1", "Secret", "s", type="kubernetes.io/ssh-auth")),
        _try(SECRET, obj("v1", "Secret", "s", type="kubernetes.io/service-account-token")),
    ),
    case(
        "job: rules",
        _try(JOB, obj("batch/v1", "Job", "j")),
        _try(JOB, obj("batch/v1", "Job", "j", spec={"template": {"spec": _POD}})),
        _try(JOB, job(template={"restartPolicy": "Always"})),
        _try(JOB, job(parallelism=-1)),
        _try(JOB, job(completions=-1, backoffLimit=-1)),
        _try(JOB, job(completionMode="Sing")),
        _try(JOB, job(completionMode="Indexed")),
        _try(JOB, job(selector={"matchLabels": {"a": "b"}})),
        _try(JOB, job(activeDeadlineSeconds=-1, ttlSecondsAfterFinished=-1)),
        _try(JOB, job(manualSelector=True)),
    ),
    case(
        "cronjob: rules",
        _cron(""),
        _cron("x"),
        _cron("* * * *"),
        _cron("61 * * * *"),
        _cron("TZ=UTC * * * * *"),
        _cron("* * * * *", concurrencyPolicy="x"),
        _cron("* * * * *", timeZone="Nowhere/Land"),
        _cron("* * * * *", successfulJobsHistoryLimit=-1),
        _try(
            CRON,
            obj(
                "batch/v1",
                "CronJob",
                "c" * 53,
                spec={
                    "schedule": "* * * * *",
                    "jobTemplate": {"spec": {"template": {"spec": {**_POD, "restartPolicy": "Never"}}}},
                },
            ),
        ),
        _try(CRON, obj("batch/v1", "CronJob", "c", spec={"schedule": "* * * * *"})),
    ),
    case(
        "autoscaler: rules",
        _hpa(),
        _hpa(maxReplicas=0),
        _hpa(maxReplicas=1, minReplicas=2),
        _hpa(maxReplicas=1, minReplicas=0),
        _hpa(maxReplicas=1, scaleTargetRef={}),
        _hpa(maxReplicas=1, metrics=[{"type": "Sing"}]),
        _hpa(maxReplicas=1, metrics=[{"type": "Resource"}]),
    ),
    case(
        "statefulset: rules",
        _try(STS, _sts(replicas=-1)),
        _try(STS, _sts(podManagementPolicy="x")),
        _try(STS, _sts(updateStrategy={"type": "x"})),
        _try(STS, _sts(selector={})),
        _try(STS, _sts(serviceName="A_B")),
        _try(STS, obj("apps/v1", "StatefulSet", "s")),
    ),
    case(
        "daemonset: rules",
        _try(
            DS, obj("apps/v1", "DaemonSet", "d", spec={"selector": {"matchLabels": {"x": "y"}}, "template": _TEMPLATE})
        ),
        _try(
            DS,
            obj(
                "apps/v1",
                "DaemonSet",
                "d",
                spec={"selector": _SELECTOR, "template": _TEMPLATE, "updateStrategy": {"type": "x"}},
            ),
        ),
        _try(DS, obj("apps/v1", "DaemonSet", "d")),
    ),
    case(
        "claim: rules",
        _pvc(accessModes=[]),
        _pvc(accessModes=["x"]),
        _pvc(resources={}),
        _pvc(resources={"requests": {"storage": "-1"}}),
        _pvc(resources={"requests": {"storage": "x"}}),
        _pvc(storageClassName="A_B"),
        _pvc(volumeMode="x"),
        _try(PVC, obj("v1", "PersistentVolumeClaim", "c")),
    ),
    case(
        "budget: rules",
        _try(PDB, obj("policy/v1", "PodDisruptionBudget", "b", spec={"minAvailable": -1, "selector": _SELECTOR})),
        _try(
            PDB,
            obj(
                "policy/v1",
                "PodDisruptionBudget",
                "b",
                spec={"minAvailable": 1, "maxUnavailable": 1, "selector": _SELECTOR},
            ),
        ),
        _try(PDB, obj("policy/v1", "PodDisruptionBudget", "b", spec={"minAvailable": "x", "selector": _SELECTOR})),
    ),
    case(
        "network policy: rules",
        _try(NETPOL, obj("networking.k8s.io/v1", "NetworkPolicy", "n", spec={"podSelector": {}, "policyTypes": ["x"]})),
        _try(
            NETPOL,
            obj(
                "networking.k8s.io/v1",
                "NetworkPolicy",
                "n",
                spec={"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "x"}}]}]},
            ),
        ),
        _try(
            NETPOL,
            obj("networking.k8s.io/v1", "NetworkPolicy", "n", spec={"podSelector": {}, "ingress": [{"from": [{}]}]}),
        ),
    ),
    case(
        "quota and limits: rules",
        _try(f"{NS}/resourcequotas", obj("v1", "ResourceQuota", "q", spec={"hard": {"pods": "-1"}})),
        _try(f"{NS}/resourcequotas", obj("v1", "ResourceQuota", "q", spec={"hard": {"nonsense": "1"}})),
        _try(
            f"{NS}/limitranges",
            obj(
                "v1",
                "LimitRange",
                "l",
                spec={"limits": [{"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}}]},
            ),
        ),
    ),
)
