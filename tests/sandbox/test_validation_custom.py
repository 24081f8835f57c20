"""Custom resources by their structural schema and CEL rules."""

import copy
from typing import Any

import pytest

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import CustomVersion, Resource
from fluxkit.sandbox.status import StatusError
from fluxkit.sandbox.validation import Schemas, SchemaTypeChecks
from fluxkit.sandbox.validation.cel import compile_problem


def served(spec: dict[str, Any]) -> Resource:
    schema = {"type": "object", "properties": {"spec": {"type": "object", **spec}}}
    return Resource("x.io", "v1", "Widget", "widgets", "widget", True, custom=CustomVersion("widgets.x.io", schema))


def widget(spec: Any) -> Object:
    return {"apiVersion": "x.io/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "d"}, "spec": spec}


def admit(schema: dict[str, Any], spec: Any, mode: str = "Ignore", warnings: list[str] | None = None) -> Any:
    checks = SchemaTypeChecks(Schemas())
    return checks.admit(served(schema), widget(copy.deepcopy(spec)), None, mode, warnings)["spec"]


def problems(schema: dict[str, Any], spec: Any, old: Any = None) -> list[str]:
    checks = SchemaTypeChecks(Schemas())
    before = widget(old) if old is not None else None
    return [f"{each.field}: {each.message}" for each in checks.validate(served(schema), widget(spec), before)]


def field(**schema: Any) -> dict[str, Any]:
    return {"properties": {"f": schema}}


# Pruning and defaulting


@pytest.mark.parametrize(
    ("schema", "given", "wanted", "unknown"),
    [
        (field(type="string"), {"f": "x", "g": 1}, {"f": "x"}, ["spec.g"]),
        ({"x-kubernetes-preserve-unknown-fields": True}, {"g": {"h": 1}}, {"g": {"h": 1}}, []),
        (
            {
                "x-kubernetes-preserve-unknown-fields": True,
                **field(type="object", properties={"a": {"type": "string"}}),
            },
            {"f": {"a": "1", "b": 2}, "g": 1},
            {"f": {"a": "1"}, "g": 1},
            ["spec.f.b"],
        ),
        (
            field(type="array", items={"type": "object", "properties": {"a": {"type": "string"}}}),
            {"f": [{"a": "1"}, {"b": 1}]},
            {"f": [{"a": "1"}, {}]},
            ["spec.f[1].b"],
        ),
        (
            field(type="object", additionalProperties={"type": "object", "properties": {}}),
            {"f": {"k": {"x": 1}}},
            {"f": {"k": {}}},
            ["spec.f.k.x"],
        ),
    ],
)
def test_pruning(schema: dict[str, Any], given: Any, wanted: Any, unknown: list[str]) -> None:
    warnings: list[str] = []
    assert admit(schema, given, "Warn", warnings) == wanted
    assert warnings == [f'unknown field "{path}"' for path in unknown]


def test_strict_refuses_what_pruning_would_drop() -> None:
    with pytest.raises(StatusError) as raised:
        admit(field(type="string"), {"g": 1}, "Strict")
    text = 'Widget in version "v1" cannot be handled as a Widget: strict decoding error: unknown field "spec.g"'
    assert (raised.value.code, raised.value.message) == (400, text)


@pytest.mark.parametrize(
    ("schema", "given", "wanted"),
    [
        (field(type="integer", default=3), {}, {"f": 3}),
        (field(type="integer", default=3), {"f": 5}, {"f": 5}),
        (field(type="integer", default=3), {"f": None}, {"f": 3}),
        (field(type="integer", default=3, nullable=True), {"f": None}, {"f": None}),
        (field(type="object", properties={"a": {"type": "string", "default": "x"}}), {}, {}),
        (field(type="object", default={}, properties={"a": {"type": "string", "default": "x"}}), {}, {"f": {"a": "x"}}),
        (
            field(type="array", items={"type": "object", "properties": {"a": {"type": "string", "default": "x"}}}),
            {"f": [{}]},
            {"f": [{"a": "x"}]},
        ),
    ],
)
def test_defaulting(schema: dict[str, Any], given: Any, wanted: Any) -> None:
    assert admit(schema, given) == wanted


# Validation


@pytest.mark.parametrize(
    ("schema", "spec", "wanted"),
    [
        ({"required": ["f"]}, {}, "spec.f: Required value"),
        (field(type="string"), {"f": 1}, 'spec.f: Invalid value: "integer": spec.f in body must be of type string: "integer"'),
        (field(type="string"), {"f": None}, 'spec.f: Invalid value: "null": spec.f in body must be of type string: "null"'),
        (field(type="string", enum=["a", "b"]), {"f": "c"}, 'spec.f: Unsupported value: "c": supported values: "a", "b"'),
        (field(type="string", pattern="^a+$"), {"f": "b"}, "spec.f: Invalid value: \"b\": spec.f in body should match '^a+$'"),
        (field(type="integer", minimum=1), {"f": 0}, "spec.f: Invalid value: 0: spec.f in body should be greater than or equal to 1"),
        (field(type="integer", maximum=1), {"f": 2}, "spec.f: Invalid value: 2: spec.f in body should be less than or equal to 1"),
        (field(type="string", maxLength=2), {"f": "abc"}, "spec.f: Too long: may not be more than 2 bytes"),
        (field(type="string", minLength=2), {"f": "a"}, 'spec.f: Invalid value: "a": spec.f in body should be at least 2 chars long'),
        (field(type="array", maxItems=1, items={"type": "string"}), {"f": ["a", "b"]}, "spec.f: Too many: 2: must have at most 1 item"),
        (field(type="array", minItems=1, items={"type": "string"}), {"f": []}, "spec.f: Invalid value: 0: spec.f in body should have at least 1 items"),
        (field(type="string", format="date-time"), {"f": "x"}, 'spec.f: Invalid value: "x": spec.f in body must be of type date-time: "x"'),
        (field(type="array", items={"type": "integer"}), {"f": [1, "x"]}, 'spec.f[1]: Invalid value: "string": spec.f[1] in body must be of type integer: "string"'),
        (field(type="object", additionalProperties={"type": "integer"}), {"f": {"k": "x"}}, 'spec.f.k: Invalid value: "string": spec.f.k in body must be of type integer: "string"'),
        (field(**{"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}), {"f": ["a", "a"]}, 'spec.f[1]: Duplicate value: "a"'),
        (field(**{"x-kubernetes-int-or-string": True}), {"f": []}, 'spec.f: Invalid value: "array": spec.f in body must be of type integer,string: "array"'),
        (field(**{"type": "object", "x-kubernetes-embedded-resource": True}), {"f": {"kind": "Pod"}}, "spec.f.apiVersion: Required value"),
        ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}], "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}, {}, '<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found none valid'),
    ],
)  # fmt: skip
def test_what_a_schema_refuses(schema: dict[str, Any], spec: Any, wanted: str) -> None:
    assert problems(schema, spec) == [wanted]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "number"}, 1),
        ({"type": "integer"}, 2.0),
        ({"x-kubernetes-int-or-string": True}, "80%"),
        ({"type": "string", "format": "duration"}, "1h30m"),
        ({"type": "string", "format": "whatever"}, "x"),
        ({"type": "string", "nullable": True}, None),
    ],
)
def test_what_a_schema_accepts(schema: dict[str, Any], value: Any) -> None:
    assert problems(field(**schema), {"f": value}) == []


# Rules


def rule(text: str, **more: Any) -> dict[str, Any]:
    return {"x-kubernetes-preserve-unknown-fields": True, "x-kubernetes-validations": [{"rule": text, **more}]}


@pytest.mark.parametrize(
    ("schema", "spec", "old", "wanted"),
    [
        (rule("self.a > 1", message="too small"), {"a": 1}, None, ["spec: Invalid value: too small"]),
        (rule("self.a > 1"), {"a": 2}, None, []),
        (rule("self.a > 1"), {"a": 1}, None, ["spec: Invalid value: failed rule: self.a > 1"]),
        (rule("!has(self.b) || self.b == 'x'"), {}, None, []),
        (rule("self.a == oldSelf.a", message="frozen"), {"a": 1}, None, []),
        (rule("self.a == oldSelf.a", message="frozen"), {"a": 1}, {"a": 2}, ["spec: Invalid value: frozen"]),
        (rule("oldSelf.hasValue() || self.a == 1", optionalOldSelf=True), {"a": 2}, None, ["spec: Invalid value: failed rule: oldSelf.hasValue() || self.a == 1"]),
        (rule("!oldSelf.hasValue() || self.a >= oldSelf.value().a", optionalOldSelf=True), {"a": 2}, {"a": 1}, []),
        (rule("self.a > 1", messageExpression="'got ' + string(self.a)"), {"a": 1}, None, ["spec: Invalid value: got 1"]),
        (rule("self.a > 1", reason="FieldValueForbidden", message="no", fieldPath=".a"), {"a": 1}, None, ["spec.a: Forbidden: no"]),
        (rule("self.list.isSorted() && self.list.sum() == 3"), {"list": [1, 2]}, None, []),
        (rule("self.a == 1"), {}, None, ['spec: Invalid value: "object": no such key: a evaluating rule: failed rule: self.a == 1']),
        (field(**{"type": "string", "x-kubernetes-validations": [{"rule": "self.startsWith('a')"}]}), {"f": "b"}, None, ["spec.f: Invalid value: \"b\": failed rule: self.startsWith('a')"]),
    ],
)  # fmt: skip
def test_rules(schema: dict[str, Any], spec: Any, old: Any, wanted: list[str]) -> None:
    assert problems(schema, spec, old) == wanted


def test_items_of_keyed_lists_are_compared_with_what_they_were() -> None:
    items = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "size": {"type": "integer"}},
        "x-kubernetes-validations": [{"rule": "self.size >= oldSelf.size", "message": "may not shrink"}],
    }
    schema = field(
        **{"type": "array", "items": items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    )
    old = {"f": [{"name": "a", "size": 2}, {"name": "b", "size": 2}]}
    new = {"f": [{"name": "new", "size": 0}, {"name": "b", "size": 1}]}
    assert problems(schema, new, old) == ["spec.f[1]: Invalid value: may not shrink"]


def test_names_that_cel_cannot_spell_are_escaped() -> None:
    schema = {**field(type="integer"), "x-kubernetes-validations": [{"rule": "self.a__dash__b > 1"}]}
    schema["properties"]["a-b"] = {"type": "integer"}
    assert problems(schema, {"a-b": 1}) == ["spec: Invalid value: failed rule: self.a__dash__b > 1"]


@pytest.mark.parametrize(
    "text",
    [
        # quantities
        "quantity('200M').compareTo(quantity('0.2G')) == 0 && quantity('1k') == quantity('1000')",
        "quantity('150Mi').isGreaterThan(quantity('100Mi')) && quantity('50M').isLessThan(quantity('100M'))",
        "quantity('50k').add(20).sub(quantity('100k')).sub(-50000) == quantity('20')",
        "quantity('50k').asInteger() == 50000 && !quantity('1.5').isInteger() && quantity('-1').sign() == -1",
        "quantity('50k').sub(20000).asApproximateFloat() == 30000.0",
        "isQuantity('1.3Gi') && !isQuantity('200K')",
        # addresses
        "ip('127.0.0.1').isLoopback() && ip('::1').family() == 6 && ip('0.0.0.0').isUnspecified()",
        "ip('224.0.0.1').isLinkLocalMulticast() && ip('169.254.169.254').isLinkLocalUnicast()",
        "ip('192.168.0.1').isGlobalUnicast() && !ip('255.255.255.255').isGlobalUnicast()",
        "ip('2001:db8::abcd') == ip('2001:DB8::ABCD') && ip.isCanonical('2001:db8::abcd')",
        "!isIP('127.0.0.1.0') && !isIP('::ffff:1.2.3.4') && !ip.isCanonical('2001:DB8::ABCD')",
        "cidr('192.168.0.0/24').containsIP('192.168.0.1') && cidr('192.168.0.0/24').containsIP(ip('192.168.0.1'))",
        "cidr('192.168.0.0/16').containsCIDR('192.168.10.0/24') && !cidr('10.0.0.0/8').containsCIDR(cidr('::/0'))",
        "cidr('192.168.1.5/24').masked() == cidr('192.168.1.0/24') && cidr('192.168.1.5/24').ip() == ip('192.168.1.5')",
        "cidr('10.0.0.0/8').prefixLength() == 8 && isCIDR('::1/128') && !isCIDR('10.0.0.0/999') && !isCIDR('10.0.0.0')",
        # URLs
        "url('https://example.com:80/a b?k=v&k=w').getHost() == 'example.com:80'",
        "url('https://[::1]:80/').getHostname() == '::1' && url('https://[::1]:80/').getPort() == '80'",
        "url('https://example.com/a b').getEscapedPath() == '/a%20b' && url('/path').getScheme() == ''",
        "url('https://example.com/?k=v&k=w').getQuery()['k'] == ['v', 'w'] && isURL('/x') && !isURL('../x')",
        # lists, sets, regular expressions
        "[1, 2, 2].indexOf(2) == 1 && [1, 2, 2].lastIndexOf(2) == 2 && 'hello'.indexOf('l') == 2 && ['a'].indexOf('b') < 0",
        "[3, 1].min() == 1 && [3, 1].max() == 3 && ['a', 'b'].isSorted() && [1.5, 2.5].sum() == 4.0",
        "sets.contains([1, 2], [2]) && sets.equivalent([1], [1, 1]) && !sets.intersects([1], [2])",
        "'abc 123'.find('[0-9]+') == '123' && '1 2 3'.findAll('[0-9]', 2) == ['1', '2']",
        "[1, 2].all(i, v, v > i) && {'a': 1}.transformList(k, v, k) == ['a']",
        # formats and versions
        "!format.dns1123Label().validate('my-name').hasValue()",
        "format.dns1123Label().validate('No').value()[0].startsWith('a lowercase RFC 1123 label')",
        "format.named('uuid').hasValue() && !format.named('nonsense').hasValue()",
        "format.named('date').value().validate('tomorrow').orValue([]) == ['invalid date']",
        "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('v1.0', true) == semver('1.0.0') && !isSemver('v1.0')",
        "semver('1.2.3-rc.1').major() == 1 && semver('1.2.3').compareTo(semver('1.2.3-rc.1')) == 1",
        "jsonpatch.escapeKey('k8s.io/my~label') == 'k8s.io~1my~0label'",
    ],
)
def test_functions_that_kubernetes_adds(text: str) -> None:
    assert problems(rule(text), {}) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("quantity('Three').sign() == 1", "quantities must match the regular expression"),
        ("ip('1.2.3') == ip('1.2.3.4')", "unable to parse IP"),
        ("[].min() == 1", "min called on empty list"),
        ("quantity('1').family() == 4", "'no such overload': call arguments did not match a supported operator"),
    ],
)
def test_values_that_functions_refuse(text: str, problem: str) -> None:
    (found,) = problems(rule(text), {})
    assert problem in found


def test_rules_beside_dates_and_durations() -> None:
    schema = {"x-kubernetes-validations": [{"rule": "timestamp(self.f) < timestamp('2030-01-01T00:00:00Z')"}]}
    assert problems({**field(type="string", format="date-time"), **schema}, {"f": "2020-01-01T00:00:00Z"}) == []


def test_a_rule_that_does_too_much_ends_the_evaluation() -> None:
    text = "self.l.all(a, self.l.all(b, self.l.all(c, a + b + c >= 0)))"
    schema = rule(text)
    schema["x-kubernetes-validations"].append({"rule": "false"})
    wanted = (
        "'operation cancelled: actual cost limit exceeded': no further validation rules will be run due to call cost"
    )
    (found,) = problems(schema, {"l": list(range(100))})
    assert found.startswith(f'spec: Invalid value: "object": {wanted} exceeds limit for rule: ')


def test_rules_that_do_not_compile_are_refused_with_their_definition() -> None:
    assert compile_problem("self.a >").startswith("ERROR: <input>:1:9: Syntax error: mismatched input '<EOF>'")
    assert "undeclared reference to 'nonsense'" in compile_problem("nonsense(self)")
    assert compile_problem("oldSelf.hasValue() || self.a == 1", optional_old=True) == ""
