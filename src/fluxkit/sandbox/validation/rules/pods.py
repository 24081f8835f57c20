"""Pods and pod templates. Follows kubernetes/kubernetes ``pkg/apis/core/validation``."""

from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.status import Cause
from fluxkit.sandbox.validation import causes, quantity
from fluxkit.sandbox.validation.rules import common

__all__ = ["pod", "pod_spec", "template"]

_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_MUTABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def template(given: dict[str, Any], path: str) -> list[Cause]:
    """A pod template."""
    found = common.labels((given.get("metadata") or {}).get("labels"), f"{path}.labels")
    return found + pod_spec(given.get("spec") or {}, f"{path}.spec")


def pod_spec(spec: dict[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    volumes: set[str] = set()
    for index, volume in enumerate(spec.get("volumes") or ()):
        where = f"{path}.volumes[{index}]"
        found += _name(volume, where, volumes)
        sources = [key for key in volume if key != "name"]
        if len(sources) > 1:
            found.append(Cause.forbidden(f"{where}.{sources[1]}", "may not specify more than 1 volume type"))
        found += _volume(volume, where)
    if not spec.get("containers"):
        found.append(Cause.required(f"{path}.containers"))
    taken: set[str] = set()
    for field in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(field) or ()):
            found += _container(container, f"{path}.{field}[{index}]", taken, volumes)
    found += common.one_of(spec, path, "restartPolicy", "Always", "OnFailure", "Never")
    found += common.one_of(spec, path, "dnsPolicy", "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
    found += common.non_negative(spec, path, "terminationGracePeriodSeconds")
    if spec.get("serviceAccountName"):
        found += common.dns_subdomain(spec["serviceAccountName"], f"{path}.serviceAccountName")
    found += common.labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= 2**31 - 1:
        text = "must be between 1 and 2147483647, inclusive"
        found.append(causes.invalid(f"{path}.activeDeadlineSeconds", deadline, text))
    return found


def _name(item: dict[str, Any], path: str, taken: set[str]) -> list[Cause]:
    name = item.get("name")
    if not name:
        return [Cause.required(f"{path}.name")]
    found = common.dns_label(name, f"{path}.name")
    if name in taken:
        found.append(causes.duplicate(f"{path}.name", name))
    taken.add(name)
    return found


def _volume(volume: dict[str, Any], path: str) -> list[Cause]:
    for source, field in (("secret", "secretName"), ("persistentVolumeClaim", "claimName"), ("hostPath", "path")):
        given = volume.get(source)
        if given is not None and not given.get(field):
            return [Cause.required(f"{path}.{source}.{field}")]
    config = volume.get("configMap")
    if config is not None and not config.get("name"):
        return [Cause.required(f"{path}.configMap.name")]
    return []


def _container(container: dict[str, Any], path: str, taken: set[str], volumes: set[str]) -> list[Cause]:
    found = _name(container, path, taken)
    image = container.get("image") or ""
    if not image:
        found.append(Cause.required(f"{path}.image"))
    elif image != image.strip():
        text = "must not have leading or trailing whitespace"
        found.append(causes.invalid(f"{path}.image", image, text))
    found += common.one_of(container, path, "imagePullPolicy", "Always", "IfNotPresent", "Never")
    found += common.one_of(container, path, "terminationMessagePolicy", "File", "FallbackToLogsOnError")
    found += _ports(container.get("ports") or (), f"{path}.ports")
    found += _environment(container.get("env") or (), f"{path}.env")
    found += _mounts(container.get("volumeMounts") or (), f"{path}.volumeMounts", volumes)
    found += _resources(container.get("resources") or {}, f"{path}.resources")
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(kind)
        if probe is not None:
            found += _probe(probe, f"{path}.{kind}", single=kind != "readinessProbe")
    return found


def _ports(ports: Any, path: str) -> list[Cause]:
    found: list[Cause] = []
    taken: set[str] = set()
    for index, port in enumerate(ports):
        where = f"{path}[{index}]"
        name = port.get("name")
        if name:
            if len(name) > 15:
                text = "must be no more than 15 characters"
                found.append(causes.invalid(f"{where}.name", name, text))
            elif name in taken:
                found.append(causes.duplicate(f"{where}.name", name))
            taken.add(name)
        number = port.get("containerPort", 0)
        if number == 0:
            found.append(Cause.required(f"{where}.containerPort"))
        else:
            found += common.port_number(number, f"{where}.containerPort")
        if port.get("hostPort"):
            found += common.port_number(port["hostPort"], f"{where}.hostPort")
        found += common.one_of(port, where, "protocol", "TCP", "UDP", "SCTP")
    return found


def _environment(variables: Any, path: str) -> list[Cause]:
    found: list[Cause] = []
    for index, variable in enumerate(variables):
        where = f"{path}[{index}]"
        if not variable.get("name"):
            found.append(Cause.required(f"{where}.name"))
        source = variable.get("valueFrom")
        if source is None:
            continue
        if variable.get("value"):
            text = "may not be specified when `value` is not empty"
            found.append(causes.invalid(f"{where}.valueFrom", "", text))
        if not source:
            text = (
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
            )
            found.append(causes.invalid(f"{where}.valueFrom", "", text))
        for kind in ("configMapKeyRef", "secretKeyRef"):
            if source.get(kind) is not None and not source[kind].get("key"):
                found.append(Cause.required(f"{where}.valueFrom.{kind}.key"))
    return found


def _mounts(mounts: Any, path: str, volumes: set[str]) -> list[Cause]:
    found: list[Cause] = []
    taken: set[str] = set()
    for index, mount in enumerate(mounts):
        where = f"{path}[{index}]"
        if not mount.get("name"):
            found.append(Cause.required(f"{where}.name"))
        elif mount["name"] not in volumes:
            found.append(causes.not_found(f"{where}.name", mount["name"]))
        target = mount.get("mountPath")
        if not target:
            found.append(Cause.required(f"{where}.mountPath"))
        elif target in taken:
            found.append(causes.invalid(f"{where}.mountPath", target, "must be unique"))
        taken.add(target or "")
    return found


def _resources(resources: dict[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    limits = resources.get("limits") or {}
    for kind in ("limits", "requests"):
        for name, text in (resources.get(kind) or {}).items():
            value = quantity.parse(str(text))
            if value < 0:
                found.append(causes.invalid(f"{path}.{kind}[{name}]", str(text), common.NOT_NEGATIVE))
            elif kind == "requests" and name in limits and value > quantity.parse(str(limits[name])):
                detail = f"must be less than or equal to {name} limit of {limits[name]}"
                found.append(causes.invalid(f"{path}.requests", str(text), detail))
    return found


def _probe(probe: dict[str, Any], path: str, *, single: bool) -> list[Cause]:
    found: list[Cause] = []
    handlers = [each for each in _HANDLERS if probe.get(each) is not None]
    if not handlers:
        found.append(Cause.required(path, "must specify a handler type"))
    for extra in handlers[1:]:
        found.append(Cause.forbidden(f"{path}.{extra}", "may not specify more than 1 handler type"))
    for handler in handlers[:1]:
        port = probe[handler].get("port")
        if handler != "exec":
            found += common.port_number(port, f"{path}.{handler}.port")
        elif not probe[handler].get("command"):
            found.append(Cause.required(f"{path}.exec.command"))
    fields = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
    found += common.non_negative(probe, path, *fields)
    if single and probe.get("successThreshold", 1) != 1:
        found.append(causes.invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1"))
    return found


def pod(obj: Object, old: Object | None) -> list[Cause]:
    spec = obj.get("spec") or {}
    found = pod_spec(spec, "spec")
    if old is not None and _fixed(spec) != _fixed(old.get("spec") or {}):
        found.append(Cause.forbidden("spec", _MUTABLE))
    return found


def _fixed(spec: dict[str, Any]) -> dict[str, Any]:
    """The part of a Pod's spec that must not change, placement apart."""
    mutable = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName", "schedulingGates")
    out = {key: value for key, value in spec.items() if key not in (*mutable, "ephemeralContainers")}
    for field in ("containers", "initContainers"):
        if field in out:
            out[field] = [
                {key: value for key, value in each.items() if key not in ("image", "imagePullPolicy", "resources")}
                for each in out[field]
            ]
    return out
