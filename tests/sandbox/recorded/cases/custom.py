"""CustomResourceDefinitions and their instances."""

from typing import Any

from tests.sandbox.recorded.cases.reading import PARTIAL, TABLE
from tests.sandbox.recorded.steps import (
    Case,
    Step,
    apply,
    case,
    delete,
    get,
    json_patch,
    merge,
    post,
    put,
    strategic,
    until,
)

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "{ns}.example.com"
CRD = f"{CRDS}/widgets.{GROUP}"
WIDGETS = f"/apis/{GROUP}/v1/namespaces/{{ns}}/widgets"
W = f"{WIDGETS}/w"


def definition(
    schema: dict[str, Any] | None,
    *,
    version: dict[str, Any] | None = None,
    names: dict[str, Any] | None = None,
    scope: str = "Namespaced",
    name: str = "",
    **spec: Any,
) -> dict[str, Any]:
    served: dict[str, Any] = {"name": "v1", "served": True, "storage": True, **(version or {})}
    if schema is not None:
        served["schema"] = {"openAPIV3Schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name or f"widgets.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {"plural": "widgets", "kind": "Widget", **(names or {})},
            "versions": [served],
            **spec,
        },
    }


def spec(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    inner: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        inner["required"] = required
    return {
        "type": "object",
        "properties": {"spec": inner, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }


def widget(name: str = "w", meta: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": name, **(meta or {})}, "spec": fields}


def _with(name: str, crd: dict[str, Any], *steps: Step, managed: bool = False) -> Case:
    """A definition, and requests for its instances once they are served. References count from 2."""
    return Case(f"custom: {name}", (post(CRDS, crd, pick="kind"), until(WIDGETS), *steps), managed)


def _values(name: str, schema: dict[str, Any], *specs: dict[str, Any]) -> Case:
    """A field ``f`` of the spec, with values."""
    return _with(
        name,
        definition(spec(f=schema)),
        *(post(WIDGETS, widget(f"w{number}", **fields)) for number, fields in enumerate(specs)),
    )


def _refused(name: str, *definitions: dict[str, Any]) -> Case:
    return case(f"definition: {name}", *(post(CRDS, each) for each in definitions))


STATUS = {"subresources": {"status": {}}}
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

CASES = (
    case(
        "definition: created",
        post(CRDS, definition(spec(f=TEXT))),
        until(WIDGETS),
        get(CRD, pick="status.acceptedNames"),
        get(CRD, pick="status.storedVersions"),
        get(CRD, pick="spec"),
        get(f"/apis/{GROUP}"),
        get(f"/apis/{GROUP}/v1"),
        delete(CRD, pick="kind"),
    ),
    case(
        "definition: full",
        post(
            CRDS,
            definition(
                spec(f=TEXT),
                version={
                    **STATUS,
                    "additionalPrinterColumns": [{"name": "F", "type": "string", "jsonPath": ".spec.f"}],
                    "selectableFields": [{"jsonPath": ".spec.f"}],
                },
                names={"shortNames": ["wd"], "categories": ["all"], "singular": "widget", "listKind": "WidgetList"},
            ),
        ),
    ),
    _refused(
        "names",
        definition(spec(f=TEXT), name="other"),
        definition(spec(f=TEXT), names={"plural": "Widgets"}),
        definition(spec(f=TEXT), names={"kind": ""}),
        definition(spec(f=TEXT), names={"kind": "lower case"}),
        definition(spec(f=TEXT), scope="Sideways"),
        definition(spec(f=TEXT), group=""),
    ),
    _refused(
        "versions",
        definition(None),
        definition(spec(f=TEXT), version={"storage": False}),
        definition(spec(f=TEXT), versions=[]),
        definition(spec(f=TEXT), version={"name": "V 1"}),
    ),
    _refused(
        "schemas that are not structural",
        definition({"type": "object", "properties": {"spec": {}}}),
        definition({"properties": {}}),
        definition({"type": "string"}),
        definition({"type": "object", "properties": {"spec": {"type": "array"}}}),
        definition(spec(f={"type": "object", "properties": {"a": TEXT}, "additionalProperties": TEXT})),
        definition(spec(f={"anyOf": [{"type": "string"}]})),
        definition(spec(f={"type": "sing"})),
        definition(spec(f={"type": "array", "items": [TEXT]})),
        definition(spec(f={"type": "string", "uniqueItems": True})),
    ),
    _refused(
        "schemas with errors",
        definition(spec(f={"type": "string", "default": 1})),
        definition(spec(f={"type": "string", "pattern": "("})),
        definition(spec(f={"type": "array", "items": TEXT, "x-kubernetes-list-type": "map"})),
        definition(
            spec(
                f={
                    "type": "array",
                    "items": {"type": "object", "properties": {"a": TEXT}},
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["b"],
                }
            )
        ),
        definition(spec(f={"type": "array", "items": TEXT, "x-kubernetes-list-type": "sing"})),
        definition(spec(f={"type": "object", "x-kubernetes-validations": [{"rule": "nonsense("}]})),
        definition(spec(f={"type": "object", "x-kubernetes-validations": [{}]})),
    ),
    _with(
        "life",
        definition(spec(f=TEXT), version=STATUS),
        post(WIDGETS, widget(f="1")),
        get(W),
        put(W, widget(f="2")),
        put(W, widget(meta={"resourceVersion": "{rv:2}"}, f="2")),
        put(W, {**widget(meta={"resourceVersion": "{rv:5}"}, f="2"), "status": {"x": 1}}),
        put(f"{W}/status", {**widget(meta={"resourceVersion": "{rv:5}"}, f="3"), "status": {"x": 1}}),
        put(f"{W}/status", {**widget(f="3"), "status": {"x": 1}}),
        get(f"{W}/status"),
        delete(W),
        get(W),
        delete(W),
    ),
    _with(
        "without status subresource",
        definition(spec(f=TEXT)),
        post(WIDGETS, {**widget(f="1"), "status": {"x": 1}}),
        merge(W, {"status": {"x": 2}}),
        merge(W, {"metadata": {"labels": {"a": "b"}}}),
        get(f"{W}/status"),
    ),
    _with(
        "pruning",
        definition(spec(f=TEXT, open=OPEN)),
        post(WIDGETS, widget(g="1")),
        post(WIDGETS, widget("x", g="1"), fieldValidation="Strict"),
        post(WIDGETS, widget("y", open={"a": 1}), fieldValidation="Strict"),
        post(WIDGETS, {**widget("z"), "top": 1}),
        merge(W, {"spec": {"g": 2}}, fieldValidation="Strict"),
        apply(W, widget(g="1"), fieldValidation="Strict"),
        apply(W, widget(g="1")),
    ),
    _with(
        "defaults",
        definition(
            spec(
                f={"type": "string", "default": "d"},
                o={"type": "object", "default": {}, "properties": {"a": {"type": "integer", "default": 3}}},
                n={"type": "string", "nullable": True, "default": "x"},
                l={
                    "type": "array",
                    "items": {"type": "object", "properties": {"a": {"type": "string", "default": "b"}}},
                },
            )
        ),
        post(WIDGETS, widget()),
        post(WIDGETS, widget("x", f=None, n=None, l=[{}])),
        post(WIDGETS, {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "y"}}),
    ),
    _values("types", TEXT, {"f": 1}, {"f": None}, {"f": {}}, {"f": []}, {"f": True}, {"f": 1.5}),
    _values(
        "integers",
        {"type": "integer", "minimum": 1, "maximum": 5, "multipleOf": 2},
        {"f": 0},
        {"f": 6},
        {"f": 3},
        {"f": 1.5},
        {"f": "1"},
        {"f": 2.0},
    ),
    _values("int32", {"type": "integer", "format": "int32"}, {"f": 2147483648}, {"f": -1}),
    _values("numbers", {"type": "number", "exclusiveMinimum": True, "minimum": 1}, {"f": 1}, {"f": 0.5}, {"f": 1.5}),
    _values(
        "texts",
        {"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^a"},
        {"f": "a"},
        {"f": "abcd"},
        {"f": "bb"},
        {"f": "bbbb"},
        {"f": ""},
    ),
    _values("choices", {"type": "string", "enum": ["a", "b"]}, {"f": "c"}, {"f": ""}, {"f": "a"}),
    _values(
        "lists of texts",
        {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 2},
        {"f": []},
        {"f": ["a", "b", "c"]},
        {"f": [1]},
        {"f": "a"},
    ),
    _values(
        "sets", {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"}, {"f": ["a", "a"]}, {"f": ["a", "b"]}
    ),
    _values(
        "maps of items",
        {
            "type": "array",
            "items": {"type": "object", "required": ["k"], "properties": {"k": TEXT, "v": TEXT}},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["k"],
        },
        {"f": [{"k": "a"}, {"k": "a"}]},
        {"f": [{"v": "a"}]},
        {"f": [{"k": "a"}]},
    ),
    _values(
        "objects",
        {
            "type": "object",
            "required": ["a"],
            "minProperties": 2,
            "maxProperties": 2,
            "properties": {"a": TEXT, "b": TEXT, "c": TEXT},
        },
        {"f": {}},
        {"f": {"a": "1"}},
        {"f": {"a": "1", "b": "2", "c": "3"}},
        {"f": {"b": "1", "c": "2"}},
    ),
    _values(
        "maps of numbers",
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"f": {"a": "x"}},
        {"f": {"a": 1}},
    ),
    _values("formats", {"type": "string", "format": "date-time"}, {"f": "x"}, {"f": "2001-01-01T00:00:00Z"}),
    _values("durations", {"type": "string", "format": "duration"}, {"f": "x"}, {"f": "1h"}),
    _values("int or string", {"x-kubernetes-int-or-string": True}, {"f": 1}, {"f": "a"}, {"f": True}, {"f": 1.5}),
    _values("any of", {"type": "string", "anyOf": [{"pattern": "^a"}, {"pattern": "^b"}]}, {"f": "c"}, {"f": "a"}),
    _values(
        "all, one and not",
        {
            "type": "string",
            "allOf": [{"minLength": 2}],
            "oneOf": [{"pattern": "^a"}, {"pattern": "z$"}],
            "not": {"pattern": "x"},
        },
        {"f": "a"},
        {"f": "az"},
        {"f": "axb"},
        {"f": "ab"},
    ),
    _with(
        "required",
        definition(
            {
                "type": "object",
                "required": ["spec"],
                "properties": {
                    "spec": {"type": "object", "required": ["a", "b"], "properties": {"a": TEXT, "b": TEXT}}
                },
            }
        ),
        post(WIDGETS, widget()),
        post(WIDGETS, widget(a="1")),
        post(WIDGETS, {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "w"}}),
        post(WIDGETS, {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": None}),
        post(WIDGETS, {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": "x"}),
    ),
    _with(
        "rules",
        definition(
            spec(
                f={
                    "type": "object",
                    "properties": {
                        "min": NUMBER,
                        "max": NUMBER,
                        "name": {
                            "type": "string",
                            "maxLength": 10,
                            "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "stays"}],
                        },
                    },
                    "x-kubernetes-validations": [
                        {"rule": "!has(self.min) || !has(self.max) || self.min <= self.max"},
                        {
                            "rule": "!has(self.max) || self.max < 100",
                            "message": "max must be small",
                            "reason": "FieldValueForbidden",
                            "fieldPath": ".max",
                        },
                        {"rule": "!has(self.min) || self.min > 0", "messageExpression": "'min is ' + 'too small'"},
                    ],
                }
            )
        ),
        post(WIDGETS, widget(f={"min": 2, "max": 1})),
        post(WIDGETS, widget(f={"max": 100})),
        post(WIDGETS, widget(f={"min": 0})),
        post(WIDGETS, widget(f={"name": "a"})),
        merge(W, {"spec": {"f": {"name": "b"}}}),
        merge(W, {"spec": {"f": {"min": 1}}}),
        merge(W, {"spec": {"f": {"min": 3, "max": 2}}}),
    ),
    _with(
        "rules of immutability",
        definition(
            spec(
                f={
                    "type": "string",
                    "maxLength": 10,
                    "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "Value is immutable"}],
                }
            )
        ),
        post(WIDGETS, widget(f="a")),
        merge(W, {"spec": {"f": "b"}}),
        apply(W, widget(f="b")),
        put(W, widget(f="b", meta={"resourceVersion": "{rv:2}"})),
    ),
    _with(
        "rules at the root",
        definition(
            {
                **spec(f=TEXT),
                "x-kubernetes-validations": [
                    {"rule": "self.metadata.name.startsWith('w')", "message": "name must start with w"}
                ],
            }
        ),
        post(WIDGETS, widget("a")),
        post(WIDGETS, widget("w")),
    ),
    _with(
        "patches",
        definition(spec(f=TEXT, l={"type": "array", "items": TEXT})),
        post(WIDGETS, widget(f="1", l=["a"])),
        merge(W, {"spec": {"l": ["b"]}}),
        json_patch(W, [{"op": "replace", "path": "/spec/f", "value": "2"}]),
        strategic(W, {"spec": {"f": "3"}}),
        merge(W, {"spec": {"f": 3}}),
        merge(W, {"spec": None}),
        merge(W, {}),
    ),
    _with(
        "tables",
        definition(
            spec(f=TEXT, n=NUMBER),
            version={
                "additionalPrinterColumns": [
                    {"name": "F", "type": "string", "jsonPath": ".spec.f", "description": "what"},
                    {"name": "N", "type": "integer", "jsonPath": ".spec.n", "priority": 1},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ]
            },
        ),
        post(WIDGETS, widget(f="1", n=2)),
        post(WIDGETS, widget("x")),
        get(WIDGETS, accept=TABLE),
        get(W, accept=PARTIAL),
    ),
    _with("table without columns", definition(spec(f=TEXT)), post(WIDGETS, widget(f="1")), get(WIDGETS, accept=TABLE)),
    _with(
        "selectable fields",
        definition(spec(f=TEXT), version={"selectableFields": [{"jsonPath": ".spec.f"}]}),
        post(WIDGETS, widget(f="1")),
        post(WIDGETS, widget("x", f="2")),
        get(WIDGETS, fieldSelector="spec.f=2", pick="items"),
        get(WIDGETS, fieldSelector="spec.g=2"),
        get(WIDGETS, fieldSelector="metadata.name=w", pick="items.0.metadata.name"),
    ),
    _with(
        "lists",
        definition(spec(f=TEXT)),
        get(WIDGETS),
        post(WIDGETS, widget()),
        get(WIDGETS),
        get(f"/apis/{GROUP}/v1/widgets", pick="items.0.metadata.name"),
        get(f"/apis/{GROUP}/v2/widgets"),
        get(f"/apis/{GROUP}/v1/gadgets"),
    ),
    _with(
        "scale",
        definition(
            spec(replicas=NUMBER),
            version={
                "subresources": {
                    "status": {},
                    "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
                }
            },
        ),
        post(WIDGETS, widget(replicas=2)),
        get(f"{W}/scale"),
        merge(f"{W}/scale", {"spec": {"replicas": 3}}),
        get(W),
    ),
    _with(
        "apply",
        definition(
            spec(
                f=TEXT,
                m={"type": "object", "additionalProperties": TEXT},
                l={"type": "array", "items": TEXT},
                s={"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
                k={
                    "type": "array",
                    "items": {"type": "object", "required": ["k"], "properties": {"k": TEXT, "v": TEXT}},
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["k"],
                },
                a={"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"x": TEXT, "y": TEXT}},
            )
        ),
        apply(W, widget(f="1", m={"a": "1"}, l=["a"], s=["a"], k=[{"k": "a", "v": "1"}], a={"x": "1"})),
        apply(W, widget(m={"b": "1"}, s=["b"], k=[{"k": "b"}]), "two"),
        apply(W, widget(l=["b"], a={"y": "1"}), "two"),
        apply(W, widget(l=["b"], a={"y": "1"}), "two", force="true"),
        apply(W, widget(f="1")),
        apply(W, widget(f=1)),
        apply(W, widget(s=["a", "a"])),
        apply(W, widget(k=[{"v": "1"}])),
    ),
    _with(
        "apply without a schema for fields",
        definition(OPEN),
        apply(W, widget(f={"a": [1]})),
        apply(W, widget(f={"a": [2]}), "two"),
        apply(W, widget(f={"b": 1}), "two"),
        merge(W, {"spec": {"f": {"c": 1}}}, fieldManager="other"),
        managed=True,
    ),
    _with(
        "apply with managed fields",
        definition(spec(f=TEXT, m={"type": "object", "additionalProperties": TEXT}), version=STATUS),
        apply(W, widget(f="1", m={"a": "1"})),
        merge(f"{W}/status", {"status": {"x": 1}}, fieldManager="controller"),
        apply(
            f"{W}/status",
            {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "w"}, "status": {"y": 2}},
            "two",
        ),
        apply(W, widget(m={"a": "1"})),
        get(W),
        managed=True,
    ),
    _with("definition deleted", definition(spec(f=TEXT)), post(WIDGETS, widget()), delete(CRD, pick="kind")),
    _with(
        "bad names and metadata",
        definition(spec(f=TEXT)),
        post(WIDGETS, widget("A_B")),
        post(WIDGETS, widget("a", {"labels": {"a b": "c"}})),
        post(WIDGETS, widget("a", {"labels": {"a": 1}})),
        post(WIDGETS, widget("a", {"foo": 1}), fieldValidation="Strict"),
        post(WIDGETS, {**widget(), "kind": "Gadget"}),
        post(WIDGETS, {**widget(), "apiVersion": "v1"}),
        post(WIDGETS, "nonsense"),
        post(WIDGETS, {"metadata": {"name": "w"}}),
        post(WIDGETS, {**widget(), "metadata": {"generateName": "g-"}}),
    ),
    _with(
        "embedded resources",
        definition(
            spec(
                f={
                    "type": "object",
                    "x-kubernetes-embedded-resource": True,
                    "x-kubernetes-preserve-unknown-fields": True,
                }
            )
        ),
        post(
            WIDGETS,
            widget(f={"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "foo": 1}, "spec": {"a": 1}}),
        ),
        post(WIDGETS, widget("x", f={"spec": 1})),
    ),
    case(
        "definition: two versions",
        post(
            CRDS,
            definition(
                None,
                versions=[
                    {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": spec(f=TEXT)}},
                    {
                        "name": "v1beta1",
                        "served": True,
                        "storage": False,
                        "deprecated": True,
                        "schema": {"openAPIV3Schema": spec(f=TEXT, g=TEXT)},
                    },
                ],
            ),
            pick="kind",
        ),
        until(WIDGETS),
        post(
            f"/apis/{GROUP}/v1beta1/namespaces/{{ns}}/widgets",
            {**widget(f="1", g="2"), "apiVersion": f"{GROUP}/v1beta1"},
        ),
        get(W),
        get(f"/apis/{GROUP}/v1beta1/namespaces/{{ns}}/widgets/w"),
        apply(
            f"/apis/{GROUP}/v1beta1/namespaces/{{ns}}/widgets/w", {**widget(f="2"), "apiVersion": f"{GROUP}/v1beta1"}
        ),
        get(f"/apis/{GROUP}"),
        get(f"/apis/{GROUP}/v2/namespaces/{{ns}}/widgets"),
    ),
    case(
        "definition: cluster scope",
        post(CRDS, definition(spec(f=TEXT), scope="Cluster"), pick="kind"),
        until(f"/apis/{GROUP}/v1/widgets"),
        post(f"/apis/{GROUP}/v1/widgets", widget()),
        post(WIDGETS, widget()),
        get(f"/apis/{GROUP}/v1"),
    ),
    _with(
        "definition changed",
        definition(spec(f=TEXT)),
        merge(CRD, {"spec": {"scope": "Cluster"}}),
        merge(CRD, {"spec": {"names": {"kind": "Gadget"}}}),
        merge(CRD, {"spec": {"group": "other.example.com"}}),
    ),
)
