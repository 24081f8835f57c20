"""What ``--help`` prints: description, usage, examples, commands, flags (in the order and style of spf13/cobra)."""

from typing import TYPE_CHECKING, Any

import click

from fluxkit.cli.flagtypes import BOOL, DURATION, SLICE
from fluxkit.durations import format_duration

if TYPE_CHECKING:
    from fluxkit.cli.command import FluxCommand, FluxGroup

__all__ = ["PREVIEW", "help_of"]

PREVIEW = (
    "⚠️  Please note that this command is in preview and under development.\n"
    "While we try our best to not introduce breaking changes, they may occur when\n"
    "we adapt to new features and/or find better ways to facilitate what it does."
)
"""The note below the help of commands that upstream calls a preview."""


def help_of(command: "FluxCommand | FluxGroup", ctx: click.Context) -> str:
    from fluxkit.cli.command import FluxGroup, persistent_options

    parts = [(command.help or "").strip()]
    if isinstance(command, FluxGroup):
        parts.append(f"Usage:\n  {ctx.command_path} [command]")
    else:
        usage = f" {command.usage}" if command.usage else ""
        parts.append(f"Usage:\n  {ctx.command_path}{usage} [flags]")
    if command.aliases:
        parts.append("Aliases:\n  " + ", ".join([str(command.name), *command.aliases]))
    if command.examples:
        parts.append("Examples:\n" + command.examples.strip("\n"))
    if isinstance(command, FluxGroup):
        shown = {name: entry.help for name, entry in command.lazy.items() if not entry.hidden}
        width = max(map(len, shown), default=0)
        parts.append("Available Commands:\n" + "\n".join(f"  {name:<{width}}  {shown[name]}" for name in sorted(shown)))
        own: list[click.Parameter] = [*click.Command.get_params(command, ctx), *command.persistent]
    else:
        own = click.Command.get_params(command, ctx)
    parts.append("Flags:\n" + _flags([param for param in own if isinstance(param, click.Option)]))
    inherited = persistent_options(ctx)
    if inherited:
        parts.append("Global Flags:\n" + _flags(inherited))
    if isinstance(command, FluxGroup):
        parts.append(f'Use "{ctx.command_path} [command] --help" for more information about a command.')
    return "\n\n".join(part for part in parts if part)


def _flags(options: list[click.Option]) -> str:
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
