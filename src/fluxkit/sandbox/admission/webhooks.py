"""Calling webhooks.

Follows kubernetes/apiserver ``pkg/admission/plugin/webhook/{generic,mutating,validating,errors,request}``.
"""

import asyncio
import base64
import binascii
import ssl
import uuid
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from fluxkit import jsonpatch
from fluxkit.objects import Object
from fluxkit.sandbox.admission.operation import Operation
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.conversion import convert
from fluxkit.sandbox.status import StatusError, internal_error
from fluxkit.sandbox.store import Store

__all__ = ["ADDRESS", "CallError", "Hook", "Webhooks"]

ADDRESS = "sandbox.fluxkit.dev/address"
"""Annotation of a Service: ``host:port`` of the process that answers for it."""

_MAX_ANSWER = 10 * 1024 * 1024


class CallError(Exception):
    """A webhook that cannot be asked, or whose answer is none; the text says why."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook of a configuration, and the version of the resource that it wants to see."""

    settings: dict[str, Any]
    seen: Resource

    @property
    def name(self) -> str:
        return str(self.settings.get("name", ""))

    @property
    def ignored(self) -> bool:
        """Whether a failure to call it lets the write pass."""
        return self.settings.get("failurePolicy") == "Ignore"


class Webhooks:
    """Asks webhooks over HTTPS; one connection pool for all of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def mutate(self, operation: Operation, hooks: list[Hook]) -> Object | None:
        """The object as the webhooks leave it, asked one after the other; raises StatusError for a refusal."""
        current = operation.new
        changed: list[Hook] = []
        for hook in hooks:
            result = await self._ask_to_mutate(hook, operation, current)
            if result != current:
                changed.append(hook)
            current = result
        # Those that want to are asked again if somebody after them has changed the object.
        for hook in hooks:
            others = any(hooks.index(each) > hooks.index(hook) for each in changed)
            if hook.settings.get("reinvocationPolicy") == "IfNeeded" and others:
                current = await self._ask_to_mutate(hook, operation, current)
        return current

    async def _ask_to_mutate(self, hook: Hook, operation: Operation, current: Object | None) -> Object | None:
        try:
            response = await self._ask(hook, operation, current)
        except CallError as error:
            self._failed(hook, error)
            return current
        self._heed(hook, operation, response)
        if not response.get("patch") or current is None:
            return current
        try:
            return _patched(hook, response, current, operation.resource)
        except CallError as error:
            self._failed(hook, error)
            return current

    async def validate(self, operation: Operation, hooks: list[Hook]) -> None:
        """Asks all webhooks at once; raises the refusal of the first that refuses."""

        async def judge(hook: Hook) -> StatusError | None:
            try:
                self._heed(hook, operation, await self._ask(hook, operation, operation.new))
            except CallError as error:
                return _unreachable(hook, error) if not hook.ignored else None
            except StatusError as refusal:
                return refusal
            return None

        for refusal in await asyncio.gather(*(judge(hook) for hook in hooks)):
            if refusal is not None:
                raise refusal

    def _failed(self, hook: Hook, error: CallError) -> None:
        if not hook.ignored:
            raise _unreachable(hook, error)

    def _heed(self, hook: Hook, operation: Operation, response: dict[str, Any]) -> None:
        for text in response.get("warnings") or ():
            operation.warn(str(text))
        if not response.get("allowed"):
            raise _refusal(hook, response.get("status") or {})

    async def _ask(self, hook: Hook, operation: Operation, new: Object | None) -> dict[str, Any]:
        """The ``response`` of an AdmissionReview."""
        identity = str(uuid.uuid4())
        request = {"uid": identity, **operation.request}
        seen = hook.seen
        if seen is not operation.resource:
            request["kind"] = {"group": seen.group, "version": seen.version, "kind": seen.kind}
            request["resource"] = {"group": seen.group, "version": seen.version, "resource": seen.plural}
        request["object"] = None if new is None else convert(new, seen)
        request["oldObject"] = None if operation.old is None else convert(operation.old, seen)
        review = {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
        seconds = float(hook.settings.get("timeoutSeconds") or 10)
        url, host = self._place(hook)
        shown = f"{url}?timeout={seconds:g}s"
        try:
            answer = await self._post(shown, host, orjson.dumps(review), hook, seconds)
        except TimeoutError:
            raise CallError(f'failed to call webhook: Post "{shown}": context deadline exceeded') from None
        except (aiohttp.ClientError, OSError) as error:
            raise CallError(f'failed to call webhook: Post "{shown}": {error}') from None
        if not isinstance(answer, dict) or answer.get("kind") != "AdmissionReview":
            raise CallError("expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview")
        response = answer.get("response")
        if not isinstance(response, dict):
            raise CallError("webhook response was absent")
        if response.get("uid") != identity:
            raise CallError(f'expected response.uid="{identity}", got "{response.get("uid", "")}"')
        return response

    def _place(self, hook: Hook) -> tuple[str, str]:
        """URL as messages show it, and where it is to be reached if that differs (``host:port``)."""
        config = hook.settings.get("clientConfig") or {}
        if config.get("url"):
            return str(config["url"]), ""
        service = config.get("service") or {}
        namespace, name = service.get("namespace", ""), service.get("name", "")
        path = (service.get("path") or "").lstrip("/")
        url = f"https://{name}.{namespace}.svc:{service.get('port', 443)}/{path}"
        record = self._store.get("services", (namespace, name))
        if record is None:
            raise CallError(f'failed to call webhook: Post "{url}": service "{name}" not found')
        address = (record.view()["metadata"].get("annotations") or {}).get(ADDRESS)
        if not address:
            raise CallError(
                f'failed to call webhook: Post "{url}": no endpoints available for service "{name}": the sandbox runs '
                f"no containers; annotate the Service with {ADDRESS}: host:port of a process that answers"
            )
        return url, str(address)

    async def _post(self, url: str, host: str, body: bytes, hook: Hook, seconds: float) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        target, name = url, None
        if host:
            scheme, _, rest = url.partition("://")
            name, _, path = rest.partition("/")
            name = name.partition(":")[0]
            target = f"{scheme}://{host}/{path}"
        context = _trust((hook.settings.get("clientConfig") or {}).get("caBundle") or "")
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        async with asyncio.timeout(seconds):
            async with self._session.post(
                target, data=body, headers=headers, ssl=context, server_hostname=name, allow_redirects=False
            ) as answer:
                data = await answer.content.read(_MAX_ANSWER)
                if answer.status != 200:
                    raise CallError(f"the server responded with the status code {answer.status}")
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise CallError(f"invalid response: {error}") from None


def _trust(bundle: str) -> ssl.SSLContext:
    try:
        text = base64.b64decode(bundle).decode() if bundle else None
        return ssl.create_default_context(cadata=text)
    except (ssl.SSLError, binascii.Error, UnicodeDecodeError) as error:
        raise CallError(f"unable to load root certificates: {error}") from None


def _patched(hook: Hook, response: dict[str, Any], current: Object, resource: Resource) -> Object:
    if response.get("patchType") != "JSONPatch":
        raise CallError(f'unsupported patch type "{response.get("patchType", "")}"')
    try:
        operations = orjson.loads(base64.b64decode(response["patch"]))
        patched = jsonpatch.apply_json_patch(orjson.loads(orjson.dumps(convert(current, hook.seen))), operations)
    except (jsonpatch.PatchError, orjson.JSONDecodeError, binascii.Error) as error:
        raise CallError(f"invalid patch: {error}") from None
    if not isinstance(patched, dict) or not isinstance(patched.get("metadata"), dict):
        raise CallError("the patch does not leave an object")
    return convert(patched, resource)


def _unreachable(hook: Hook, error: CallError) -> StatusError:
    return internal_error(f'failed calling webhook "{hook.name}": {error}')


def _refusal(hook: Hook, status: dict[str, Any]) -> StatusError:
    denied = f'admission webhook "{hook.name}" denied the request'
    message, reason = status.get("message"), status.get("reason") or ""
    text = f"{denied}: {message or reason}" if message or reason else f"{denied} without explanation"
    code = max(int(status.get("code") or 0), 400)
    return StatusError(code, reason, text, status.get("details"))
