"""Running KRM functions and executable plugins for ``flux kustomize build``
(kubernetes-sigs/kustomize api ``internal/plugins/execplugin``, ``konfig/plugins.go``).
"""

import os
import stat
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from fluxkit.kustomize import KustomizeError

__all__ = ["Processes"]


class Processes:
    """Starts functions and plugins with the caller's own environment; they may do what the caller may."""

    def run(self, command: Sequence[str], text: str, working_dir: Path, environment: Mapping[str, str]) -> str:
        """A function's answer; what it says on standard error goes to ours. Raises KustomizeError."""
        return _run(command, text, working_dir, {**os.environ, **environment}, stderr=None)

    def find_plugin(self, path: str) -> Path:
        """The executable of a plugin. Raises KustomizeError naming where it was looked for."""
        executable = _plugin_home() / path
        try:
            mode = executable.stat().st_mode
        except OSError:
            raise KustomizeError(f"expected file with Go object code at: {executable}.so") from None
        if not mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH):
            raise KustomizeError(f"unexecutable plugin at: {executable}")
        return executable

    def run_plugin(
        self, executable: Path, configuration: str, arguments: Sequence[str], text: str, working_dir: Path
    ) -> str:
        """A plugin's answer. Raises KustomizeError with what it said on standard error."""
        environment = {
            **os.environ,
            "KUSTOMIZE_PLUGIN_CONFIG_STRING": configuration,
            "KUSTOMIZE_PLUGIN_CONFIG_ROOT": str(working_dir),
        }
        with tempfile.NamedTemporaryFile("w", prefix="kust-plugin-config-", encoding="utf-8") as file:
            file.write(configuration)
            file.flush()
            command = [str(executable), file.name, *arguments]
            try:
                return _run(command, text, working_dir, environment, stderr=subprocess.PIPE)
            except _Failed as error:
                raise KustomizeError(
                    f"{error.said}: failure in plugin configured via {file.name}; {error.message}"
                ) from None


class _Failed(KustomizeError):
    """A process that ended badly, and what it said."""

    said = ""


def _run(
    command: Sequence[str], text: str, working_dir: Path, environment: Mapping[str, str], *, stderr: int | None
) -> str:
    try:
        done = subprocess.run(
            command,
            input=text,
            stdout=subprocess.PIPE,
            stderr=stderr,
            encoding="utf-8",
            errors="replace",
            cwd=working_dir,
            env=environment,
            check=False,
        )
    except FileNotFoundError:
        where = "" if "/" in command[0] else " in $PATH"
        raise KustomizeError(f'exec: "{command[0]}": executable file not found{where}') from None
    except OSError as error:
        raise KustomizeError(f"fork/exec {command[0]}: {(error.strerror or 'failed').lower()}") from None
    if done.returncode:
        code = done.returncode
        failure = _Failed(f"exit status {code}" if code > 0 else f"signal: {-code}")
        failure.said = done.stderr or ""
        raise failure
    return done.stdout


def _plugin_home() -> Path:
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    home = os.environ.get("HOME") or "~"
    places = (
        ("homed in $KUSTOMIZE_PLUGIN_HOME", os.environ.get("KUSTOMIZE_PLUGIN_HOME", "")),
        ("homed in $XDG_CONFIG_HOME", configured and f"{configured}/kustomize/plugin"),
        ("homed in default value of $XDG_CONFIG_HOME", f"{home}/.config/kustomize/plugin"),
        ("homed in home directory", f"{home}/kustomize/plugin"),
    )
    for _, place in places:
        if place and Path(place).exists():
            return Path(place)
    tried = ", ".join(f"('{place or '<no value>'}'; {note})" for note, place in places)
    raise KustomizeError(f"unable to find plugin root - tried: {tried}")
