"""Shell completion: the scripts, and the answers that they ask for with ``flux __complete <words>``.

The protocol is spf13/cobra's: one candidate a line, a tab and a description behind it, and ``:<directive>`` at the end;
directive 4 means that file names are no candidates. Names of objects, namespaces and contexts are asked from the
cluster, quietly and for a few seconds at most.
"""

from collections.abc import Iterable, Sequence
from functools import partial

import click

from fluxkit.cli.command import FluxCommand, FluxGroup, Lazy, persistent_options
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import BOOL, OneOf
from fluxkit.cli.namespaces import settle_namespace
from fluxkit.cli.settings import Settings
from fluxkit.objects import GroupVersionKind, key_of

__all__ = ["complete", "completion"]

NO_FILES = 4
FILES = 0
_ASK_SECONDS = 3.0

BASH = r"""# bash completion for flux
_flux() {
    local line words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=()
    while IFS= read -r line; do
        case "$line" in
            :0) compopt -o default 2>/dev/null ;;
            :*) ;;
            *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done < <(flux __complete "${words[@]}" 2>/dev/null)
    # readline splits words at "=", so that only what follows it is to be completed
    if [[ "${words[-1]}" == "=" || "${words[-2]}" == "=" ]]; then
        COMPREPLY=("${COMPREPLY[@]#*=}")
    fi
}
complete -F _flux flux
"""
ZSH = r"""#compdef flux
_flux() {
    local line directive
    local -a candidates
    while IFS= read -r line; do
        case "$line" in
            :*) directive="${line#:}" ;;
            *) candidates+=("${${line//:/\\:}/$'\t'/:}") ;;
        esac
    done < <(flux __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    _describe 'flux' candidates || { [[ "$directive" == 0 ]] && _files }
}
compdef _flux flux
"""
FISH = r"""# fish completion for flux
function __flux_complete
    set -l words (commandline -opc)[2..-1] (commandline -ct)
    flux __complete $words 2>/dev/null | string match -v -r '^:'
end
complete -c flux -f -a '(__flux_complete)'
"""
POWERSHELL = r"""# powershell completion for flux
Register-ArgumentCompleter -Native -CommandName flux -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
    if ($wordToComplete -eq '') { $words += '""' }
    flux __complete @words 2>$null | Where-Object { $_ -notmatch '^:' } | ForEach-Object {
        $value, $description = $_ -split "`t", 2
        if (-not $description) { $description = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $description)
    }
}
"""
SCRIPTS = {"bash": BASH, "fish": FISH, "powershell": POWERSHELL, "zsh": ZSH}
_LOADING = {
    "bash": "  # In ~/.bashrc\n  . <(flux completion bash)",
    "fish": "  # In ~/.config/fish/config.fish\n  flux completion fish | source",
    "powershell": "  # In the profile\n  flux completion powershell | Out-String | Invoke-Expression",
    "zsh": "  # In ~/.zshrc\n  . <(flux completion zsh)",
}


def _script_command(shell: str) -> click.Command:
    return FluxCommand(
        shell,
        callback=partial(_print_script, shell),
        help=f"Generates the {shell} completion script.",
        examples=_LOADING[shell],
    )


def _print_script(shell: str) -> None:
    print(SCRIPTS[shell], end="")


completion = FluxGroup(
    "completion",
    {shell: Lazy(partial(_script_command, shell), f"Generates {shell} completion scripts") for shell in SCRIPTS},
    help="The completion sub-command generates completion scripts for various shells.",
)


class _Words(click.Command):
    """A command that takes all words as they are, flags too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.params["words"] = list(args)
        ctx.args = []
        return []


@click.pass_context
def _complete(ctx: click.Context, /, words: list[str]) -> None:
    from fluxkit.cli.root import flux

    candidates, directive = answer(flux, words or [""])
    for value, description in candidates:
        print(f"{value}\t{description}" if description else value)
    print(f":{directive}")


complete = _Words("__complete", callback=_complete, hidden=True)


def answer(root: FluxGroup, words: Sequence[str]) -> tuple[list[tuple[str, str]], int]:
    """Candidates, each with a description, for the last of the words, and the directive."""
    *before, current = words
    ctx = click.Context(root, info_name="flux", resilient_parsing=True)
    command: click.Command = root
    positional: list[str] = []
    values: dict[str, str] = {}
    while before:
        word = before.pop(0)
        if word.startswith("-"):
            found = _option(word, _options(command, ctx))
            if found is None or found.type is BOOL or found.is_flag:
                continue
            _, given, value = word.partition("=")
            if not given:
                if not before:
                    return _matching(_flag_values(found, values), current)
                value = before.pop(0)
            values[str(found.name)] = value
        elif isinstance(command, FluxGroup) and (below := command.get_command(ctx, word)) is not None:
            command = below
            ctx = click.Context(command, parent=ctx, info_name=word, resilient_parsing=True)
        else:
            positional.append(word)
    if current.startswith("-"):
        return _matching_flags(_options(command, ctx), current, values)
    if isinstance(command, FluxGroup):
        shown = {name: entry for name, entry in command.lazy.items() if not entry.hidden}
        return _matching(((name, entry.help) for name, entry in sorted(shown.items())), current)
    if isinstance(command, FluxCommand) and command.object_kind is not None:
        names = _object_names(command.object_kind.gvk, values, namespaced=True)
        return _matching(((name, "") for name in names if name not in positional), current)
    return [], FILES


def _options(command: click.Command, ctx: click.Context) -> list[click.Option]:
    own = [param for param in click.Command.get_params(command, ctx) if isinstance(param, click.Option)]
    lent = command.persistent if isinstance(command, FluxGroup) else []
    return [*own, *lent, *persistent_options(ctx)]


def _option(word: str, options: Iterable[click.Option]) -> click.Option | None:
    name = word.partition("=")[0]
    return next((each for each in options if name in each.opts), None)


def _matching(candidates: Iterable[tuple[str, str]], current: str) -> tuple[list[tuple[str, str]], int]:
    return [each for each in candidates if each[0].startswith(current)], NO_FILES


def _matching_flags(
    options: list[click.Option], current: str, values: dict[str, str]
) -> tuple[list[tuple[str, str]], int]:
    name, given, value = current.partition("=")
    if given and (found := _option(name, options)) is not None:
        candidates, directive = _matching(_flag_values(found, values), value)
        return [(f"{name}={each}", description) for each, description in candidates], directive
    flags = [(long, each.help or "") for each in options if not each.hidden for long in each.opts]
    return _matching(sorted(each for each in flags if each[0].startswith("--")), current)


def _flag_values(found: click.Option, values: dict[str, str]) -> Iterable[tuple[str, str]]:
    if isinstance(found.type, OneOf):
        return [(choice, "") for choice in found.type.choices]
    if found.name == "namespace":
        return [(name, "") for name in _object_names(GroupVersionKind("", "v1", "Namespace"), values)]
    if found.name == "context":
        from fluxkit.cli.cluster import kubeconfig_of

        kubeconfig = kubeconfig_of(_settings(values))
        return [(name, "") for name in sorted(kubeconfig.contexts)] if kubeconfig else []
    return []


def _settings(values: dict[str, str]) -> Settings:
    settings = Settings(timeout=_ASK_SECONDS)
    for name in ("namespace", "kubeconfig", "context", "cluster", "user"):
        if name in values:
            setattr(settings, name, values[name])
            settings.given.add(name)
    return settings


def _object_names(gvk: GroupVersionKind, values: dict[str, str], *, namespaced: bool = False) -> list[str]:
    """The names of all objects of a kind; none if the cluster cannot be asked: completion must not disturb typing."""
    from fluxkit.cli.cluster import Session, run

    names: list[str] = []

    async def ask(session: Session) -> None:
        namespace = session.namespace if namespaced else ""
        listed = await session.client.list(gvk, namespace, metadata_only=True)
        names.extend(sorted(key_of(obj).name for obj in listed.items))

    settings = _settings(values)
    try:
        settle_namespace(settings)
        run(settings, ask)
    except CommandError:
        return []
    return names
