"""Pods and pod templates. Follows kubernetes/kubernetes ``pkg/apis/core/v1/defaults.go``."""

from typing import Any

from fluxkit.objects import Object

__all__ = ["pod", "pod_spec", "template"]

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_MODES = {"secret": 420, "configMap": 420, "downwardAPI": 420, "projected": 420}


def _tag_is_latest(image: str) -> bool:
    """Whether an image names the tag ``latest``, or neither tag nor digest."""
    name, _, digest = image.partition("@")
    _, colon, tag = name.rpartition("/")[2].partition(":")
    if colon:
        return tag == "latest"
    return not digest


def _http_get(action: dict[str, Any] | None) -> None:
    if action is not None:
        action.setdefault("path", "/")
        action.setdefault("scheme", "HTTP")


def _probe(probe: dict[str, Any]) -> None:
    for field, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        if not probe.get(field):
            probe[field] = value
    _http_get(probe.get("httpGet"))
    grpc = probe.get("grpc")
    if grpc is not None:
        grpc.setdefault("service", "")


def _container(container: dict[str, Any]) -> None:
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = "Always" if _tag_is_latest(container.get("image") or "") else "IfNotPresent"
    container.setdefault("resources", {})
    if not container.get("terminationMessagePath"):
        container["terminationMessagePath"] = "/dev/termination-log"
    if not container.get("terminationMessagePolicy"):
        container["terminationMessagePolicy"] = "File"
    for port in container.get("ports") or ():
        if not port.get("protocol"):
            port["protocol"] = "TCP"
    for name in _PROBES:
        probe = container.get(name)
        if probe is not None:
            _probe(probe)
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict):
            _http_get(hook.get("httpGet"))
    for variable in container.get("env") or ():
        if variable.get("value") == "":
            del variable["value"]
        source = variable.get("valueFrom")
        if source and source.get("fieldRef") is not None:
            source["fieldRef"].setdefault("apiVersion", "v1")


def _volume(volume: dict[str, Any]) -> None:
    if len(volume) == 1 and "name" in volume:
        volume["emptyDir"] = {}
    for source, mode in _MODES.items():
        given = volume.get(source)
        if given is None:
            continue
        given.setdefault("defaultMode", mode)
        for projection in given.get("sources") or ():
            token = projection.get("serviceAccountToken")
            if token is not None:
                token.setdefault("expirationSeconds", 3600)
            _field_refs((projection.get("downwardAPI") or {}).get("items"))
        if source == "downwardAPI":
            _field_refs(given.get("items"))
    host = volume.get("hostPath")
    if host is not None:
        host.setdefault("type", "")
    iscsi = volume.get("iscsi")
    if iscsi is not None:
        iscsi.setdefault("iscsiInterface", "default")
    image = volume.get("image")
    if image is not None and not image.get("pullPolicy"):
        image["pullPolicy"] = "Always" if _tag_is_latest(image.get("reference") or "") else "IfNotPresent"
    claim = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if claim is not None:
        claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")


def _field_refs(items: list[dict[str, Any]] | None) -> None:
    for item in items or ():
        if item.get("fieldRef") is not None:
            item["fieldRef"].setdefault("apiVersion", "v1")


def pod_spec(spec: dict[str, Any]) -> None:
    """What both Pods and templates get."""
    for field, value in (
        ("dnsPolicy", "ClusterFirst"),
        ("restartPolicy", "Always"),
        ("schedulerName", "default-scheduler"),
    ):
        if not spec.get(field):
            spec[field] = value
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for field in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(field) or ():
            _container(container)
    for volume in spec.get("volumes") or ():
        _volume(volume)
    if spec.get("hostNetwork"):
        for field in ("containers", "initContainers"):
            for container in spec.get(field) or ():
                for port in container.get("ports") or ():
                    if not port.get("hostPort"):
                        port["hostPort"] = port["containerPort"]


def template(owner: dict[str, Any]) -> None:
    """The pod template of a workload's spec."""
    pod_template = owner.get("template")
    if pod_template is not None:
        pod_template.setdefault("metadata", {})
        pod_spec(pod_template.setdefault("spec", {}))


_TOLERATIONS = tuple(
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in ("not-ready", "unreachable")
)


def pod(obj: Object) -> None:
    """A Pod, with what the admission plugins that are always on add: account, priority, tolerations."""
    spec = obj.setdefault("spec", {})
    pod_spec(spec)
    for field in ("containers", "initContainers"):
        for container in spec.get(field) or ():
            limits = container["resources"].get("limits")
            if limits:
                container["resources"]["requests"] = {**limits, **(container["resources"].get("requests") or {})}
    spec.setdefault("enableServiceLinks", True)
    if not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec["serviceAccount"] = "default"
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec.setdefault("priority", 0)
    tolerations = spec.setdefault("tolerations", [])
    for wanted in _TOLERATIONS:
        if not any(
            each.get("key") in (wanted["key"], None) and each.get("effect") in (wanted["effect"], None)
            for each in tolerations
        ):
            tolerations.append(dict(wanted))
