"""The grammar of the command line: commands, groups and flags on top of click, behaving as spf13/cobra does.

What differs from click and why: a switch takes a value as well (``--prune=false``), persistent flags are read before
and after the verb alike, the errors are upstream's texts, and a group imports a command only when it is asked for.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import BOOL, SLICE
from fluxkit.cli.help import Help
from fluxkit.cli.namespaces import settle_namespace
from fluxkit.cli.settings import Settings

if TYPE_CHECKING:
    from fluxkit.cli.kinds import Kind

__all__ = ["FluxCommand", "FluxGroup", "Lazy", "flag", "lazy", "persistent_options", "switch"]

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _flatten(ctx: click.Context, param: click.Parameter, values: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple(item for value in values for item in value)


def option(*names: str, **attributes: Any) -> click.Option:
    """A flag as click knows it: lists are flattened, and the help shows defaults as upstream's does."""
    if attributes.get("type") is SLICE:
        given = attributes.pop("callback", None)

        def callback(ctx: click.Context, param: click.Parameter, values: tuple[tuple[str, ...], ...]) -> Any:
            flat = _flatten(ctx, param, values)
            return given(ctx, param, flat) if given else flat

        attributes = {**attributes, "multiple": True, "callback": callback}
        attributes["default"] = [attributes["default"]] if attributes.get("default") else []
    elif attributes.get("type") is None and "default" not in attributes:
        attributes["default"] = ""
    return click.Option(names, **attributes)


def flag(*names: str, **attributes: Any) -> Decorator:
    """Decorate a command's function with a flag that takes a value; without ``type`` it is text, empty by default."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        # click's own decorators collect the parameters in this attribute, last one first
        function.__dict__.setdefault("__click_params__", []).append(option(*names, **attributes))
        return function

    return decorate


def switch(*names: str, default: bool = False, **attributes: Any) -> Decorator:
    """Decorate a command's function with a flag that is true when given alone: ``--prune`` or ``--prune=true``."""
    return flag(*names, type=BOOL, default=default, **attributes)


def persistent_options(ctx: click.Context) -> list[click.Option]:
    """The flags that the groups above a command lend to it."""
    options: list[click.Option] = []
    parent = ctx.parent
    while parent is not None:
        if isinstance(parent.command, FluxGroup):
            options += parent.command.persistent
        parent = parent.parent
    return options


class FluxCommand(click.Command):
    """A command that does something."""

    checks_namespace = True
    """Whether the namespace may follow the kubeconfig context and must be a DNS label (not so below ``create``)."""

    def __init__(
        self,
        *args: Any,
        examples: str = "",
        aliases: Sequence[str] = (),
        usage: str = "",
        object_kind: "Kind | None" = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.object_kind = object_kind
        self.examples = examples
        self.aliases = tuple(aliases)
        self.usage = usage
        self.context_settings.setdefault("help_option_names", ["-h", "--help"])

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), *persistent_options(ctx)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        params = self.get_params(ctx)
        flags, positional = _split(args, [param for param in params if isinstance(param, click.Option)])
        slots = [param for param in params if isinstance(param, click.Argument)]
        if len(positional) > len(slots) and not any(slot.nargs == -1 for slot in slots):
            raise CommandError(f'unexpected argument "{positional[len(slots)]}" for "{ctx.command_path}"')
        return super().parse_args(ctx, [*flags, "--", *positional])

    def invoke(self, ctx: click.Context) -> Any:
        settle_namespace(ctx.ensure_object(Settings), checked=self.checks_namespace)
        return super().invoke(ctx)

    def get_help(self, ctx: click.Context) -> str:
        return Help(
            path=ctx.command_path,
            text=self.help or "",
            usage=f" {self.usage} [flags]" if self.usage else " [flags]",
            own=super().get_params(ctx),
            inherited=persistent_options(ctx),
            aliases=_names(self.name, self.aliases),
            examples=self.examples,
        ).render()


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command that is not loaded yet, with what the help of its group shows."""

    load: Callable[[], click.Command]
    help: str
    aliases: tuple[str, ...] = ()
    hidden: bool = False


def lazy(module: str, attribute: str, help_line: str, *aliases: str, hidden: bool = False) -> Lazy:
    """A command in a module of this package that is imported on use."""

    def load() -> click.Command:
        command = getattr(import_module(f"fluxkit.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    return Lazy(load, help_line, aliases, hidden)


class FluxGroup(click.Group):
    """A command that has commands below it, and flags that all of those understand."""

    def __init__(
        self,
        name: str,
        commands: dict[str, Lazy],
        *,
        help: str,
        persistent: Iterable[click.Option] = (),
        examples: str = "",
        aliases: Sequence[str] = (),
    ) -> None:
        super().__init__(name, help=help)
        self.lazy = commands
        self.persistent = list(persistent)
        self.examples = examples
        self.aliases = tuple(aliases)
        self.usage = ""
        self.context_settings.setdefault("help_option_names", ["-h", "--help"])

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, command in self.lazy.items() if not command.hidden]

    def find(self, name: str) -> str | None:
        """The name behind a name or an alias."""
        if name in self.lazy:
            return name
        return next((known for known, command in self.lazy.items() if name in command.aliases), None)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = self.find(cmd_name)
        return self.lazy[name].load() if name else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = self.find(args[0])
        if name is None:
            raise CommandError(f'unknown command "{args[0]}" for "{ctx.command_path}"', advice=self._similar(args[0]))
        return name, self.get_command(ctx, name), args[1:]

    def _similar(self, name: str) -> tuple[str, ...]:
        from difflib import get_close_matches

        found = get_close_matches(name, [each for each in self.lazy if not self.lazy[each].hidden])
        return ("", "Did you mean this?", *(f"\t{each}" for each in found)) if found else ()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Move persistent flags behind the name of the command, which alone reads them."""
        options = [*self.persistent, *persistent_options(ctx)]
        moved: list[str] = []
        rest = list(args)
        while rest and rest[0].startswith("-") and rest[0] not in ("-h", "--help"):
            found = _match(rest[0], options)
            if found is None:
                own = {name for param in self.params for name in param.opts}
                if rest[0] in own:
                    break
                raise _unknown(rest[0])
            taken = 1 if found.type is BOOL or _has_value(rest[0]) else 2
            moved += rest[:taken]
            rest = rest[taken:]
        if not rest:
            click.echo(self.get_help(ctx))
            ctx.exit()
        if not rest[0].startswith("-"):
            rest = [rest[0], *moved, *rest[1:]]
        return super().parse_args(ctx, rest)

    def get_help(self, ctx: click.Context) -> str:
        return Help(
            path=ctx.command_path,
            text=self.help or "",
            usage=" [command]",
            own=[*super().get_params(ctx), *self.persistent],
            inherited=persistent_options(ctx),
            aliases=_names(self.name, self.aliases),
            examples=self.examples,
            commands={name: entry.help for name, entry in self.lazy.items() if not entry.hidden},
        ).render()


def _names(name: str | None, aliases: Sequence[str]) -> tuple[str, ...]:
    """What the help lists as aliases: all names, if there is more than one."""
    return (str(name), *aliases) if aliases else ()


def _has_value(token: str) -> bool:
    return "=" in token if token.startswith("--") else len(token) > 2


def _match(token: str, options: Sequence[click.Option]) -> click.Option | None:
    """The option of ``--name``, ``--name=value``, ``-n`` or ``-nvalue``."""
    name = token.partition("=")[0] if token.startswith("--") else token[:2]
    return next((option for option in options if name in option.opts), None)


def _unknown(token: str) -> CommandError:
    name = token.partition("=")[0]
    if name.startswith("--"):
        return CommandError(f"unknown flag: {name}")
    return CommandError(f"unknown shorthand flag: '{name[1:2]}' in {token}")


def _split(args: Sequence[str], options: Sequence[click.Option]) -> tuple[list[str], list[str]]:
    """Flags, each as one ``--name=value``, and positional arguments, as spf13/pflag reads them."""
    flags: list[str] = []
    positional: list[str] = []
    rest = list(args)
    while rest:
        token = rest.pop(0)
        if token == "--":
            return flags, positional + rest
        if not token.startswith("-") or token == "-":
            positional.append(token)
        elif token.startswith("--"):
            name, given, value = token.partition("=")
            flags.append(_flag(name, value if given else None, rest, token, options))
        else:
            cluster = token[1:]
            while cluster:
                name, cluster = "-" + cluster[0], cluster[1:]
                matched = _match(name, options)
                if matched is not None and (matched.type is not BOOL or cluster.startswith("=")) and cluster:
                    flags.append(_flag(name, cluster.removeprefix("="), rest, token, options))
                    break
                flags.append(_flag(name, None, rest, token, options))
    return flags, positional


def _flag(name: str, value: str | None, rest: list[str], token: str, options: Sequence[click.Option]) -> str:
    found = _match(name, options)
    if found is None:
        raise _unknown(token)
    if found.is_flag:  # --help
        return name
    long = next(each for each in found.opts if each.startswith("--"))
    if value is None and found.type is BOOL:
        value = "true"
    if value is None:
        if not rest:
            where = f"'{name[1:]}' in {token}" if not name.startswith("--") else name
            raise CommandError(f"flag needs an argument: {where}")
        value = rest.pop(0)
    return f"{long}={value}"
