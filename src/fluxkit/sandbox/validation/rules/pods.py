"""Pods and pod templates. Follows kubernetes/kubernetes ``pkg/apis/core/validation``."""

import re
from collections.abc import Iterable
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox import names
from fluxkit.sandbox.status import Cause
from fluxkit.sandbox.validation import causes, quantity
from fluxkit.sandbox.validation.rules import common

__all__ = ["pod", "pod_spec", "template"]

_CONTAINER_RESOURCE = re.compile("cpu|memory|ephemeral-storage|hugepages-.*")
_VARIABLE = re.compile(r"[ -<>-~]+")
_VARIABLE_PROBLEM = "a valid environment variable name must consist only of printable ASCII characters other than '='"
_FIELD_PATH = re.compile(
    r"metadata\.(name|namespace|uid|annotations\['.*'\]|labels\['.*'\])|spec\.(nodeName|serviceAccountName)"
    r"|status\.(hostIP|hostIPs|podIP|podIPs)"
)
_MOUNTS = ("Default", "Unmasked")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_MUTABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)

_EMPTY_NAME = (
    "name part must be non-empty",
    names.is_qualified_name(" "),
)
"""What upstream says of a topology key that is empty, beside that it is required."""


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
        sources = sorted((key for key in volume if key != "name"), key=_source_order)
        if len(sources) > 1:
            found.append(Cause.forbidden(f"{where}.{sources[1]}", "may not specify more than 1 volume type"))
        found += _volume(volume, where)
    if not spec.get("containers"):
        found.append(Cause.required(f"{path}.containers"))
    taken: set[str] = set()
    for field in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(field) or ()):
            where = f"{path}.{field}[{index}]"
            found += _container(container, where, taken, volumes, initial=field == "initContainers")
    if spec.get("hostNetwork"):
        found += _host_ports(spec.get("containers") or (), f"{path}.containers")
    found += common.one_of(spec, path, "restartPolicy", "Always", "OnFailure", "Never")
    found += common.one_of(spec, path, "dnsPolicy", "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
    if "." in (spec.get("hostname") or ""):
        found.append(causes.invalid(f"{path}.hostname", spec["hostname"], "must not contain dots"))
    if spec.get("nodeName"):
        found += common.dns_subdomain(spec["nodeName"], f"{path}.nodeName")
    for index, toleration in enumerate(spec.get("tolerations") or ()):
        found += _toleration(toleration, f"{path}.tolerations[{index}]")
    found += _affinity(spec.get("affinity") or {}, f"{path}.affinity")
    for index, spread in enumerate(spec.get("topologySpreadConstraints") or ()):
        found += _spread(spread, f"{path}.topologySpreadConstraints[{index}]")
    if spec.get("serviceAccountName"):
        found += common.dns_subdomain(spec["serviceAccountName"], f"{path}.serviceAccountName")
    found += common.labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= 2**31 - 1:
        text = "must be between 1 and 2147483647, inclusive"
        found.append(causes.invalid(f"{path}.activeDeadlineSeconds", deadline, text))
    return found


def _host_ports(containers: Iterable[dict[str, Any]], path: str) -> list[Cause]:
    return [
        causes.invalid(
            f"{path}[{index}].ports[{number}].hostPort",
            port["hostPort"],
            "must match `containerPort` when `hostNetwork` is true",
        )
        for index, container in enumerate(containers)
        for number, port in enumerate(container.get("ports") or ())
        if port.get("hostPort") and port["hostPort"] != port.get("containerPort")
    ]


def _toleration(toleration: dict[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    operator = toleration.get("operator")
    if not toleration.get("key") and operator != "Exists":
        text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        found.append(causes.invalid(f"{path}.operator", operator or "", text))
    if operator == "Exists" and toleration.get("value"):
        text = "value must be empty when `operator` is 'Exists'"
        found.append(causes.invalid(f"{path}.operator", toleration["value"], text))
    return found + common.one_of(toleration, path, "operator", "Equal", "Exists")


def _affinity(affinity: dict[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    strict, soft = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"
    nodes = affinity.get("nodeAffinity") or {}
    if nodes.get(strict) is not None and not nodes[strict].get("nodeSelectorTerms"):
        where = f"{path}.nodeAffinity.{strict}.nodeSelectorTerms"
        found.append(Cause.required(where, "must have at least one node selector term"))
    for kind in ("podAffinity", "podAntiAffinity"):
        given = affinity.get(kind) or {}
        terms = [(f"{strict}[{index}]", term) for index, term in enumerate(given.get(strict) or ())]
        for index, weighted in enumerate(given.get(soft) or ()):
            where = f"{path}.{kind}.{soft}[{index}]"
            if not 1 <= weighted.get("weight", 0) <= 100:
                text = "must be in the range 1-100"
                found.append(causes.invalid(f"{where}.weight", weighted.get("weight", 0), text))
            terms.append((f"{soft}[{index}].podAffinityTerm", weighted.get("podAffinityTerm") or {}))
        for place, term in terms:
            if not term.get("topologyKey"):
                where = f"{path}.{kind}.{place}.topologyKey"
                found.append(Cause.required(where, "can not be empty"))
                found += [causes.invalid(where, "", problem) for problem in _EMPTY_NAME]
    return found


def _spread(spread: dict[str, Any], path: str) -> list[Cause]:
    found: list[Cause] = []
    if spread.get("maxSkew", 0) <= 0:
        found.append(causes.invalid(f"{path}.maxSkew", spread.get("maxSkew", 0), "must be greater than zero"))
    if not spread.get("topologyKey"):
        found.append(Cause.required(f"{path}.topologyKey", "can not be empty"))
    return found + common.one_of(spread, path, "whenUnsatisfiable", "DoNotSchedule", "ScheduleAnyway")


def _name(item: dict[str, Any], path: str, taken: set[str]) -> list[Cause]:
    name = item.get("name")
    if not name:
        return [Cause.required(f"{path}.name")]
    found = common.dns_label(name, f"{path}.name")
    if name in taken:
        found.append(causes.duplicate(f"{path}.name", name))
    taken.add(name)
    return found


_SOURCES = (
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi",
    "glusterfs", "persistentVolumeClaim", "rbd", "cephfs", "downwardAPI", "fc", "azureFile", "configMap",
)  # fmt: skip


def _source_order(source: str) -> int:
    """Upstream looks at the sources of a volume in this order."""
    return _SOURCES.index(source) if source in _SOURCES else len(_SOURCES)


def _volume(volume: dict[str, Any], path: str) -> list[Cause]:
    for source, field in (("secret", "secretName"), ("persistentVolumeClaim", "claimName"), ("hostPath", "path")):
        given = volume.get(source)
        if given is not None and not given.get(field):
            return [Cause.required(f"{path}.{source}.{field}")]
    config = volume.get("configMap")
    if config is not None and not config.get("name"):
        return [Cause.required(f"{path}.configMap.name")]
    found: list[Cause] = []
    for source in ("configMap", "secret"):
        given = volume.get(source) or {}
        mode = given.get("defaultMode")
        if mode is not None and not 0 <= mode <= 0o777:
            text = "must be a number between 0 and 0777 (octal), both inclusive"
            found.append(causes.invalid(f"{path}.{source}.defaultMode", mode, text))
        for index, item in enumerate(given.get("items") or ()):
            where = f"{path}.{source}.items[{index}]"
            found += common.required(item, where, "key", "path")
            if ".." in (item.get("path") or "").split("/"):
                found.append(causes.invalid(f"{where}.path", item["path"], "must not contain '..'"))
    return found


def _container(
    container: dict[str, Any], path: str, taken: set[str], volumes: set[str], *, initial: bool
) -> list[Cause]:
    found = _name(container, path, taken)
    image = container.get("image") or ""
    if not image:
        found.append(Cause.required(f"{path}.image"))
    found += common.one_of(container, path, "imagePullPolicy", "Always", "IfNotPresent", "Never")
    found += common.one_of(container, path, "terminationMessagePolicy", "File", "FallbackToLogsOnError")
    found += _ports(container.get("ports") or (), f"{path}.ports")
    found += _environment(container.get("env") or (), f"{path}.env")
    for source in container.get("envFrom") or ():
        if source.get("configMapRef") is None and source.get("secretRef") is None:
            text = "must specify one of: `configMapRef` or `secretRef`"
            found.append(causes.invalid(f"{path}.envFrom", "", text))
    found += _mounts(container.get("volumeMounts") or (), f"{path}.volumeMounts", volumes)
    found += _resources(container.get("resources") or {}, f"{path}.resources")
    found += common.one_of(container.get("securityContext") or {}, f"{path}.securityContext", "procMount", *_MOUNTS)
    account = (container.get("securityContext") or {}).get("runAsUser")
    if account is not None and not 0 <= account < 2**31:
        text = "must be between 0 and 2147483647, inclusive"
        found.append(causes.invalid(f"{path}.securityContext.runAsUser", account, text))
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(kind)
        if probe is not None and initial and container.get("restartPolicy") != "Always":
            found.append(
                Cause.forbidden(f"{path}.{kind}", "may not be set for init containers without restartPolicy=Always")
            )
        elif probe is not None:
            found += _probe(probe, f"{path}.{kind}", single=kind != "readinessProbe")
    return found


def _ports(ports: Any, path: str) -> list[Cause]:
    found: list[Cause] = []
    taken: set[str] = set()
    for index, port in enumerate(ports):
        where = f"{path}[{index}]"
        name = port.get("name")
        if name:
            problems = common.port_name(name, f"{where}.name")
            found += problems
            if not problems and name in taken:
                found.append(causes.duplicate(f"{where}.name", name))
            taken.add(name)
        number = port.get("containerPort", 0)
        if number == 0:
            found.append(Cause.required(f"{where}.containerPort"))
        else:
            found += common.port_number(number, f"{where}.containerPort")
        if port.get("hostPort"):
            found += common.port_number(port["hostPort"], f"{where}.hostPort")
        found += common.one_of(port, where, "protocol", "SCTP", "TCP", "UDP")
    return found


def _environment(variables: Any, path: str) -> list[Cause]:
    found: list[Cause] = []
    for index, variable in enumerate(variables):
        where = f"{path}[{index}]"
        name = variable.get("name")
        if not name:
            found.append(Cause.required(f"{where}.name"))
        elif not _VARIABLE.fullmatch(name):
            found.append(causes.invalid(f"{where}.name", name, _VARIABLE_PROBLEM))
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
        field = (source.get("fieldRef") or {}).get("fieldPath")
        if field and not _FIELD_PATH.fullmatch(field):
            text = f"error converting fieldPath: field label not supported: {field}"
            found.append(causes.invalid(f"{where}.valueFrom.fieldRef.fieldPath", field, text))
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
            if "/" not in name and not _CONTAINER_RESOURCE.fullmatch(name):
                for text in (
                    "must be a standard resource type or fully qualified",
                    "must be a standard resource for containers",
                ):
                    found.append(causes.invalid(f"{path}.{kind}[{name}]", name, text))
            elif value < 0:
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
            found += common.port(port, f"{path}.{handler}.port")
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
    """The part of a Pod's spec that must not change."""
    mutable = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "schedulingGates")
    out = {key: value for key, value in spec.items() if key not in (*mutable, "ephemeralContainers")}
    for field in ("containers", "initContainers"):
        if field in out:
            out[field] = [
                {key: value for key, value in each.items() if key not in ("image", "imagePullPolicy", "resources")}
                for each in out[field]
            ]
    return out
