"""What Kubernetes adds to CEL: functions for lists, regular expressions, URLs, addresses, quantities, versions, formats
and authorization checks.

Follows kubernetes/apiserver ``pkg/cel/library``. Values of types that CEL does not have (a quantity, an address) are
maps with one tagged member, in a canonical form, so that equality is what it should be.
"""

import ipaddress
import math
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import re2

from fluxkit.sandbox.validation import quantity
from fluxkit.sandbox.validation.expressions.formats import FORMATS
from fluxkit.semver import SemVerError, Version

__all__ = ["AUTHORIZER", "INDEX_PREFIX", "NAMED", "PROBLEMS", "Check", "authorizer", "functions"]

INDEX_PREFIX = "kubernetes_"
"""Before the names of functions that the implementation has for texts only."""

PROBLEMS = "problems"
NAMED = "named"
AUTHORIZER: dict[str, Any] = {"kubernetes.authorizer": {}}
"""The value of the variable ``authorizer``."""

Check = Callable[[dict[str, Any]], tuple[bool, str]]
"""From the attributes of a check (path, or group, resource, ... and verb) to the decision and its reason."""

authorizer: ContextVar[Check] = ContextVar("authorizer")
"""Who answers the checks of the expression that runs."""

_Value = dict[str, Any]


def _of(tag: str, value: _Value) -> Any:
    try:
        return value[f"kubernetes.{tag}"]
    except KeyError:
        raise ValueError("no such overload") from None


def _tag(value: _Value) -> str:
    name, *_ = value
    return str(name).removeprefix("kubernetes.")


# Quantities and versions


def _quantity(text: str) -> _Value:
    return _number(quantity.parse(text))


def _number(value: Decimal) -> _Value:
    return {"kubernetes.quantity": f"{value.normalize():f}" if value else "0"}


def _decimal(value: _Value) -> Decimal:
    return Decimal(_of("quantity", value))


def _is(convert: Callable[..., Any]) -> Callable[..., bool]:
    def judge(*arguments: Any) -> bool:
        try:
            convert(*arguments)
        except ValueError:
            return False
        return True

    return judge


def _integer(value: _Value) -> int:
    number = _decimal(value)
    if number != number.to_integral_value() or not -(2**63) <= number < 2**63:
        raise ValueError("cannot convert value to integer")
    return int(number)


def _semver(text: str, normalize: bool = False) -> _Value:
    if normalize:
        core, mark, rest = _split_version(text.removeprefix("v"))
        parts = [part.lstrip("0") or "0" for part in core.split(".")]
        text = ".".join([*parts, "0", "0"][: max(3, len(parts))]) + mark + rest
    try:
        version = Version.strict(text)
    except SemVerError as error:
        raise ValueError(str(error)) from None
    return {"kubernetes.semver": str(version)}


def _split_version(text: str) -> tuple[str, str, str]:
    at = min((found for found in (text.find("-"), text.find("+")) if found >= 0), default=len(text))
    return text[:at], text[at : at + 1], text[at + 1 :]


def _version(value: _Value) -> Version:
    return Version.strict(_of("semver", value))


def _compared(a: _Value, b: _Value) -> int:
    if _tag(a) == "semver":
        return _sign(_version(a), _version(b))
    return _sign(_decimal(a), _decimal(b))


def _sign(a: Any, b: Any) -> int:
    return int(a > b) - int(a < b)


# Addresses


def _ip(given: Any) -> _Value:
    if isinstance(given, dict):
        return {"kubernetes.ip": str(_network(given).network_address if "/" not in _text(given) else _host(given))}
    try:
        address = ipaddress.ip_address(given)
    except ValueError:
        raise ValueError(f'ParseAddr("{given}"): unable to parse IP') from None
    if getattr(address, "ipv4_mapped", None) is not None:
        raise ValueError("IPv4-mapped IPv6 address is not allowed")
    if getattr(address, "scope_id", None):
        raise ValueError("IP address with zone value is not allowed")
    return {"kubernetes.ip": str(address)}


def _address(value: _Value) -> Any:
    return ipaddress.ip_address(_of("ip", value))


def _text(value: _Value) -> str:
    return str(_of("cidr", value))


def _cidr(text: str) -> _Value:
    try:
        interface = ipaddress.ip_interface(text)
        if "/" not in text or not text.rpartition("/")[2].isdigit():
            raise ValueError
    except ValueError:
        raise ValueError(
            f"network address parse error during conversion from string: netip.ParsePrefix(\"{text}\"): no '/'"
            if "/" not in text
            else f'network address parse error during conversion from string: netip.ParsePrefix("{text}")'
        ) from None
    return {"kubernetes.cidr": str(interface)}


def _host(value: _Value) -> Any:
    return ipaddress.ip_interface(_text(value)).ip


def _network(value: _Value) -> Any:
    return ipaddress.ip_interface(_text(value)).network


def _contains_ip(value: _Value, other: Any) -> bool:
    address = _address(other if isinstance(other, dict) else _ip(other))
    network = _network(value)
    return bool(address.version == network.version and address in network)


def _contains_cidr(value: _Value, other: Any) -> bool:
    inner, outer = _network(other if isinstance(other, dict) else _cidr(other)), _network(value)
    return bool(inner.version == outer.version and inner.subnet_of(outer))


def _is_global(value: _Value) -> bool:
    address = _address(value)
    broadcast = address.version == 4 and int(address) == 2**32 - 1
    return not (
        address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local or broadcast
    )


def _is_canonical(text: str) -> bool:
    return str(_of("ip", _ip(text))) == text


# URLs


def _url(text: str) -> _Value:
    problem = f'URL parse error during conversion from string: parse "{text}": invalid URI for request'
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(problem) from None
    if not parts.scheme and not text.startswith("/"):
        raise ValueError(problem)
    query = {key: list(values) for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    host = parts.netloc.rpartition("@")[2]
    name = host.removesuffix(f":{port}") if port is not None else host
    return {
        "kubernetes.url": {
            "scheme": parts.scheme,
            "host": host,
            "hostname": name.removeprefix("[").removesuffix("]"),
            "port": "" if port is None else str(port),
            "path": quote(parts.path, safe="/%:@!$&'()*+,;=~-._"),
            "query": query,
        }
    }


def _part_of_url(name: str) -> Callable[[_Value], Any]:
    return lambda value: _of("url", value)[name]


# Texts and lists


def _find(value: str, pattern: str) -> str:
    found = _searched(pattern).search(value)
    return str(found.group(0)) if found else ""


def _find_all(value: str, pattern: str, limit: int = -1) -> list[str]:
    found = [match.group(0) for match in _searched(pattern).finditer(value)]
    return found if limit < 0 else found[:limit]


def _searched(pattern: str) -> Any:
    try:
        return re2.compile(pattern)
    except re2.error as error:
        raise ValueError(f"Illegal regex: {error}") from None


def _extreme(name: str, choose: Callable[[Iterable[Any]], Any]) -> Callable[[list[Any]], Any]:
    def run(items: list[Any]) -> Any:
        if not items:
            raise ValueError(f"{name} called on empty list")
        return choose(items)

    return run


def _index(items: list[Any], wanted: Any) -> int:
    return next((at for at, each in enumerate(items) if each == wanted), -1)


def _last_index(items: list[Any], wanted: Any) -> int:
    return next((at for at in range(len(items) - 1, -1, -1) if items[at] == wanted), -1)


# Formats


def _named(name: str) -> _Value:
    return {NAMED: {"kubernetes.format": name}} if name in FORMATS else {}


def _validated(value: _Value, text: str) -> _Value:
    problems = FORMATS[_of("format", value)](text)
    return {PROBLEMS: problems} if problems else {}


# Authorization


def _asking(kind: str, *members: str) -> Callable[..., _Value]:
    """A function that adds its arguments to what is asked for."""

    def add(value: _Value, *arguments: str) -> _Value:
        (asked,) = value.values()
        return {f"kubernetes.{kind}": {**asked, **dict(zip(members, arguments, strict=True))}}

    return add


def _check(value: _Value, verb: str) -> _Value:
    (asked,) = value.values()
    allowed, reason = authorizer.get()({**asked, "verb": verb})
    return {"kubernetes.decision": {"allowed": allowed, "reason": reason}}


def functions(cel: Any) -> list[Any]:
    """The declarations, for the implementation's module ``cel``."""
    kinds = cel.Type
    text, boolean, integer, number, mapping, items = (
        kinds.STRING, kinds.BOOL, kinds.INT, kinds.DOUBLE, kinds.MAP, kinds.LIST,
    )  # fmt: skip
    scalars = (integer, kinds.UINT, number, text, boolean, kinds.BYTES, kinds.TIMESTAMP, kinds.DURATION, mapping, items)
    overloads: dict[str, list[Any]] = {}

    def declare(name: str, parameters: list[Any], result: Any, run: Callable[..., Any], *, member: bool = True) -> None:
        made = overloads.setdefault(name, [])
        identity = f"kubernetes_{name.replace('.', '_')}_{'member' if member else 'call'}_{len(made)}"
        made.append(
            cel.Overload(identity, return_type=result, parameters=parameters, is_member=member, impl=run)
        )  # fmt: skip

    def call(name: str, parameters: list[Any], result: Any, run: Callable[..., Any]) -> None:
        declare(name, parameters, result, run, member=False)

    declare("isSorted", [items], boolean, lambda each: all(a <= b for a, b in pairwise(each)))
    declare("sum", [items], kinds.DYN, sum)
    declare("min", [items], kinds.DYN, _extreme("min", min))
    declare("max", [items], kinds.DYN, _extreme("max", max))
    for kind in scalars:
        declare(INDEX_PREFIX + "indexOf", [items, kind], integer, _index)
        declare(INDEX_PREFIX + "lastIndexOf", [items, kind], integer, _last_index)
    declare(INDEX_PREFIX + "indexOf", [text, text], integer, str.find)
    declare(INDEX_PREFIX + "indexOf", [text, text, integer], integer, str.find)
    declare(INDEX_PREFIX + "lastIndexOf", [text, text], integer, str.rfind)
    declare(INDEX_PREFIX + "lastIndexOf", [text, text, integer], integer, lambda a, b, at: a.rfind(b, 0, at + len(b)))
    declare("find", [text, text], text, _find)
    declare("findAll", [text, text], kinds.List(text), _find_all)
    declare("findAll", [text, text, integer], kinds.List(text), _find_all)
    call("url", [text], mapping, _url)
    call("isURL", [text], boolean, _is(_url))
    for name, part in (
        ("getScheme", "scheme"),
        ("getHost", "host"),
        ("getHostname", "hostname"),
        ("getPort", "port"),
        ("getEscapedPath", "path"),
    ):
        declare(name, [mapping], text, _part_of_url(part))
    declare("getQuery", [mapping], mapping, _part_of_url("query"))
    call("ip", [text], mapping, _ip)
    call("isIP", [text], boolean, _is(_ip))
    call("ip.isCanonical", [text], boolean, _is_canonical)
    declare("ip", [mapping], mapping, lambda value: {"kubernetes.ip": str(_host(value))})
    declare("family", [mapping], integer, lambda value: _address(value).version)
    declare("isUnspecified", [mapping], boolean, lambda value: _address(value).is_unspecified)
    declare("isLoopback", [mapping], boolean, lambda value: _address(value).is_loopback)
    declare("isLinkLocalUnicast", [mapping], boolean, lambda value: _address(value).is_link_local)
    declare("isLinkLocalMulticast", [mapping], boolean, _is_link_local_multicast)
    declare("isGlobalUnicast", [mapping], boolean, _is_global)
    call("cidr", [text], mapping, _cidr)
    call("isCIDR", [text], boolean, _is(_cidr))
    for kind in (text, mapping):
        declare("containsIP", [mapping, kind], boolean, _contains_ip)
        declare("containsCIDR", [mapping, kind], boolean, _contains_cidr)
    declare("prefixLength", [mapping], integer, lambda value: _network(value).prefixlen)
    declare("masked", [mapping], mapping, lambda value: {"kubernetes.cidr": str(_network(value))})
    call("quantity", [text], mapping, _quantity)
    call("isQuantity", [text], boolean, _is(_quantity))
    declare("sign", [mapping], integer, lambda value: _sign(_decimal(value), 0))
    declare("isInteger", [mapping], boolean, _is(_integer))
    declare("asInteger", [mapping], integer, _integer)
    declare("asApproximateFloat", [mapping], number, lambda value: _float(_decimal(value)))
    declare("add", [mapping, mapping], mapping, lambda a, b: _number(_decimal(a) + _decimal(b)))
    declare("add", [mapping, integer], mapping, lambda a, b: _number(_decimal(a) + b))
    declare("sub", [mapping, mapping], mapping, lambda a, b: _number(_decimal(a) - _decimal(b)))
    declare("sub", [mapping, integer], mapping, lambda a, b: _number(_decimal(a) - b))
    declare("isGreaterThan", [mapping, mapping], boolean, lambda a, b: _compared(a, b) > 0)
    declare("isLessThan", [mapping, mapping], boolean, lambda a, b: _compared(a, b) < 0)
    declare("compareTo", [mapping, mapping], integer, _compared)
    for parameters in ([text], [text, boolean]):
        call("semver", parameters, mapping, _semver)
        call("isSemver", parameters, boolean, _is(_semver))
    for name in ("major", "minor", "patch"):
        declare(name, [mapping], integer, lambda value, name=name: getattr(_version(value), name))
    call("format.named", [text], mapping, _named)
    declare("validate", [mapping, text], mapping, _validated)
    for name in FORMATS:
        call(f"format.{name}", [], mapping, lambda name=name: {"kubernetes.format": name})
    call("jsonpatch.escapeKey", [text], text, lambda key: key.replace("~", "~0").replace("/", "~1"))
    _declare_authorization(declare, text, boolean, mapping)
    return [cel.FunctionDecl(name, made) for name, made in overloads.items()]


def _declare_authorization(declare: Callable[..., None], text: Any, boolean: Any, mapping: Any) -> None:
    for name, kind in (
        ("path", "pathcheck"),
        ("group", "groupcheck"),
        ("resource", "resourcecheck"),
        ("subresource", "resourcecheck"),
        ("namespace", "resourcecheck"),
        ("name", "resourcecheck"),
        ("fieldSelector", "resourcecheck"),
        ("labelSelector", "resourcecheck"),
    ):
        declare(name, [mapping, text], mapping, _asking(kind, name))
    declare("serviceAccount", [mapping, text, text], mapping, _asking("authorizer", "accountNamespace", "account"))
    declare("check", [mapping, text], mapping, _check)
    declare("allowed", [mapping], boolean, lambda value: _of("decision", value)["allowed"])
    declare("reason", [mapping], text, lambda value: _of("decision", value)["reason"])
    declare("errored", [mapping], boolean, lambda value: not _of("decision", value))
    declare("error", [mapping], text, lambda value: "" if _of("decision", value) else "no decision")


def _is_link_local_multicast(value: _Value) -> bool:
    address = _address(value)
    if address.version == 4:
        return address in ipaddress.ip_network("224.0.0.0/24")
    return bool(address.is_multicast and address.packed[1] & 0x0F == 2)


def _float(value: Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)
