"""Groups of a verb over kinds: ``suspend kustomization``, ``suspend source git``, ... from one description."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import click

from fluxkit.cli.command import FluxCommand, FluxGroup, Lazy
from fluxkit.cli.kinds import KINDS, Kind

__all__ = ["verb_group"]

Run = Callable[..., None]


def verb_group(
    verb: str,
    run: Run,
    kinds: Iterable[str],
    *,
    summary: str,
    help: str,
    example: str,
    many: bool = False,
    persistent: Iterable[click.Option] = (),
    flags: Callable[[Kind], list[click.Option]] = lambda kind: [],
) -> FluxGroup:
    """A group that calls ``run(settings, kind, name or names, **flags)``.

    ``kinds`` are kind names. ``summary`` is the short help and ``example`` the first example, formats of ``{kind}``,
    ``{human}`` and ``{words}``.
    """
    wanted = set(kinds)

    def command(kind: Kind) -> click.Command:
        @click.pass_obj
        def callback(settings: Any, /, **arguments: Any) -> None:
            run(settings, kind, **arguments)

        argument = click.Argument(["names"], nargs=-1) if many else click.Argument(["name"], required=False)
        words = " ".join(kind.verb_path)
        return FluxCommand(
            kind.verb_path[-1],
            callback=callback,
            params=[argument, *flags(kind)],
            help=summary.format(kind=kind.kind, human=kind.human, words=words) + ".",
            examples="  # " + example.format(kind=kind.kind, human=kind.human, words=words),
            aliases=kind.aliases,
            usage="[name]..." if many else "[name]",
            object_kind=kind,
        )

    def entry(kind: Kind) -> Lazy:
        return Lazy(partial(command, kind), summary.format(kind=kind.kind, human=kind.human, words=""), kind.aliases)

    tops: dict[str, Lazy] = {}
    nested: dict[str, dict[str, Lazy]] = {}
    for kind in KINDS:
        if kind.kind not in wanted:
            continue
        if len(kind.verb_path) == 1:
            tops[kind.verb_path[0]] = entry(kind)
        else:
            nested.setdefault(kind.verb_path[0], {})[kind.verb_path[1]] = entry(kind)
    for word, entries in nested.items():
        text = f"The {verb} {word} sub-commands {verb} {word} objects."
        tops[word] = Lazy(partial(FluxGroup, word, entries, help=text), f"{verb.capitalize()} {word} objects")
    return FluxGroup(verb, tops, help=help, persistent=persistent)
