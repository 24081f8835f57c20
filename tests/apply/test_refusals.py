"""Reading what an API server refused, and saying it without secrets."""

import base64
from typing import Any

import pytest

from fluxkit.apply.immutable import is_immutable
from fluxkit.apply.redact import mask_secret_pair, redact
from fluxkit.kube.errors import from_status

IMMUTABLE = [
    'Job.batch "x" is invalid: spec.template: Invalid value: {}: field is immutable',
    'Deployment.apps "x" is invalid: spec.selector: Invalid value: {}: field is immutable',
    'Service "x" is invalid: spec.clusterIPs[0]: Invalid value: ["10.0.0.1"]: may not change once set',
    'StatefulSet.apps "x" is invalid: spec: Forbidden: updates to statefulset spec for fields other than '
    "'replicas' are forbidden",
    'PersistentVolumeClaim "x" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests',
    'StorageClass.storage.k8s.io "x" is invalid: parameters: Forbidden: updates to parameters are forbidden.',
    'RoleBinding.rbac.authorization.k8s.io "x" is invalid: roleRef: Invalid value: {}: cannot change roleRef',
    'Pod "x" is invalid: spec: Forbidden: pod updates may not change fields other than `image`',
    'Thing "x" is invalid: spec: Invalid value: "object": Name is immutable',
    'ConfigMap "x" is invalid: data: Forbidden: field is immutable when `immutable` is set',
]
OTHERS = [
    'Deployment.apps "x" is invalid: spec.template.spec.containers[0].image: Required value',
    'Service "x" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range',
    'Deployment.apps "x" is invalid: `selector` does not match template `labels`',
]


def refused(message: str, code: int = 422, reason: str = "Invalid", causes: Any = None) -> Any:
    status: dict[str, Any] = {"code": code, "reason": reason, "message": message}
    if causes is not None:
        status["details"] = {"causes": [{"message": cause} for cause in causes]}
    return from_status(status)


@pytest.mark.contract("KUS-208")
@pytest.mark.parametrize("message", IMMUTABLE)
def test_immutable_fields(message: str) -> None:
    assert is_immutable(refused(message))
    assert is_immutable(refused(message, causes=[message.split(": ", 2)[2]]))


@pytest.mark.parametrize("message", OTHERS)
def test_other_validation_errors_never_justify_a_deletion(message: str) -> None:
    assert not is_immutable(refused(message))
    assert not is_immutable(refused(message, causes=[message, IMMUTABLE[0]]))


@pytest.mark.contract("KUS-208")
def test_webhooks_and_cel_say_it_in_their_own_words() -> None:
    denied = 'admission webhook "x" denied the request: spec.owner is immutable'
    assert is_immutable(refused(denied, 403, "Forbidden"))
    assert is_immutable(refused("immutable field spec.x", 400, "BadRequest"))


def test_a_conflict_is_a_lost_race_not_an_immutable_field() -> None:
    message = "the object has been modified; please apply your changes to the latest version"
    assert not is_immutable(refused(message, 409, "Conflict"))


SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "s"},
    "data": {"token": base64.b64encode(b"hunter2-very-secret").decode(), "pin": base64.b64encode(b"abc").decode()},
    "stringData": {"plain": 'with "quotes" inside'},
}


@pytest.mark.contract("KUS-364")
@pytest.mark.parametrize(
    "leak",
    [
        "hunter2-very-secret",
        SECRET["data"]["token"],
        'Invalid value: "abc"',
        'with "quotes" inside',
        'with \\"quotes\\" inside',
    ],
)
def test_secret_values_do_not_reach_messages(leak: str) -> None:
    text = redact(f"Secret/x/s dry-run failed (Invalid): bad: {leak}!", SECRET)
    assert leak not in text
    assert "***" in text
    assert text.startswith("Secret/x/s dry-run failed (Invalid): bad: ")


def test_other_kinds_are_left_readable() -> None:
    assert (
        redact("value hunter2", {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "hunter2"}}) == "value hunter2"
    )


@pytest.mark.contract("KUS-213", "KUS-364")
def test_a_difference_of_secrets_is_masked() -> None:
    before = {"kind": "Secret", "data": {"same": "a", "changed": "b", "gone": "c"}}
    after = {"kind": "Secret", "data": {"same": "a", "changed": "x", "new": "y"}}
    old, new = mask_secret_pair(before, after)
    assert old["data"] == {"same": "***", "changed": "*** (before)", "gone": "***"}
    assert new["data"] == {"same": "***", "changed": "*** (after)", "new": "***"}
    assert before["data"]["changed"] == "b"
