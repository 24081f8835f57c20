"""CustomResourceDefinitions over time: versions, tightened schemas, rules, deletion, names that clash."""

from typing import Any

from tests.sandbox.recorded.cases.custom import CRD, CRDS, GROUP, TEXT, WIDGETS, W, definition, spec, widget
from tests.sandbox.recorded.steps import Case, Step, apply, case, delete, get, json_patch, merge, post, put, until


def _version(name: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "served": True, "storage": False, "schema": {"openAPIV3Schema": schema}, **more}


def _with(name: str, crd: dict[str, Any], *steps: Step, managed: bool = False) -> Case:
    return Case(f"definitions: {name}", (post(CRDS, crd, pick="kind"), until(WIDGETS), *steps), managed)


def _ruled(*rules: dict[str, Any], schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return definition(
        spec(f={**(schema or {"type": "string", "maxLength": 20}), "x-kubernetes-validations": list(rules)})
    )


def _schema(schema: dict[str, Any]) -> Step:
    """Changes the schema of a definition's only version."""
    return json_patch(CRD, [{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": schema}])


def _served(schema: dict[str, Any], field: str) -> Step:
    """Waits until a changed schema is in force: a dry run meets it."""
    body = widget("probe", f=field)
    return Step("POST", f"{WIDGETS}?dryRun=All", body, until=422)


_ITEMS = {
    "type": "array",
    "maxItems": 5,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["k"],
    "items": {
        "type": "object",
        "required": ["k"],
        "properties": {
            "k": {"type": "string", "maxLength": 5},
            "v": {
                "type": "string",
                "maxLength": 5,
                "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "v stays"}],
            },
        },
    },
}
_SHORT = {"type": "string", "maxLength": 3}
_STRICT = spec(f=_SHORT, g=TEXT)

CASES = (
    _with(
        "transition rules of items",
        definition(spec(f=_ITEMS)),
        post(WIDGETS, widget(f=[{"k": "a", "v": "1"}, {"k": "b", "v": "1"}])),
        merge(W, {"spec": {"f": [{"k": "b", "v": "1"}, {"k": "a", "v": "2"}]}}),
        merge(W, {"spec": {"f": [{"k": "b", "v": "1"}, {"k": "c", "v": "2"}]}}),
        apply(W, widget(f=[{"k": "b", "v": "9"}]), force="true"),
    ),
    _with(
        "transition rules with an optional past",
        _ruled(
            {
                "rule": "!oldSelf.hasValue() || self.size() >= oldSelf.value().size()",
                "optionalOldSelf": True,
                "message": "may only grow",
            }
        ),
        post(WIDGETS, widget(f="aa")),
        merge(W, {"spec": {"f": "a"}}),
        merge(W, {"spec": {"f": "aaa"}}),
    ),
    _with(
        "messages of rules",
        _ruled(
            {"rule": "self.startsWith('a')", "messageExpression": "'got ' + self"},
            {"rule": "self.size() > 2"},
            {"rule": "self != 'abc'", "reason": "FieldValueDuplicate"},
            {"rule": "self.matches('^[a-z]*$')", "message": "letters only", "reason": "FieldValueForbidden"},
        ),
        post(WIDGETS, widget("a", f="b")),
        post(WIDGETS, widget("b", f="abc")),
        post(WIDGETS, widget("c", f="abC1")),
        post(WIDGETS, widget("d", f="abcd")),
    ),
    case(
        "definitions: rules that are refused",
        *(
            post(CRDS, _ruled(rule, schema=schema), pick="details.causes.0.field")
            # What static types would tell is not told here: every variable is dynamic.
            for rule, schema in (
                ({"rule": "unknown(self)"}, None),
                ({"rule": "true", "reason": "Nonsense"}, None),
                ({"rule": "true", "message": "a\nb"}, None),
            )
        ),
    ),
    _with(
        "tightened schemas spare what was there",
        definition(spec(f=TEXT, g=TEXT)),
        post(WIDGETS, widget(f="too long", g="1")),
        _schema(_STRICT),
        _served(_STRICT, "too long"),
        merge(W, {"spec": {"g": "2"}}),
        merge(W, {"spec": {"f": "also too long"}}),
        merge(W, {"metadata": {"labels": {"a": "b"}}}),
        apply(W, widget(g="3"), force="true"),
        merge(W, {"spec": {"f": "ok"}}),
        merge(W, {"spec": {"f": "too long"}}),
    ),
    _with(
        "storage moves to another version",
        definition(None, versions=[_version("v1", spec(f=TEXT), storage=True)]),
        post(WIDGETS, widget(f="1")),
        json_patch(
            CRD,
            [
                {"op": "replace", "path": "/spec/versions/0/storage", "value": False},
                {"op": "add", "path": "/spec/versions/-", "value": _version("v2", spec(f=TEXT), storage=True)},
            ],
        ),
        until(f"/apis/{GROUP}/v2/namespaces/{{ns}}/widgets"),
        until(CRD, finds='"storedVersions":["v1","v2"]'),
        get(CRD, pick="status.storedVersions"),
        get(f"/apis/{GROUP}/v2/namespaces/{{ns}}/widgets/w"),
        merge(f"/apis/{GROUP}/v2/namespaces/{{ns}}/widgets/w", {"spec": {"f": "2"}}),
        get(W),
        json_patch(CRD, [{"op": "remove", "path": "/spec/versions/0"}]),
        merge(f"{CRD}/status", {"status": {"storedVersions": ["v2"]}}),
        json_patch(CRD, [{"op": "replace", "path": "/spec/versions/1/served", "value": False}]),
    ),
    _with(
        "deletion waits for finalizers",
        definition(spec(f=TEXT)),
        post(WIDGETS, widget("w", {"finalizers": ["example.com/hold"]})),
        delete(CRD, pick="kind"),
        until(W, finds="deletionTimestamp"),
        get(W),
        until(CRD, finds="InstanceDeletionInProgress"),
        post(WIDGETS, widget("late")),
        merge(W, {"metadata": {"finalizers": None}}),
        until(CRD, 404),
        get(CRD),
    ),
    _with(
        "names that clash",
        definition(spec(f=TEXT), names={"shortNames": ["wd"]}),
        post(
            CRDS,
            definition(spec(f=TEXT), names={"plural": "gadgets", "kind": "Widget"}, name=f"gadgets.{GROUP}"),
            pick="kind",
        ),
        until(f"{CRDS}/gadgets.{GROUP}", finds="NamesAccepted"),
        get(f"{CRDS}/gadgets.{GROUP}", pick="status.conditions.0"),
        get(f"/apis/{GROUP}/v1", pick="resources.1"),
        delete(CRD, pick="kind"),
        until(f"/apis/{GROUP}/v1/namespaces/{{ns}}/gadgets"),
        get(f"{CRDS}/gadgets.{GROUP}", pick="status.acceptedNames"),
        delete(f"{CRDS}/gadgets.{GROUP}", pick="kind"),
    ),
    _with(
        "replaced",
        definition(spec(f=TEXT)),
        put(CRD, definition(spec(f=TEXT, g=TEXT))),
        get(CRD, pick="metadata.generation"),
        post(CRDS, definition(spec(f=TEXT)), pick="reason"),
        apply(CRD, definition(spec(f=TEXT, h=TEXT)), "two", pick="reason"),
        apply(CRD, definition(spec(f=TEXT, h=TEXT)), "two", force="true", pick="spec"),
        apply(CRD, definition(spec(f=TEXT, h=TEXT)), "two", force="true", pick="metadata.generation"),
    ),
    case(
        "definitions: parts that are refused",
        *(
            post(CRDS, each)
            for each in (
                definition(spec(f={**TEXT, "nullable": True, "default": None})),
                definition(
                    {**spec(f=TEXT), "properties": {"metadata": {"type": "object", "properties": {"labels": TEXT}}}}
                ),
                definition(spec(f=TEXT), version={"selectableFields": [{"jsonPath": ".spec.none"}]}),
                definition(spec(f=TEXT), version={"selectableFields": [{"jsonPath": ".metadata.name"}]}),
                definition(
                    spec(f=TEXT),
                    version={"additionalPrinterColumns": [{"name": "x", "type": "sing", "jsonPath": ".a"}]},
                ),
                definition(spec(f=TEXT), version={"additionalPrinterColumns": [{"name": "x", "type": "string"}]}),
                definition(spec(f=TEXT), version={"subresources": {"scale": {"specReplicasPath": ".x"}}}),
                definition(spec(f=TEXT), names={"categories": ["A B"]}),
                definition(spec(f=TEXT), names={"shortNames": ["A"]}),
                definition(spec(f=TEXT), preserveUnknownFields=True),
                definition(spec(f=TEXT), conversion={"strategy": "Webhook"}),
                definition(spec(f={"type": "object", "properties": {"a": TEXT}, "required": ["b"]})),
                definition(spec(f={"type": "integer", "minLength": 1})),
                definition(spec(f={"type": "string", "enum": []})),
                definition(spec(f={"type": "string", "format": "nonsense"})),
                definition(spec(f={"$ref": "#/x"})),
                definition(spec(f={"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "set"})),
            )
        ),
    ),
)
