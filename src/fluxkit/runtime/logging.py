"""Structured logs with the field names that upstream's controllers write and ``flux logs`` reads.

One line per record on standard error: JSON (``level``, ``ts``, ``logger``, ``msg``, then the fields, then
``stacktrace``) or tab separated for people, as zap's encoders do (fluxcd/pkg ``runtime/logger/logger.go``). Records of
the Kubernetes client and other libraries, which use the standard library's logging, come out in the same form under the
logger name ``runtime``.

Nothing secret is meant to be logged; as a second line of defence, credentials in URLs and bearer tokens are masked in
every line, and :func:`mask` removes known tokens from texts.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO, get_args

import orjson

__all__ = ["TRACE", "Encoding", "Level", "Logger", "get_logger", "mask", "mask_credentials", "setup"]

TRACE = 5
"""The level below debug."""

Level = Literal["trace", "debug", "info", "error"]
Encoding = Literal["json", "console"]
Fields = Mapping[str, Any]

_LEVELS = {"trace": TRACE, "debug": logging.DEBUG, "info": logging.INFO, "error": logging.ERROR}
_ROOT = "fluxkit.log"
_MASK = "*****"
_URL_CREDENTIALS = re.compile(r"(?i)(\bhttps?://)[^/@\s\"']+(?=@)|((?:://)[^/@:\s\"']*:)[^/@\s\"']+(?=@)")
_AUTHORIZATION = re.compile(
    r"(?i)(\bauthorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic)\s+|\bbearer\s+(?=\S{20}))[A-Za-z0-9._~+/-]+=*"
)


def mask(text: str, secrets: Iterable[str]) -> str:
    """The text with every occurrence of the secrets replaced (fluxcd/pkg ``masktoken``)."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _MASK)
    return text


def mask_credentials(text: str) -> str:
    """The text without passwords in URLs, without any user information in HTTP ones, and without HTTP credentials."""
    if "://" in text:
        text = _URL_CREDENTIALS.sub(lambda found: (found[1] or found[2]) + _MASK, text)
    return _AUTHORIZATION.sub(r"\1" + _MASK, text)


class Logger:
    """A logger with fixed fields; :meth:`bind` adds more.

    Methods take a message and fields, either as keywords or, for names that are not identifiers, as a mapping.
    """

    __slots__ = ("fields", "name")

    def __init__(self, name: str = "", fields: Fields | None = None) -> None:
        self.name = name
        self.fields: Fields = fields or {}

    def bind(self, fields: Fields | None = None, /, **more: Any) -> "Logger":
        return Logger(self.name, {**self.fields, **(fields or {}), **more})

    def enabled(self, level: Level) -> bool:
        return logging.getLogger(_ROOT).isEnabledFor(_LEVELS[level])

    def trace(self, msg: str, fields: Fields | None = None, /, **more: Any) -> None:
        self._log(TRACE, msg, fields, more, None)

    def debug(self, msg: str, fields: Fields | None = None, /, **more: Any) -> None:
        self._log(logging.DEBUG, msg, fields, more, None)

    def info(self, msg: str, fields: Fields | None = None, /, **more: Any) -> None:
        self._log(logging.INFO, msg, fields, more, None)

    def error(
        self, msg: str, fields: Fields | None = None, /, *, error: BaseException | str | None = None, **more: Any
    ) -> None:
        """Logs a failure; ``error`` becomes the field of that name, its stack is added at levels trace and debug."""
        self._log(logging.ERROR, msg, fields, more, error)

    def _log(
        self, level: int, msg: str, fields: Fields | None, more: Fields, error: BaseException | str | None
    ) -> None:
        sink = logging.getLogger(_ROOT)
        if not sink.isEnabledFor(level):
            return
        merged = {**self.fields, **(fields or {}), **more}
        stack = ""
        if error is not None:
            merged["error"] = str(error) or type(error).__name__
            if isinstance(error, BaseException) and error.__traceback__ is not None:
                stack = "".join(traceback.format_exception(error)).rstrip()
        record = logging.LogRecord(_ROOT, level, "", 0, msg, None, None)
        record.__dict__["fluxkit"] = (self.name, merged, stack)
        sink.handle(record)


def get_logger(name: str = "", **fields: Any) -> Logger:
    return Logger(name, fields)


class _Formatter(logging.Formatter):
    def __init__(self, encoding: Encoding, stacks: bool) -> None:
        super().__init__()
        self._json = encoding == "json"
        self._stacks = stacks

    def format(self, record: logging.LogRecord) -> str:
        own: tuple[str, dict[str, Any], str] | None = getattr(record, "fluxkit", None)
        fields: dict[str, Any]
        if own is not None:
            name, fields, stack = own
        else:
            name, fields, stack = "runtime", {}, ""
            if record.exc_info and record.exc_info[1] is not None:
                error = record.exc_info[1]
                fields = {"error": str(error) or type(error).__name__}
                stack = "".join(traceback.format_exception(error)).rstrip()
        level = _level_name(record.levelno)
        moment = datetime.fromtimestamp(record.created, UTC)
        ts = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
        message = record.getMessage()
        if stack and self._stacks:
            fields = {**fields, "stacktrace": stack}
        if self._json:
            line: dict[str, Any] = {"level": level, "ts": ts}
            if name:
                line["logger"] = name
            line["msg"] = message
            return mask_credentials(_dump({**line, **fields}))
        columns = [ts, level.upper(), *([name] if name else []), message, *([_dump(fields)] if fields else [])]
        return mask_credentials("\t".join(columns))


def _dump(fields: dict[str, Any]) -> str:
    return orjson.dumps(fields, default=str, option=orjson.OPT_NON_STR_KEYS).decode(errors="replace")


def _level_name(level: int) -> str:
    if level < logging.DEBUG:
        return "trace"
    if level < logging.INFO:
        return "debug"
    if level < logging.ERROR:
        return "info"
    return "error"


def setup(level: Level = "info", encoding: Encoding = "json", stream: TextIO | None = None) -> None:
    """Directs all logs of the process to ``stream`` (standard error), replacing what was set up before.

    Raises ``ValueError`` for an unknown level or encoding.
    """
    if level not in _LEVELS:
        raise ValueError(f"log level {level!r} is not one of {', '.join(get_args(Level))}")
    if encoding not in get_args(Encoding):
        raise ValueError(f"log encoding {encoding!r} is not one of {', '.join(get_args(Encoding))}")
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(_Formatter(encoding, stacks=level in ("trace", "debug")))
    root = logging.getLogger()
    for old in [existing for existing in root.handlers if isinstance(existing.formatter, _Formatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])
    # libraries narrate their inner life at debug; a user who asks for it wants the controllers' account
    for library in ("asyncio", "aiohttp"):
        logging.getLogger(library).setLevel(max(logging.INFO, _LEVELS[level]))
