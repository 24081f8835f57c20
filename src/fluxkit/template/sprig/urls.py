"""Taking URLs apart and putting them together, as Go checks and escapes. Upstream: sprig ``url.go``, ``net/url``."""

import re
from dataclasses import dataclass
from typing import Any, Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.quoting import quote
from fluxkit.template.sprig.declare import declare
from fluxkit.template.values import from_bytes, kind_of, to_bytes

__all__ = ["FUNCTIONS", "parse_url"]

_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
_SAFE: Final = {
    "path": _UNRESERVED | frozenset(b"$&+,/:;=@"),
    "user": _UNRESERVED | frozenset(b"$&+,;="),
    "fragment": _UNRESERVED | frozenset(b"$&+,/:;=?@!()*"),
    "host": _UNRESERVED | frozenset(b"!$&'()*+,;=:[]<>\""),
    "zone": _UNRESERVED | frozenset(b"!$&'()*+,;=:[]<>\""),
}
# What may stand unescaped in a given path or fragment without being escaped anew.
_KEPT: Final = {
    "path": re.compile(rb"(?:[A-Za-z0-9\-_.~!$&'()*+,;=:@\[\]/]|%[0-9A-Fa-f]{2})*"),
    "fragment": re.compile(rb"(?:[A-Za-z0-9\-_.~!$&'()*+,;=:@\[\]/?]|%[0-9A-Fa-f]{2})*"),
}
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})?")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_USERINFO: Final = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_PORT: Final = re.compile(r"(?::[0-9]*)?")


class _Invalid(Exception):
    """A part of the URL is wrong; the text is Go's."""


@dataclass(slots=True)
class _URL:
    scheme: str = ""
    opaque: str = ""
    user: tuple[str, str | None] | None = None
    host: str = ""
    path: str = ""
    raw_path: str = ""
    query: str = ""
    force_query: bool = False
    fragment: str = ""
    raw_fragment: str = ""

    @property
    def hostname(self) -> str:
        host = self.host
        colon = host.rfind(":")
        if colon >= 0 and _PORT.fullmatch(host[colon:]):
            host = host[:colon]
        return host[1:-1] if host.startswith("[") and host.endswith("]") else host

    @property
    def userinfo(self) -> str:
        if self.user is None:
            return ""
        name, password = self.user
        return _escaped(name, "user") + ("" if password is None else ":" + _escaped(password, "user"))

    def __str__(self) -> str:
        out = f"{self.scheme}:" if self.scheme else ""
        if self.opaque:
            out += self.opaque
        else:
            if self.scheme or self.host or self.user is not None:
                if self.host or self.path or self.user is not None:
                    out += "//"
                if self.user is not None:
                    out += self.userinfo + "@"
                out += _escaped(self.host, "host")
            path = _given_or_escaped(self.raw_path, self.path, "path")
            if path and path[0] != "/" and self.host:
                out += "/"
            if not out and ":" in path.partition("/")[0]:
                out += "./"
            out += path
        if self.force_query or self.query:
            out += "?" + self.query
        if self.fragment:
            out += "#" + _given_or_escaped(self.raw_fragment, self.fragment, "fragment")
        return out


def _escaped(text: str, part: str) -> str:
    safe = _SAFE[part]
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in to_bytes(text))


def _given_or_escaped(raw: str, text: str, part: str) -> str:
    """The escaping that was given if it is a valid one of the text."""
    if raw and _KEPT[part].fullmatch(to_bytes(raw)):
        try:
            if _unescaped(raw, part) == text:
                return raw
        except _Invalid:
            pass
    return "*" if part == "path" and text == "*" else _escaped(text, part)


def _unescaped(text: str, part: str) -> str:
    data = to_bytes(text)
    for found in _ESCAPE.finditer(data):
        if found[1] is None:
            raise _Invalid(f"invalid URL escape {quote(from_bytes(data[found.start() : found.start() + 3]))}")
        byte = int(found[1], 16)
        # A host is escaped for non-ASCII bytes only, except for a % before an IPv6 zone.
        if part == "host" and byte < 0x80 and found[0] != b"%25":
            raise _Invalid(f"invalid URL escape {quote(from_bytes(found[0]))}")
        if part == "zone" and found[0] != b"%25" and byte != 0x20 and byte < 0x80 and byte not in _SAFE["zone"]:
            raise _Invalid(f"invalid URL escape {quote(from_bytes(found[0]))}")
    if part in ("host", "zone"):
        for position, byte in enumerate(data):
            if byte < 0x80 and byte != 0x25 and byte not in _SAFE["host"]:
                raise _Invalid(f"invalid character {quote(from_bytes(data[position : position + 1]))} in host name")
    return from_bytes(_ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), data))


def _authority(text: str) -> tuple[tuple[str, str | None] | None, str]:
    userinfo, at, host = text.rpartition("@")
    host = _host(host)
    if not at:
        return None, host
    if not _USERINFO.fullmatch(userinfo):
        raise _Invalid("net/url: invalid userinfo")
    name, colon, password = userinfo.partition(":")
    return (_unescaped(name, "user"), _unescaped(password, "user") if colon else None), host


def _host(host: str) -> str:
    if host.startswith("["):
        end = host.rfind("]")
        if end < 0:
            raise _Invalid("missing ']' in host")
        port = host[end + 1 :]
        if not _PORT.fullmatch(port):
            raise _Invalid(f"invalid port {quote(port)} after host")
        zone = host.find("%25", 0, end)
        if zone >= 0:
            return _unescaped(host[:zone], "host") + _unescaped(host[zone:end], "zone") + _unescaped(host[end:], "host")
    elif ":" in host:
        port = host[host.rfind(":") :]
        if not _PORT.fullmatch(port):
            raise _Invalid(f"invalid port {quote(port)} after host")
    return _unescaped(host, "host")


def _scheme(text: str) -> tuple[str, str]:
    found = _SCHEME.match(text)
    if found:
        return text[: found.end() - 1].lower(), text[found.end() :]
    if text.startswith(":"):
        raise _Invalid("missing protocol scheme")
    return "", text


def parse_url(text: str) -> _URL:
    """``net/url.Parse``; raises FunctionError with its texts."""
    rest, hash_sign, fragment = text.partition("#")
    try:
        url = _without_fragment(rest)
    except _Invalid as problem:
        raise FunctionError(f"parse {quote(rest)}: {problem}") from None
    if hash_sign and fragment:
        try:
            url.fragment = _unescaped(fragment, "fragment")
        except _Invalid as problem:
            raise FunctionError(f"parse {quote(text)}: {problem}") from None
        url.raw_fragment = "" if fragment == _escaped(url.fragment, "fragment") else fragment
    return url


def _without_fragment(text: str) -> _URL:
    if _CONTROL.search(text):
        raise _Invalid("net/url: invalid control character in URL")
    if text == "*":
        return _URL(path="*")
    scheme, rest = _scheme(text)
    url = _URL(scheme=scheme)
    if rest.endswith("?") and rest.count("?") == 1:
        url.force_query, rest = True, rest[:-1]
    else:
        rest, _, url.query = rest.partition("?")
    if not rest.startswith("/"):
        if scheme:
            url.opaque = rest
            return url
        if ":" in rest.partition("/")[0]:
            raise _Invalid("first path segment in URL cannot contain colon")
    if (scheme or not rest.startswith("///")) and rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
        url.user, url.host = _authority(authority)
    url.path = _unescaped(rest, "path")
    url.raw_path = "" if rest == _escaped(url.path, "path") else rest
    return url


def _url_parse(text: str) -> dict[str, Any]:
    try:
        url = parse_url(text)
    except FunctionError as problem:
        raise FunctionError(f"unable to parse url: {problem}") from None
    return {
        "fragment": url.fragment,
        "host": url.host,
        "hostname": url.hostname,
        "opaque": url.opaque,
        "path": url.path,
        "query": url.query,
        "scheme": url.scheme,
        "userinfo": url.userinfo,
    }


def _url_join(parts: dict[str, Any]) -> str:
    def part(key: str) -> str:
        value = parts.get(key, "")
        if not isinstance(value, str):
            kind = kind_of(value)
            raise FunctionError(f"unable to parse {key} key, must be of type string, but {kind} found")
        return value

    url = _URL(
        scheme=part("scheme"),
        host=part("host"),
        path=part("path"),
        query=part("query"),
        opaque=part("opaque"),
        fragment=part("fragment"),
    )
    userinfo = part("userinfo")
    if userinfo:
        try:
            url.user = parse_url(f"proto://{userinfo}@host").user
        except FunctionError as problem:
            raise FunctionError(f"unable to parse userinfo in dict: {problem}") from None
    return str(url)


FUNCTIONS = declare(
    {
        "urlJoin": ("func(map[string]interface {}) string", _url_join),
        "urlParse": ("func(string) map[string]interface {}", _url_parse),
    }
)
"""Name in templates -> Go signature and implementation."""
