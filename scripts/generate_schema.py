"""Generate fluxkit's compact Kubernetes schema data from the OpenAPI definitions of the kubernetes-validate package.

    python scripts/generate_schema.py            # writes src/fluxkit/schema/data/*.json.xz
    python scripts/generate_schema.py --check    # exits 1 if the files on disk differ from what would be written

Types (properties, list and map topology, patch strategies, formats, enums) come from the definitions. What OpenAPI does
not say, namely how a kind is served (plural, scope, short names, categories, subresources, verbs), comes from the table
in this file, whose facts are those of ``api/discovery`` in kubernetes/kubernetes. The script refuses to write when a
served kind has no type, or when a type that looks served is missing from the table.
"""

import argparse
import json
import lzma
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

KUBERNETES = "1.37"
SOURCE = f"kubernetes-json-schema/v{KUBERNETES}.0-local/_definitions.json"
TARGET = Path(__file__).resolve().parent.parent / "src" / "fluxkit" / "schema" / "data"

# One line per resource: plural Kind [short,names] [@category] [flags] [/subresource[:verbs]] ...
# Flags: `cluster` (not namespaced), `create` (create only, nothing is stored), `read` (get and list only).
# Subresource verbs default to get,patch,update.
RESOURCES = """
v1
  bindings Binding create
  componentstatuses ComponentStatus cs cluster read
  configmaps ConfigMap cm
  endpoints Endpoints ep
  events Event ev
  limitranges LimitRange limits
  namespaces Namespace ns cluster nocollection /finalize:update /status
  nodes Node no cluster /proxy:create,delete,get,patch,update /status
  persistentvolumeclaims PersistentVolumeClaim pvc /status
  persistentvolumes PersistentVolume pv cluster /status
  pods Pod po @all /attach:create,get /binding:create /ephemeralcontainers /eviction:create /exec:create,get \
    /log:get /portforward:create,get /proxy:create,delete,get,patch,update /resize /status
  podtemplates PodTemplate
  replicationcontrollers ReplicationController rc @all /scale /status
  resourcequotas ResourceQuota quota /status
  secrets Secret
  serviceaccounts ServiceAccount sa /token:create
  services Service svc @all /proxy:create,delete,get,patch,update /status
admissionregistration.k8s.io/v1
  mutatingadmissionpolicies MutatingAdmissionPolicy cluster @api-extensions
  mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding cluster @api-extensions
  mutatingwebhookconfigurations MutatingWebhookConfiguration cluster @api-extensions
  validatingadmissionpolicies ValidatingAdmissionPolicy cluster @api-extensions /status
  validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding cluster @api-extensions
  validatingwebhookconfigurations ValidatingWebhookConfiguration cluster @api-extensions
admissionregistration.k8s.io/v1beta1
  mutatingadmissionpolicies MutatingAdmissionPolicy cluster @api-extensions
  mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding cluster @api-extensions
admissionregistration.k8s.io/v1alpha1
  mutatingadmissionpolicies MutatingAdmissionPolicy cluster @api-extensions
  mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding cluster @api-extensions
apiextensions.k8s.io/v1
  customresourcedefinitions CustomResourceDefinition crd,crds cluster @api-extensions /status
apiregistration.k8s.io/v1
  apiservices APIService cluster @api-extensions /status
apps/v1
  controllerrevisions ControllerRevision
  daemonsets DaemonSet ds @all /status
  deployments Deployment deploy @all /scale /status
  replicasets ReplicaSet rs @all /scale /status
  statefulsets StatefulSet sts @all /scale /status
authentication.k8s.io/v1
  selfsubjectreviews SelfSubjectReview cluster create
  tokenreviews TokenReview cluster create
authorization.k8s.io/v1
  localsubjectaccessreviews LocalSubjectAccessReview create
  selfsubjectaccessreviews SelfSubjectAccessReview cluster create
  selfsubjectrulesreviews SelfSubjectRulesReview cluster create
  subjectaccessreviews SubjectAccessReview cluster create
autoscaling/v1
  horizontalpodautoscalers HorizontalPodAutoscaler hpa @all /status
autoscaling/v2
  horizontalpodautoscalers HorizontalPodAutoscaler hpa @all /status
batch/v1
  cronjobs CronJob cj @all /status
  jobs Job @all /status
certificates.k8s.io/v1
  certificatesigningrequests CertificateSigningRequest csr cluster /approval /status
  clustertrustbundles ClusterTrustBundle cluster
  podcertificaterequests PodCertificateRequest /status
certificates.k8s.io/v1beta1
  clustertrustbundles ClusterTrustBundle cluster
  podcertificaterequests PodCertificateRequest /status
coordination.k8s.io/v1
  leases Lease
coordination.k8s.io/v1beta1
  leasecandidates LeaseCandidate
coordination.k8s.io/v1alpha2
  leasecandidates LeaseCandidate
discovery.k8s.io/v1
  endpointslices EndpointSlice
events.k8s.io/v1
  events Event ev
flowcontrol.apiserver.k8s.io/v1
  flowschemas FlowSchema cluster /status
  prioritylevelconfigurations PriorityLevelConfiguration cluster /status
internal.apiserver.k8s.io/v1alpha1
  storageversions StorageVersion cluster /status
lifecycle.k8s.io/v1alpha1
  evictionrequests EvictionRequest /status
  evictions Eviction /status
networking.k8s.io/v1
  ingressclasses IngressClass cluster
  ingresses Ingress ing /status
  ipaddresses IPAddress ip cluster
  networkpolicies NetworkPolicy netpol
  servicecidrs ServiceCIDR cluster /status
node.k8s.io/v1
  runtimeclasses RuntimeClass cluster
policy/v1
  poddisruptionbudgets PodDisruptionBudget pdb /status
rbac.authorization.k8s.io/v1
  clusterrolebindings ClusterRoleBinding cluster
  clusterroles ClusterRole cluster
  rolebindings RoleBinding
  roles Role
resource.k8s.io/v1
  deviceclasses DeviceClass cluster
  devicetaintrules DeviceTaintRule cluster /status
  resourceclaims ResourceClaim /status
  resourceclaimtemplates ResourceClaimTemplate
  resourceslices ResourceSlice cluster
resource.k8s.io/v1beta2
  deviceclasses DeviceClass cluster
  devicetaintrules DeviceTaintRule cluster /status
  resourceclaims ResourceClaim /status
  resourceclaimtemplates ResourceClaimTemplate
  resourceslices ResourceSlice cluster
resource.k8s.io/v1beta1
  deviceclasses DeviceClass cluster
  resourceclaims ResourceClaim /status
  resourceclaimtemplates ResourceClaimTemplate
  resourceslices ResourceSlice cluster
resource.k8s.io/v1alpha3
  devicetaintrules DeviceTaintRule cluster /status
  resourcepoolstatusrequests ResourcePoolStatusRequest cluster /status
scheduling.k8s.io/v1
  priorityclasses PriorityClass pc cluster
scheduling.k8s.io/v1beta1
  podgroups PodGroup /status
  workloads Workload
scheduling.k8s.io/v1alpha3
  compositepodgroups CompositePodGroup /status
  podgroups PodGroup /status
  workloads Workload
storage.k8s.io/v1
  csidrivers CSIDriver cluster
  csinodes CSINode cluster
  csistoragecapacities CSIStorageCapacity
  storageclasses StorageClass sc cluster
  volumeattachments VolumeAttachment cluster /status
  volumeattributesclasses VolumeAttributesClass vac cluster
storagemigration.k8s.io/v1
  storageversionmigrations StorageVersionMigration cluster /status
storagemigration.k8s.io/v1beta1
  storageversionmigrations StorageVersionMigration cluster /status
"""

# Kinds that have a type but no storage of their own: bodies of subresources and of the API machinery.
BODIES = {
    ("", "v1", "APIGroup"),
    ("", "v1", "APIVersions"),
    ("", "v1", "Status"),
    ("", "v1", "APIGroupList"),
    ("", "v1", "APIResourceList"),
    ("authentication.k8s.io", "v1", "TokenRequest"),
    ("autoscaling", "v1", "Scale"),
    ("policy", "v1", "Eviction"),
}

ALL_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]

# Defaults that the OpenAPI definitions of kubernetes-validate have lost and that list map keys depend on
# (k8s.io/api core/v1 types.go, `+default="TCP"`).
DEFAULTS = {
    ("io.k8s.api.core.v1.ContainerPort", "protocol"): "TCP",
    ("io.k8s.api.core.v1.ServicePort", "protocol"): "TCP",
}

TYPES = {"object": "o", "array": "a", "string": "s", "integer": "i", "number": "n", "boolean": "b"}
FACTS = {
    "required": "r",
    "enum": "e",
    "format": "f",
    "x-kubernetes-list-type": "L",
    "x-kubernetes-list-map-keys": "K",
    "x-kubernetes-map-type": "M",
    "x-kubernetes-patch-strategy": "S",
    "x-kubernetes-patch-merge-key": "G",
}
IGNORED = {"description", "type", "$ref", "properties", "items", "additionalProperties", "oneOf"} | {
    "x-kubernetes-group-version-kind",
    "x-kubernetes-unions",
}
REF_PREFIX = "#/$defs/"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"


def compact(node: dict[str, Any], numbers: dict[str, int], where: str) -> dict[str, Any]:
    """One OpenAPI node as the one-letter form that :mod:`fluxkit.schema.builtin` reads."""
    unknown = set(node) - IGNORED - set(FACTS)
    if unknown:
        raise SystemExit(f"{where}: the definitions use {sorted(unknown)}, which this script does not know")
    out: dict[str, Any] = {}
    reference = node.get("$ref")
    if reference is not None:
        name = reference.removeprefix(REF_PREFIX)
        if name == INT_OR_STRING:
            out["I"] = 1
        elif name == QUANTITY:
            out.update(t="s", f="quantity", I=1)
        else:
            out["R"] = numbers[name]
    kind = node.get("type")
    if isinstance(kind, list):
        kind = next(each for each in kind if each != "null")
    if kind is not None:
        out["t"] = TYPES[kind]
    for fact, letter in FACTS.items():
        if fact in node:
            out[letter] = node[fact]
    if "properties" in node:
        out["p"] = {}
        for name, child in node["properties"].items():
            entry = compact(child, numbers, f"{where}.{name}")
            if name in ("apiVersion", "kind"):
                entry.pop("e", None)  # kubernetes-validate's own addition; the server knows which kind it serves
            if (where, name) in DEFAULTS:
                entry["d"] = DEFAULTS[where, name]
            out["p"][name] = entry
    if "items" in node:
        out["i"] = compact(node["items"], numbers, f"{where}[]")
    extra = node.get("additionalProperties")
    if isinstance(extra, dict):
        out["x"] = compact(extra, numbers, f"{where}{{}}")
    return out


def parse_resources() -> list[dict[str, Any]]:
    resources: list[dict[str, Any]] = []
    group = version = ""
    for line in RESOURCES.strip().splitlines():
        if not line.startswith(" "):
            group, _, version = line.rpartition("/")
            continue
        plural, kind, *rest = line.split()
        entry: dict[str, Any] = {"group": group, "version": version, "kind": kind, "plural": plural, "namespaced": True}
        entry.update(short=[], categories=[], subresources=[], verbs=ALL_VERBS)
        for word in rest:
            if word == "cluster":
                entry["namespaced"] = False
            elif word == "create":
                entry["verbs"] = ["create"]
            elif word == "read":
                entry["verbs"] = ["get", "list"]
            elif word == "nocollection":
                entry["verbs"] = [verb for verb in ALL_VERBS if verb != "deletecollection"]
            elif word.startswith("@"):
                entry["categories"].append(word[1:])
            elif word.startswith("/"):
                name, _, verbs = word[1:].partition(":")
                entry["subresources"].append([name, verbs.split(",") if verbs else ["get", "patch", "update"]])
            else:
                entry["short"] = word.split(",")
        resources.append(entry)
    return resources


def generate() -> dict[str, bytes]:
    definitions: dict[str, Any] = json.loads(files("kubernetes_validate").joinpath(SOURCE).read_bytes())["$defs"]
    names = sorted(name for name in definitions if name not in (INT_OR_STRING, QUANTITY))
    numbers = {name: number for number, name in enumerate(names)}
    kinds: dict[str, int] = {}
    served = {(each["group"], each["version"], each["kind"]) for each in parse_resources()}
    unlisted = []
    for name in names:
        for gvk in definitions[name].get("x-kubernetes-group-version-kind", []):
            identity = (gvk["group"], gvk["version"], gvk["kind"])
            if name.endswith((".DeleteOptions", ".WatchEvent")):
                continue
            kinds["/".join(identity)] = numbers[name]
            if identity not in served and identity not in BODIES and not identity[2].endswith("List"):
                unlisted.append(identity)
    untyped = [identity for identity in served if "/".join(identity) not in kinds]
    if unlisted or untyped:
        raise SystemExit(f"kinds missing from the table: {unlisted}; kinds in the table without a type: {untyped}")
    types = {
        "kubernetes": KUBERNETES,
        "names": names,
        "kinds": kinds,
        "types": [compact(definitions[name], numbers, name) for name in names],
        "resources": parse_resources(),
    }
    descriptions = []
    for name in names:
        node = definitions[name]
        described = ((field, child.get("description")) for field, child in node.get("properties", {}).items())
        fields = {field: text for field, text in described if text}
        descriptions.append([node.get("description", ""), fields])
    return {"types.json.xz": pack(types), "descriptions.json.xz": pack(descriptions)}


def pack(value: Any) -> bytes:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    return lzma.compress(text, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC32, preset=9 | lzma.PRESET_EXTREME)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 if the data on disk is out of date")
    check = parser.parse_args().check
    stale = []
    for name, data in generate().items():
        path = TARGET / name
        if path.exists() and path.read_bytes() == data:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(f"{name}: {len(data)} bytes")
    if check and stale:
        print(f"out of date: {', '.join(stale)}; run {Path(__file__).name}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
