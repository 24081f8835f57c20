"""What ``--help`` prints: description, usage, examples, commands, flags (in the order and style of spf13/cobra)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from fluxkit.cli.flagtypes import BOOL, DURATION, SLICE
from fluxkit.durations import format_duration

__all__ = ["PREVIEW", "Help"]

PREVIEW = (
    "⚠️  Please note that this command is in preview and under development.\n"
    "While we try our best to not introduce breaking changes, they may occur when\n"
    "we adapt to new features and/or find better ways to facilitate what it does."
)
"""The note below the help of commands that upstream calls a preview."""


@dataclass(frozen=True, slots=True)
class Help:
    """What the help of one command or group shows; ``commands`` are those of a group, with a line for each."""

    path: str
    text: str
    usage: str
    own: Sequence[click.Parameter]
    inherited: Sequence[click.Option]
    aliases: Sequence[str] = ()
    examples: str = ""
    commands: Mapping[str, str] | None = None

    def render(self) -> str:
        parts = [self.text.strip(), f"Usage:\n  {self.path}{self.usage}"]
        if self.aliases:
            parts.append("Aliases:\n  " + ", ".join(self.aliases))
        if self.examples:
            parts.append("Examples:\n" + self.examples.strip("\n"))
        if self.commands is not None:
            width = max(map(len, self.commands), default=0)
            lines = (f"  {name:<{width}}  {line}" for name, line in sorted(self.commands.items()))
            parts.append("Available Commands:\n" + "\n".join(lines))
        parts.append("Flags:\n" + _flags([param for param in self.own if isinstance(param, click.Option)]))
        if self.inherited:
            parts.append("Global Flags:\n" + _flags(self.inherited))
        if self.commands is not None:
            parts.append(f'Use "{self.path} [command] --help" for more information about a command.')
        return "\n\n".join(part for part in parts if part)


def _flags(options: Sequence[click.Option]) -> str:
    lines: list[tuple[str, str]] = []
    for option in sorted(options, key=lambda each: _long(each)):
        if option.hidden:
            continue
        short = next((f"{name}, " for name in option.opts if not name.startswith("--")), "    ")
        kind = "" if option.type is BOOL or option.is_flag else f" {option.type.name}"
        kind = " string" if kind == " text" else kind
        lines.append((f"  {short}{_long(option)}{kind}", (option.help or "") + _default(option)))
    width = max((len(left) for left, _ in lines), default=0)
    return "\n".join(f"{left:<{width}}   {right}" for left, right in lines)


def _long(option: click.Option) -> str:
    return next((name for name in option.opts if name.startswith("--")), option.opts[0])


def _default(option: click.Option) -> str:
    value: Any = option.default
    if option.is_flag or not value or callable(value):
        return ""
    if option.type is DURATION:
        return f" (default {format_duration(value)})"
    if option.type is SLICE:
        return f" (default [{','.join(value[0])}])"
    if option.type is BOOL:
        return " (default true)"
    if isinstance(value, str):
        return f' (default "{value}")'
    return f" (default {value})"
