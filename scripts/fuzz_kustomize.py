# ruff: noqa: E501, N802 - rows of choices; methods are named after fields
"""Random kustomizations, built with fluxkit and with the real tool; what differs is shrunk and printed.

    python scripts/fuzz_kustomize.py --binary "$(go env GOPATH)/bin/kustomize" --first 0 --count 1000

A case is a tree of a few kustomizations (bases, components, an overlay) over resources whose names collide and refer
to each other, with any of the fields of a kustomization. Seeds make cases repeatable: ``--first 42 --count 1 --keep
DIR`` writes that one out.
"""

import argparse
import copy
import json
import random
import re
import shutil
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from compare_kustomize import compare

NAMES = ["app", "web", "db", "app-2", "a", "config"]
NAMESPACES = [None, None, None, "one", "two", "default"]
KEYS = ["a", "b", "key.txt", "x-1"]
Doc = dict[str, Any]


class Raw(str):
    """A scalar that is written as it stands, to meet the reader's rules."""


SCALARS: list[Any] = [
    "plain",
    "8080",
    8080,
    True,
    "true",
    None,
    "",
    "a: b",
    "multi\nline\n",
    "multi\nline",
    "trailing \nspace",
    "x" * 90 + " tail of a long line",
    "word " * 30,
    "ünïcödé",
    Raw("1.0"),
    Raw("0o17"),
    Raw("010"),
    Raw("1e3"),
    Raw("'it''s'"),
    Raw("~"),
    Raw(">\n  folded\n   more\n  end\n"),
    Raw("2001-01-01"),
    Raw("yes"),
    Raw("1_000"),
    Raw(".5"),
    Raw("0x1F"),
    Raw('"tab\\t"'),
    Raw("!!str 12"),
    Raw("|\n  block\n  text\n"),
    "- x",
    "#no",
    "a #b",
    "{a: b}",
    "[1, 2]",
    "null",
    '{"j": {"k": "v"}}',
    "k: v\nl: [1, 2]\n",
    "$(VAR)",
    "http://$(VAR):$(OTHER)/",
    1.5,
    -3,
    12345678901234567890,
    "=",
    "<<",
    "@at",
    "%p",
    "1:30",
]


class Case:
    """One random tree: documents by file name."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.files: dict[str, list[Any]] = {}
        self.known: list[Doc] = []
        self.taken: set[tuple[str, str]] = set()

    # Choices.

    def one(self, items: list[Any]) -> Any:
        return self.random.choice(items)

    def some(self, items: list[Any], most: int = 3) -> list[Any]:
        return [self.one(items) for _ in range(self.random.randint(0, most))]

    def chance(self, odds: float) -> bool:
        return self.random.random() < odds

    def scalar(self) -> Any:
        return self.one(SCALARS)

    def text(self) -> str:
        return str(self.one([value for value in SCALARS if isinstance(value, str) and not isinstance(value, Raw)]))

    # Resources.

    def metadata(self, *, named: bool = True) -> Doc:
        found: Doc = {}
        if named:
            found["name"] = self.one(NAMES)
            namespace = self.one(NAMESPACES)
            if namespace:
                found["namespace"] = namespace
        if self.chance(0.3):
            found["labels"] = {self.one(["app", "tier", "x/y"]): self.one(NAMES) for _ in range(2)}
        if self.chance(0.2):
            found["annotations"] = {self.one(["note", "z.io/a"]): self.scalar()}
        if self.chance(0.03):
            found[self.one(["labels", "annotations"])] = self.one([{}, None])
        if self.chance(0.05):
            found["finalizers"] = self.some(["f/1", "f/2"])
        return found

    def pod_spec(self) -> Doc:
        spec: Doc = {"containers": [self.container() for _ in range(self.random.randint(1, 3))]}
        if self.chance(0.2):
            spec["initContainers"] = [self.container()]
        if self.chance(0.3):
            spec["serviceAccountName"] = self.one(NAMES)
        if self.chance(0.3):
            spec["volumes"] = [self.volume() for _ in range(self.random.randint(1, 2))]
        if self.chance(0.15):
            spec["imagePullSecrets"] = [{"name": self.one(NAMES)} for _ in range(self.random.randint(1, 2))]
        if self.chance(0.1):
            spec["tolerations"] = [{"key": self.one(NAMES), "operator": "Exists"}]
        if self.chance(0.1):
            spec["priorityClassName"] = self.one(NAMES)
        if self.chance(0.1):
            spec["hostAliases"] = [{"ip": self.one(["1.1.1.1", "2.2.2.2"]), "hostnames": ["h"]}]
        if self.chance(0.1):
            term = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "zone"}
            spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
        if self.chance(0.1):
            constraint: Doc = {"topologyKey": self.one(["zone", "host"]), "maxSkew": 1}
            constraint["whenUnsatisfiable"] = self.one(["DoNotSchedule", "ScheduleAnyway"])
            spec["topologySpreadConstraints"] = [constraint]
        return spec

    def container(self) -> Doc:
        found: Doc = {"name": self.one(["main", "side", "app"])}
        if self.chance(0.85):
            found["image"] = self.one(
                ["nginx", "nginx:1.0", "reg.io:5000/team/app:v1", "redis@sha256:abcdef", "nginx:1@sha256:12", "$(VAR)"]
            )
        if self.chance(0.3):
            found["env"] = [self.env() for _ in range(self.random.randint(1, 3))]
        if self.chance(0.2):
            found["envFrom"] = [{self.one(["configMapRef", "secretRef"]): {"name": self.one(NAMES)}}]
        if self.chance(0.3):
            found["args"] = self.some(["--x=$(VAR)", "-v", "$(OTHER)", "$$(VAR)", "8080"])
        if self.chance(0.3):
            found["ports"] = [self.port("containerPort") for _ in range(self.random.randint(1, 2))]
        if self.chance(0.2):
            found["volumeMounts"] = [{"name": self.one(NAMES), "mountPath": self.one(["/a", "/b", "$(VAR)"])}]
        if self.chance(0.1):
            found["resources"] = {"limits": {"cpu": self.one(["1", 1, Raw("0.5"), "100m"])}}
        return found

    def env(self) -> Doc:
        found: Doc = {"name": self.one(["A", "B", "C"])}
        if self.chance(0.5):
            found["value"] = self.scalar()
        else:
            kind = self.one(["configMapKeyRef", "secretKeyRef"])
            found["valueFrom"] = {kind: {"name": self.one(NAMES), "key": self.one(KEYS)}}
        return found

    def port(self, key: str) -> Doc:
        found: Doc = {key: self.one([80, 81, 8080])}
        if self.chance(0.4):
            found["protocol"] = self.one(["TCP", "UDP"])
        if self.chance(0.4):
            found["name"] = self.one(["http", "dns"])
        return found

    def volume(self) -> Doc:
        found: Doc = {"name": self.one(NAMES)}
        found.update(
            self.one(
                [
                    {"configMap": {"name": self.one(NAMES)}},
                    {"secret": {"secretName": self.one(NAMES)}},
                    {"emptyDir": {}},
                    {"persistentVolumeClaim": {"claimName": self.one(NAMES)}},
                    {
                        "projected": {
                            "sources": [{"configMap": {"name": self.one(NAMES)}}, {"secret": {"name": self.one(NAMES)}}]
                        }
                    },
                ]
            )
        )
        return found

    def workload(self) -> Doc:
        api, kind = self.one(
            [("apps/v1", "Deployment")] * 4
            + [
                ("apps/v1", "StatefulSet"),
                ("apps/v1", "DaemonSet"),
                ("batch/v1", "Job"),
                ("batch/v1", "CronJob"),
                ("v1", "Pod"),
            ]
            + [("v1", "ReplicationController"), ("extensions/v1beta1", "Deployment"), ("v1", "PodTemplate")]
        )
        found: Doc = {"apiVersion": api, "kind": kind, "metadata": self.metadata()}
        template: Doc = {"spec": self.pod_spec()}
        if self.chance(0.6):
            template["metadata"] = {"labels": {"app": self.one(NAMES)}}
        if kind == "Pod":
            found["spec"] = template["spec"]
        elif kind == "PodTemplate":
            found["template"] = template
        elif kind == "CronJob":
            found["spec"] = {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": template}}}
        else:
            found["spec"] = {"template": template}
            if kind == "ReplicationController":
                found["spec"]["selector"] = {"app": "x"}
            elif self.chance(0.6):
                found["spec"]["selector"] = {"matchLabels": {"app": self.one(NAMES)}}
            if self.chance(0.5):
                found["spec"]["replicas"] = self.one([1, 2, "3"])
            if kind == "StatefulSet":
                found["spec"]["serviceName"] = self.one(NAMES)
                if self.chance(0.4):
                    claim: Doc = {"metadata": {"name": "data"}, "spec": {"storageClassName": self.one(NAMES)}}
                    found["spec"]["volumeClaimTemplates"] = [claim]
        return self.distinct(found)

    def resource(self) -> Doc:
        if self.chance(0.45):
            return self.workload()
        name = self.one(NAMES)
        meta = self.metadata()
        choices: list[Doc] = [
            {"apiVersion": "v1", "kind": "ConfigMap", "data": {key: self.scalar() for key in self.some(KEYS)}},
            {"apiVersion": "v1", "kind": "ConfigMap", "data": {key: self.scalar() for key in self.some(KEYS)}},
            {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "stringData": {"k": self.scalar()}},
            {"apiVersion": "v1", "kind": "Service", "spec": {"selector": {"app": name}, "ports": [self.port("port"), self.port("port")]}},
            {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "spec": {"template": {"spec": self.pod_spec()}}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "secrets": [{"name": name}], "imagePullSecrets": [{"name": name}]},
            {"apiVersion": "v1", "kind": "Namespace"},
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {"storageClassName": name, "volumeName": name}},
            {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "parameters": {"secretName": name}},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": self.one(["Role", "ClusterRole"]),
             "rules": [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name, self.one(NAMES)]}]},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": self.one(["RoleBinding", "ClusterRoleBinding"]),
             "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": self.one(["Role", "ClusterRole"]), "name": name},
             "subjects": [self.subject() for _ in range(self.random.randint(1, 2))]},
            {"apiVersion": self.one(["networking.k8s.io/v1", "networking.k8s.io/v1beta1"]), "kind": "Ingress", "spec": self.ingress()},
            {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
             "spec": {"podSelector": {"matchLabels": {"app": name}}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}]}]}},
            {"apiVersion": self.one(["autoscaling/v1", "autoscaling/v2"]), "kind": "HorizontalPodAutoscaler",
             "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": self.one(["Deployment", "StatefulSet"]), "name": name}}},
            {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": {"selector": {"matchLabels": {"app": name}}}},
            {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
             "webhooks": [{"name": "h.io", "clientConfig": {"service": {"name": name, "namespace": self.one(["one", "two", "default"])}}}]},
            {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "spec": {"service": {"name": name, "namespace": "one"}}},
            {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
             "spec": {"group": "x.io", "names": {"kind": "Foo"}, "conversion": {"webhook": {"clientConfig": {"service": {"name": name, "namespace": "old"}}}}}},
            {"apiVersion": "x.io/v1", "kind": "Foo",
             "spec": {"ref": name, "items": [{"name": "n", "v": self.scalar()}, {"name": "m"}], "containers": [self.container()], "deep": {"value": self.scalar(), "list": [1, "two", None]}}},
            {"apiVersion": "x.io/v1", "kind": "Bar", "spec": {"fooRef": {"name": name}, "selector": {"a": "b"}, "replicas": 1, "image": "nginx:1"}},
            {"apiVersion": "v1", "kind": "PersistentVolume", "spec": {"storageClassName": name}},
            {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1},
        ]  # fmt: skip
        found = self.one(choices)
        if found["kind"] == "Namespace":
            meta.pop("namespace", None)
            meta["name"] = self.one(["one", "two", "app"])
        found = {"apiVersion": found.pop("apiVersion"), "kind": found.pop("kind"), "metadata": meta, **found}
        return self.distinct(found)

    def distinct(self, found: Doc) -> Doc:
        """The resource under a name that no other of its kind has, mostly."""
        meta = found["metadata"]
        names = [name for name in [*NAMES, "x1", "x2", "x3"] if (found["kind"], name) not in self.taken]
        if (found["kind"], meta["name"]) in self.taken and names and self.chance(0.98):
            meta["name"] = self.one(names)
        self.taken.add((found["kind"], meta["name"]))
        if "apiVersion" in found and self.chance(0.03):
            found["metadata"]["annotations"] = {"config.kubernetes.io/local-config": self.one(["true", "false", ""])}
        return found

    def subject(self) -> Doc:
        found: Doc = {"kind": "ServiceAccount", "name": self.one([*NAMES, "default"])}
        if self.chance(0.8):
            found["namespace"] = self.one(["one", "two", "default", "system"])
        return found if self.chance(0.85) else {"kind": "User", "name": "u", "apiGroup": "rbac.authorization.k8s.io"}

    def ingress(self) -> Doc:
        name = self.one(NAMES)
        backend = self.one(
            [{"service": {"name": name, "port": {"number": 80}}}, {"serviceName": name, "servicePort": 80}]
        )
        return {
            "tls": [{"hosts": ["h.$(VAR)"], "secretName": name}],
            "rules": [{"host": "h", "http": {"paths": [{"path": "/", "backend": backend}]}}],
            "ingressClassName": name,
        }

    # Kustomizations.

    def kustomization(
        self, directory: str, bases: list[str], components: list[str], *, component: bool = False
    ) -> None:
        doc: Doc = {}
        if component or self.chance(0.2):
            doc["apiVersion"] = "kustomize.config.k8s.io/v1" + ("alpha1" if component else "beta1")
            doc["kind"] = "Component" if component else "Kustomization"
        resources: list[str] = list(bases)
        for number in range(self.random.randint(0 if bases or component else 1, 3)):
            name = f"r{number}.yaml"
            documents = [self.resource() for _ in range(self.random.randint(1, 3))]
            if self.chance(0.05):
                documents = [{"apiVersion": "v1", "kind": "List", "items": documents}]
            self.files[f"{directory}/{name}"] = documents
            self.known += documents if documents[0]["kind"] != "List" else documents[0]["items"]
            resources.append(name)
        self.random.shuffle(resources)
        if resources:
            doc["resources"] = resources
        if components:
            doc["components"] = components
        for field, odds in FIELDS.items():
            if self.chance(odds):
                value = getattr(self, f"field_{field}")(directory)
                if value is not None:
                    doc[field] = value
        if len(doc) == 0 or set(doc) <= {"apiVersion", "kind"}:
            doc["namePrefix"] = "p-"
        items = list(doc.items())
        self.random.shuffle(items)
        self.files[f"{directory}/kustomization.yaml"] = [dict(items)]

    def target(self) -> Doc:
        """What one resource is (or was) called."""
        if self.known and self.chance(0.99):
            return self.one(self.known)
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": self.one(NAMES)}}

    def selector(self) -> Doc:
        of = self.target()
        group, _, version = of["apiVersion"].rpartition("/")
        found: Doc = {}
        if self.chance(0.85):
            found["kind"] = self.one([of["kind"], of["kind"], ".*Set|Deployment", of["kind"][:3] + ".*"])
        if self.chance(0.2):
            found["version"] = version
        if self.chance(0.15) and group:
            found["group"] = group
        if self.chance(0.6):
            found["name"] = self.one([of["metadata"]["name"]] * 3 + ["a.*", "app|web", ".*"])
        if self.chance(0.15):
            found["namespace"] = self.one(["one", "default", of["metadata"].get("namespace") or "two"])
        if self.chance(0.1):
            found["labelSelector"] = self.one(
                ["app=app", "app in (app,web)", "!tier", "app!=db", "tier", "app notin (a)"]
            )
        if self.chance(0.05):
            found["annotationSelector"] = self.one(["note", "note=plain"])
        return found

    def field_namespace(self, _: str) -> Any:
        return self.one(["one", "two", "new", "default"])

    def field_namePrefix(self, _: str) -> Any:
        return self.one(["p-", "dev-", "a"])

    def field_nameSuffix(self, _: str) -> Any:
        return self.one(["-s", "-v1"])

    def field_commonLabels(self, _: str) -> Any:
        return {self.one(["app", "team", "x/y"]): self.one(["red", "8080", "true"])}

    def field_commonAnnotations(self, _: str) -> Any:
        return {self.one(["note", "team"]): self.one(["red", "8080", "word " * 20])}

    def field_labels(self, _: str) -> Any:
        entries = []
        for _n in range(self.random.randint(1, 2)):
            entry: Doc = {"pairs": {self.one(["app", "team"]): self.one(["red", "blue"])}}
            if self.chance(0.4):
                entry["includeSelectors"] = self.chance(0.7)
            if self.chance(0.4):
                entry["includeTemplates"] = self.chance(0.7)
            if self.chance(0.2):
                entry["fields"] = [
                    {
                        "path": self.one(["spec/selector", "spec/x/labels", "metadata/labels"]),
                        "create": self.chance(0.5),
                        "kind": self.one(["Foo", "Bar"]),
                    }
                ]
            entries.append(entry)
        return entries

    def field_images(self, _: str) -> Any:
        entries = []
        for _n in range(self.random.randint(1, 2)):
            entry: Doc = {"name": self.one(["nginx", "reg.io:5000/team/app", "redis", ".*", "ngin."])}
            for key, values in {
                "newName": ["httpd", "r.io/x"],
                "newTag": ["v2", "1"],
                "digest": ["sha256:ff"],
                "tagSuffix": ["-x"],
            }.items():
                if self.chance(0.4):
                    entry[key] = self.one(values)
            entries.append(entry)
        return entries

    def field_replicas(self, _: str) -> Any:
        scaled = [
            of
            for of in self.known
            if of["kind"] in ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")
        ]
        return [{"name": self.one(scaled)["metadata"]["name"], "count": self.one([0, 5])}] if scaled else None

    def field_sortOptions(self, _: str) -> Any:
        return self.one(
            [
                {"order": "fifo"},
                {"order": "legacy"},
                {
                    "order": "legacy",
                    "legacySortOptions": {"orderFirst": ["ConfigMap", "Foo"], "orderLast": ["Deployment"]},
                },
            ]
        )

    def field_buildMetadata(self, _: str) -> Any:
        return self.one(
            [
                ["originAnnotations"],
                ["transformerAnnotations"],
                ["managedByLabel"],
                ["originAnnotations", "transformerAnnotations"],
            ]
        )

    def generator(self, *, secret: bool) -> list[Doc]:
        entries = []
        for _n in range(self.random.randint(1, 2)):
            kind = "Secret" if secret else "ConfigMap"
            existing = [of for of in self.known if of["kind"] == kind]
            if existing and self.chance(0.5):
                meta = self.one(existing)["metadata"]
                entry: Doc = {"name": meta["name"], "behavior": self.one(["merge", "replace"])}
                if "namespace" in meta:
                    entry["namespace"] = meta["namespace"]
            else:
                entry = self.distinct({"kind": kind, "metadata": {"name": self.one(NAMES)}})["metadata"]
                if self.chance(0.3):
                    entry["namespace"] = self.one(["one", "two", "default"])
                self.known.append({"apiVersion": "v1", "kind": kind, "metadata": dict(entry), "data": {"a": "x"}})
                if self.chance(0.05):
                    entry["behavior"] = self.one(["merge", "create", "odd"])
            keys = self.random.sample(KEYS, len(KEYS))
            if self.chance(0.7):
                entry["literals"] = [f"{keys.pop()}={self.text()}" for _ in range(self.random.randint(1, 2))]
            if self.chance(0.3):
                entry["files"] = [self.one(["data.txt", f"{keys.pop()}=data.bin", "n=data.txt"])]
            if self.chance(0.2):
                entry["envs"] = ["vars.env"]
            if self.chance(0.3):
                entry["options"] = self.options()
            if secret and self.chance(0.3):
                entry["type"] = "kubernetes.io/tls"
            entries.append(entry)
        return entries

    def options(self) -> Doc:
        found: Doc = {}
        for key, values in {
            "labels": [{"gen": "yes"}], "annotations": [{"note": "1"}], "disableNameSuffixHash": [True, False], "immutable": [True]
        }.items():  # fmt: skip
            if self.chance(0.4):
                found[key] = self.one(values)
        return found

    def field_configMapGenerator(self, _: str) -> Any:
        return self.generator(secret=False)

    def field_secretGenerator(self, _: str) -> Any:
        return self.generator(secret=True)

    def field_generatorOptions(self, _: str) -> Any:
        return self.options()

    # Patches.

    def partial(self, of: Doc) -> Doc:
        """A strategic merge patch for a resource: pieces of it and of another one of its kind, with directives."""
        twin = next((other for _ in range(30) if (other := self.resource())["kind"] == of["kind"]), of)
        patch = self.pieces(copy.deepcopy(self.one([of, twin])), 0)
        patch = patch if isinstance(patch, dict) else {}
        patch["apiVersion"], patch["kind"] = of["apiVersion"], of["kind"]
        meta: Doc = {"name": of["metadata"]["name"]}
        if "namespace" in of["metadata"]:
            meta["namespace"] = of["metadata"]["namespace"]
        if self.chance(0.3):
            meta[self.one(["labels", "annotations"])] = {"patched": self.one(["yes", "1", None])}
        patch["metadata"] = meta
        if self.chance(0.05):
            patch["$patch"] = self.one(["delete", "replace", "merge"])
        return patch

    def pieces(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            kept = {}
            for key, entry in value.items():
                if key in ("name", "port", "containerPort", "ip", "mountPath") and self.chance(0.95):
                    kept[key] = entry
                elif self.chance(0.7):
                    kept[key] = None if self.chance(0.07) else self.pieces(entry, depth + 1)
            if depth and self.chance(0.06):
                kept["$patch"] = self.one(["delete", "replace", "merge"])
            if depth and self.chance(0.05):
                kept["added"] = self.scalar()
            return kept
        if isinstance(value, list):
            found = [self.pieces(entry, depth + 1) for entry in value if self.chance(0.75)]
            if self.chance(0.05):
                found.append({"$patch": self.one(["replace", "delete"])})
            self.random.shuffle(found)
            return found
        return self.scalar() if self.chance(0.25) and not isinstance(value, int) else value

    def leaves(self, value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
        # Whole annotations and kinds are left alone: what upstream then does is known (see the documentation).
        if path and path not in (("kind",), ("metadata", "annotations")):
            yield path, value
        if isinstance(value, dict):
            for key, entry in value.items():
                yield from self.leaves(entry, (*path, key))
        elif isinstance(value, list):
            for index, entry in enumerate(value):
                yield from self.leaves(entry, (*path, index))

    def operations(self, of: Doc) -> list[Doc]:
        operations: list[Doc] = []
        paths = [path for path, _ in self.leaves(of) if path[0] not in ("apiVersion",)]
        for _n in range(self.random.randint(1, 3)):
            path = list(self.one(paths))
            if self.chance(0.25):
                path[-1] = self.one(["-", 0]) if isinstance(path[-1], int) else self.one(["new", "a/b"])
            if path in (["kind"], ["metadata", "name"]) and self.chance(0.8):
                continue
            pointer = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
            kind = self.one(["add", "replace"] * 9 + ["remove"] * 4 + ["copy", "move", "test"])
            if kind in ("copy", "move"):
                source = self.one(paths)
                start = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in source)
                operations.append({"op": kind, "from": start, "path": pointer})
            elif kind == "remove":
                operations.append({"op": kind, "path": pointer})
            else:
                value = self.one([self.scalar(), {"k": "v"}, [1, "x"], [], {}, self.one(NAMES)])
                operations.append({"op": kind, "path": pointer, "value": value})
        return operations or [{"op": "add", "path": "/metadata/labels", "value": {"x": "y"}}]

    def file_or_inline(self, directory: str, documents: list[Any], key: str = "patch") -> Doc:
        if self.chance(0.4):
            name = f"patch{len(self.files)}.yaml"
            self.files[f"{directory}/{name}"] = documents
            return {"path": name}
        return {key: Inline(documents)}

    def field_patches(self, directory: str) -> Any:
        entries = []
        for _n in range(self.random.randint(1, 3)):
            of = self.target()
            if self.chance(0.35):
                entry = self.file_or_inline(directory, [self.operations(of)])
                entry["target"] = self.selector()
                if self.chance(0.85):
                    entry["target"] = {"kind": of["kind"], "name": of["metadata"]["name"]}
            else:
                documents = [self.partial(of)]
                if self.chance(0.1):
                    documents.append(self.partial(self.target()))
                entry = self.file_or_inline(directory, documents)
                if self.chance(0.35):
                    entry["target"] = self.selector()
                    if self.chance(0.3):
                        documents[0]["metadata"]["name"] = "renamed"
                if self.chance(0.1):
                    entry["options"] = {self.one(["allowNameChange", "allowKindChange"]): True}
                    if self.chance(0.5):
                        documents[0]["kind"] = "Other"
            entries.append(entry)
        return entries

    def field_patchesStrategicMerge(self, directory: str) -> Any:
        entry = self.file_or_inline(directory, [self.partial(self.target())])
        return [entry.get("path") or entry["patch"]]

    def field_patchesJson6902(self, directory: str) -> Any:
        of = self.target()
        group, _, version = of["apiVersion"].rpartition("/")
        entry = self.file_or_inline(directory, [self.operations(of)])
        target = {"group": group, "version": version, "kind": of["kind"], "name": of["metadata"]["name"]}
        if "namespace" in of["metadata"] and self.chance(0.7):
            target["namespace"] = of["metadata"]["namespace"]
        entry["target"] = target
        return [entry]

    # Replacements and vars.

    def field_path(self, path: tuple[Any, ...], of: Doc, *, target: bool) -> str:
        parts: list[str] = []
        value: Any = of
        for part in path:
            if isinstance(part, int):
                entry = value[part]
                named = entry.get("name") if isinstance(entry, dict) else None
                choices = [str(part)]
                if isinstance(named, str):
                    choices += [f"[name={named}]"] * 2
                elif isinstance(entry, str) and entry.isalpha():
                    choices += [f"[={entry}]"]
                if target:
                    choices += ["*"]
                parts.append(self.one(choices))
            else:
                escaped = part.replace(".", "\\.")
                parts.append(self.one([escaped, f"[{part}]"]) if "." in part else part)
            value = value[part]
        if target and self.chance(0.15):
            parts[-1] = self.one(["added", "[name=new]", "5"])
        return ".".join(parts)

    def field_replacements(self, directory: str) -> Any:
        entries = []
        for _n in range(self.random.randint(1, 2)):
            of = self.target()
            scalars = [
                path
                for path, value in self.leaves(of)
                if value and (self.chance(0.1) or not isinstance(value, dict | list))
            ]
            source: Doc = {"kind": of["kind"], "name": of["metadata"]["name"]}
            if self.chance(0.7):
                source["fieldPath"] = self.field_path(self.one(scalars), of, target=False)
            options: Doc = {"delimiter": self.one([":", "/", "-", " "]), "index": self.one([0, 1, 2])}
            if self.chance(0.12):
                source["options"] = options
            targets = []
            for _t in range(self.random.randint(1, 2)):
                to = self.target()
                paths = [path for path, _ in self.leaves(to)]
                target: Doc = {"select": {"kind": to["kind"]}}
                if self.chance(0.8):
                    target["select"]["name"] = to["metadata"]["name"]
                if self.chance(0.15):
                    target["reject"] = [{"name": self.one(NAMES)}]
                if self.chance(0.9):
                    target["fieldPaths"] = [self.field_path(self.one(paths), to, target=True)]
                choice = self.random.random()
                if choice < 0.3:
                    target["options"] = {"create": True}
                elif choice < 0.38:
                    target["options"] = {"delimiter": self.one([":", "/", "-"]), "index": self.one([-1, 0, 1, 5])}
                targets.append(target)
            entry: Doc = {"source": source, "targets": targets}
            if self.chance(0.1):
                del entry["source"]
                entry["sourceValue"] = self.one(["literal", "8080", "true"])
            entries.append(entry)
        if self.chance(0.2):
            name = f"replacement{len(self.files)}.yaml"
            self.files[f"{directory}/{name}"] = [entries]
            return [{"path": name}]
        return entries

    def field_vars(self, _: str) -> Any:
        entries = []
        for name in self.random.sample(["VAR", "OTHER", "THIRD"], self.random.randint(1, 2)):
            of = self.target()
            entry: Doc = {
                "name": name,
                "objref": {"apiVersion": of["apiVersion"], "kind": of["kind"], "name": of["metadata"]["name"]},
            }
            if self.chance(0.5):
                paths = [path for path, value in self.leaves(of) if not isinstance(value, dict | list)]
                entry["fieldref"] = {
                    "fieldpath": ".".join(f"[{part}]" if isinstance(part, int) else part for part in self.one(paths))
                }
            entries.append(entry)
        return entries

    # Configurations and plugins.

    def field_configurations(self, directory: str) -> Any:
        name = f"configuration{len(self.files)}.yaml"
        choices: list[Doc] = [
            {
                "nameReference": [
                    {"kind": "ConfigMap", "version": "v1", "fieldSpecs": [{"kind": "Foo", "path": "spec/ref"}]}
                ]
            },
            {
                "nameReference": [
                    {"kind": "Foo", "group": "x.io", "fieldSpecs": [{"kind": "Bar", "path": "spec/fooRef/name"}]}
                ]
            },
            {"nameReference": [{"kind": "Foo", "fieldSpecs": [{"kind": "Bar", "path": "spec/fooRef"}]}]},
            {"commonLabels": [{"path": "spec/selector", "create": True, "kind": "Bar"}]},
            {"labels": [{"path": "spec/extra/labels", "create": True, "kind": "Bar"}]},
            {"templateLabels": [{"path": "spec/tl", "create": True, "kind": "Bar"}]},
            {"commonAnnotations": [{"path": "spec/annotations", "create": True, "kind": "Foo"}]},
            {"images": [{"path": "spec/image", "kind": "Bar"}]},
            {"replicas": [{"path": "spec/replicas", "kind": "Bar", "create": False}]},
            {"namespace": [{"path": "spec/namespace", "kind": "Foo", "create": True}]},
            {"namePrefix": [{"path": "spec/ref", "kind": "Foo"}]},
            {"nameSuffix": [{"path": "metadata/name", "kind": "Namespace"}]},
            {"varReference": [{"path": "spec/deep/value", "kind": "Foo"}, {"path": "data"}]},
        ]
        config: Doc = {}
        for choice in self.random.sample(choices, self.random.randint(1, 3)):
            for key, value in choice.items():
                config.setdefault(key, []).extend(value)
        self.files[f"{directory}/{name}"] = [config]
        return [name]

    def field_transformers(self, directory: str) -> Any:
        of = self.target()
        meta = {"metadata": {"name": "t"}}
        choices: list[Doc] = [
            {"kind": "PrefixTransformer", "prefix": "t-", "fieldSpecs": [{"path": "metadata/name", "kind": of["kind"]}]},
            {"kind": "SuffixTransformer", "suffix": "-t", "fieldSpecs": [{"path": "metadata/name"}]},
            {"kind": "PrefixSuffixTransformer", "prefix": "t-", "suffix": "-t", "fieldSpecs": [{"path": "metadata/name"}]},
            {"kind": "LabelTransformer", "labels": {"t": "l"}, "fieldSpecs": [{"path": "metadata/labels", "create": self.chance(0.5)}]},
            {"kind": "AnnotationsTransformer", "annotations": {"t": "1"}, "fieldSpecs": [{"path": "metadata/annotations", "create": self.chance(0.5)}]},
            {"kind": "ImageTagTransformer", "imageTag": {"name": "nginx", "newTag": "t"}, "fieldSpecs": [{"path": "spec/image"}]},
            {"kind": "ReplicaCountTransformer", "replica": {"name": of["metadata"]["name"], "count": 9}, "fieldSpecs": [{"path": "spec/replicas", "create": True, "kind": of["kind"]}]},
            {"kind": "PatchTransformer", "patch": Inline([self.operations(of)]), "target": self.selector()},
            {"kind": "PatchTransformer", "patch": Inline([self.partial(of)])},
            {"kind": "PatchStrategicMergeTransformer", "patches": Inline([self.partial(of)])},
            {"kind": "PatchJson6902Transformer", "jsonOp": Inline([self.operations(of)]), "target": {"kind": of["kind"], "name": of["metadata"]["name"]}},
            {"kind": "ReplacementTransformer", "replacements": [entry for entry in self.field_replacements(directory) if "path" not in entry]},
            {"kind": "ValueAddTransformer", "value": "added", "targets": [{"fieldPath": self.one(["spec/x", "metadata/namespace", "data/a"]), "filePathPosition": self.one([0, 1, 2])}]},
            {"kind": "HashTransformer"},
        ]  # fmt: skip
        found = self.one(choices)
        document = {"apiVersion": "builtin", **meta, **found}
        if self.chance(0.2):
            document = {
                "apiVersion": "builtin", "kind": "NamespaceTransformer", "metadata": {"name": "t", "namespace": "tns"},
                "fieldSpecs": [{"path": "metadata/namespace", "create": True}],
            }  # fmt: skip
            if self.chance(0.5):
                document["unsetOnly"] = True
            if self.chance(0.5):
                document["setRoleBindingSubjects"] = self.one(["allServiceAccounts", "none", "defaultOnly"])
        return [Inline([document])]

    def field_generators(self, _: str) -> Any:
        document: Doc = {"apiVersion": "builtin", "metadata": {"name": "g"}, **self.generator(secret=False)[0]}
        document["kind"] = self.one(["ConfigMapGenerator", "SecretGenerator"])
        return [Inline([document])]

    def field_openapi(self, directory: str) -> Any:
        schema = {
            "definitions": {
                "v1.Foo": {
                    "properties": {"spec": {"properties": {"items": {
                        "type": "array", "items": {"properties": {"name": {"type": "string"}}},
                        "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge",
                    }}}},
                    "x-kubernetes-group-version-kind": [{"group": "x.io", "kind": "Foo", "version": "v1"}],
                }
            }
        }  # fmt: skip
        self.files[f"{directory}/schema.json"] = [schema]
        return {"path": "schema.json"}

    def field_crds(self, directory: str) -> Any:
        crd = {
            "x.Foo": {"Schema": {"properties": {
                "kind": {"type": "string"}, "apiVersion": {"type": "string"}, "metadata": {"type": "object"}, "spec": {"$ref": "x.FooSpec"},
            }}},
            "x.FooSpec": {"Schema": {"properties": {
                "ref": {"type": "string", "x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": "ConfigMap"},
                "labels": {"x-kubernetes-label-selector": "", "type": "object"}, "deep": {"x-kubernetes-annotation": "", "type": "object"},
            }}},
        }  # fmt: skip
        self.files[f"{directory}/crd.json"] = [crd]
        return ["crd.json"]

    # The tree.

    def build(self) -> "Case":
        bases = [f"base{number}" for number in range(self.random.randint(0, 2))]
        for number, base in enumerate(bases):
            below = [f"../{other}" for other in bases[:number] if self.chance(0.3)]
            self.kustomization(base, below, [])
        components = [f"component{number}" for number in range(self.random.randint(0, 1) if self.chance(0.4) else 0)]
        for component in components:
            self.kustomization(component, [], [], component=True)
        middle: list[str] = [base for base in bases if self.chance(0.9)]
        if self.chance(0.4):
            self.kustomization("middle", [f"../{base}" for base in middle], [])
            middle = ["middle"]
        self.kustomization("top", [f"../{base}" for base in middle], [f"../{name}" for name in components])
        return self


FIELDS = {
    "namespace": 0.25, "namePrefix": 0.3, "nameSuffix": 0.15, "commonLabels": 0.1, "commonAnnotations": 0.1, "labels": 0.2,
    "images": 0.2, "replicas": 0.08, "sortOptions": 0.1, "buildMetadata": 0.06, "configMapGenerator": 0.25, "secretGenerator": 0.12,
    "generatorOptions": 0.1, "patches": 0.4, "patchesStrategicMerge": 0.08, "patchesJson6902": 0.08, "replacements": 0.25, "vars": 0.12,
    "configurations": 0.15, "transformers": 0.12, "generators": 0.05, "openapi": 0.04, "crds": 0.04,
}  # fmt: skip


class Inline:
    """Documents that stand as text in a field."""

    def __init__(self, documents: list[Any]) -> None:
        self.documents = documents

    def __deepcopy__(self, memo: dict[int, Any]) -> "Inline":
        return Inline(copy.deepcopy(self.documents, memo))


def lines(value: Any, indent: str) -> Iterator[str]:
    """Block YAML of a mapping or list; scalars are quoted as JSON unless they are :class:`Raw`."""
    entries = value.items() if isinstance(value, dict) else ((None, entry) for entry in value)
    for key, entry in entries:
        lead = indent + ("-" if key is None else f"{json.dumps(key) if key in ('=', '<<') or ':' in key else key}:")
        if isinstance(entry, Inline):
            text = write(entry.documents)
            yield f"{lead} |"
            yield from (f"{indent}    {line}" if line else "" for line in text.splitlines())
        elif isinstance(entry, dict | list) and entry:
            yield lead
            yield from lines(entry, indent + "  ")
        elif isinstance(entry, str):
            head, *rest = styled(entry, f"{indent}{key}").splitlines()
            yield f"{lead} {head}"
            yield from (indent + "  " + line if line else "" for line in rest)
        else:
            yield f"{lead} {json.dumps(entry)}"


PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9 ./_-]*(?<! )").fullmatch
WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


def styled(text: str, place: str) -> str:
    """A string in one of the styles that can hold it; the same one at every turn."""
    if isinstance(text, Raw):
        return text
    choice = zlib.crc32(f"{place}{text}".encode()) % 7
    if "\n" in text and text.isascii() and " \n" not in text:
        chomping = "" if text.endswith("\n") else "-"
        body = text.removesuffix("\n").split("\n")
        if choice < 3:
            return "\n".join([f"|{chomping}", *("  " + line for line in body)])
        if choice < 5:
            return "\n".join([f">{chomping}", *("  " + line + "\n" for line in body[:-1]), "  " + body[-1]])
    elif choice < 4 and PLAIN(text) and text.lower() not in WORDS:
        return text
    elif choice == 4 and "\n" not in text:
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text, ensure_ascii=False)


def write(documents: list[Any]) -> str:
    return "---\n".join("\n".join(lines(document, "")) + "\n" if document else "{}\n" for document in documents)


def save(files: dict[str, list[Any]], root: Path) -> None:
    for name, documents in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(write(documents))
    for directory in {Path(name).parent for name in files}:
        (root / directory / "data.txt").write_text("some text\r\nmore\n")
        (root / directory / "data.bin").write_bytes(b"\xff\x00" * 40)
        (root / directory / "vars.env").write_text("# comment\nA=1\n  B = two \nC\n")


class Judge:
    """Compares a case's builds, in a scratch directory."""

    def __init__(self, binary: str, messages: bool, scratch: Path) -> None:
        self.binary, self.messages, self.scratch = binary, messages, scratch

    def __call__(self, files: dict[str, list[Any]]) -> tuple[str, list[str]]:
        shutil.rmtree(self.scratch, ignore_errors=True)
        save(files, self.scratch)
        return compare(self.scratch / "top", self.binary, 30, self.messages)


def shrink(files: dict[str, list[Any]], judge: Judge, verdict: str) -> dict[str, list[Any]]:
    """The smallest tree found, by deleting one entry at a time, that is judged the same."""

    def entries(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        if isinstance(value, Inline):
            yield from entries(value.documents, (*path, "documents"))
        elif isinstance(value, dict | list):
            for key in list(value) if isinstance(value, dict) else range(len(value) - 1, -1, -1):
                yield (*path, key)
                yield from entries(value[key], (*path, key))

    def without(path: tuple[Any, ...]) -> dict[str, list[Any]] | None:
        smaller = copy.deepcopy(files)
        value: Any = smaller
        for key in path[:-1]:
            value = value.documents if isinstance(value, Inline) else value[key]
        del value[path[-1]]
        return smaller

    progress = True
    while progress:
        progress = False
        for path in list(entries(files, ())):
            try:
                smaller = without(path)
            except (KeyError, IndexError, TypeError):
                continue
            if smaller is not None and judge(smaller)[0] == verdict:
                files, progress = smaller, True
    return files


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="kustomize")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--messages", action="store_true")
    parser.add_argument("--keep", type=Path, help="write the (unshrunk) cases below this directory")
    parser.add_argument("--no-shrink", action="store_true")
    arguments = parser.parse_args()
    verdicts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="fuzz-kustomize-") as scratch:
        judge = Judge(arguments.binary, arguments.messages, Path(scratch) / "case")
        for seed in range(arguments.first, arguments.first + arguments.count):
            files = Case(seed).build().files
            if arguments.keep:
                save(files, arguments.keep / str(seed))
            verdict, shown = judge(files)
            verdicts[verdict] += 1
            if not shown:
                continue
            if not arguments.no_shrink:
                files = shrink(files, judge, verdict)
                shown = judge(files)[1]
            print(f"==== seed {seed}: {verdict}")
            for name, documents in files.items():
                print(f"## {name}", write(documents), sep="\n", end="")
            print(*shown[:40], sep="\n", flush=True)
    print(*(f"{count:6} {verdict}" for verdict, count in verdicts.most_common()), sep="\n")
    return 1 if set(verdicts) - {"equal", "both fail", "the real tool panics"} else 0


if __name__ == "__main__":
    sys.exit(main())
