"""Runs a session of kubectl against a cluster, and takes out of its output what no two clusters agree about."""

import os
import re
import stat
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Command", "Output", "minor_of", "play"]

Output = tuple[int, list[str], list[str]]
"""Exit status, lines of standard output, lines of standard error."""

_TIMEOUT = 90


@dataclass(frozen=True)
class Command:
    """``{ns}`` in arguments and input is the session's namespace."""

    arguments: tuple[str, ...]
    stdin: str = ""
    editor: str = ""
    """A sed script that stands for what a person changes in the editor."""
    shown: str = "all"
    """all; "last": the last line only, where the others depend on timing; "sorted": in any order; "none"."""
    retried: bool = False
    """Repeated until it succeeds: for what controllers do in their own time."""

    @property
    def name(self) -> str:
        return " ".join(self.arguments)


_PATTERNS = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"), "<date>"),
    (re.compile(r"\b(127\.0\.0\.1|localhost):\d+"), "<server>"),
    (re.compile(r"\b10\.\d+\.\d+\.\d+\b"), "<address>"),
    (
        re.compile(r"\b(web|shop|batch|hello|once|solo)-[bcdf0-9][bcdf0-9a-z]{5,9}-[bcdfghjklmnpqrstvwxz2456789]{5}\b"),
        r"\1-<pod>",
    ),
    (re.compile(r"\b(web|shop)-[bcdf0-9a-z]{6,10}\b"), r"\1-<hash>"),
    (re.compile(r"\b(once|batch|hello)-[bcdfghjklmnpqrstvwxz2456789]{5}\b"), r"\1-<pod>"),
    (re.compile(r"pod-template-hash=[0-9a-z]+"), "pod-template-hash=<hash>"),
    (re.compile(r"pod-template-hash: [0-9a-z]+"), "pod-template-hash: <hash>"),
    (re.compile(r'resourceVersion: "\d+"'), 'resourceVersion: "<rv>"'),
    (re.compile(r"(?<=:)3[0-2]\d{3}(?=/)"), "<port>"),
    (re.compile(r"\b3[0-2]\d{3}(?=/(TCP|UDP))"), "<port>"),
    (re.compile(r"(Resource Version:\s+)\d+"), r"\1<rv>"),
    (re.compile(r'(Invalid value: )"(?:\{|map\[).*?(?<!\\)": '), r"\1<patched object>: "),
    (re.compile(r"nodePort: 3\d{4}"), "nodePort: <port>"),
    (re.compile(r"/tmp/\S*(LIVE|MERGED)-\d+"), r"<\1>"),
    (re.compile(r"/tmp/kubectl-edit-\S+"), "<file>"),
    (re.compile(r"(?<![\w.-])(\d+[smh]){1,2}( ago)?(?![\w.-])"), "<age>"),
    (re.compile(r"<(invalid|unknown)>(?=\s*$)"), "<age>"),
    (re.compile(r"^(---|\+\+\+) (<\w+>\S*)\s.*"), r"\1 \2"),
    (re.compile(r"[ \t]{2,}"), "  "),
    (re.compile(r"-{5,}"), "-----"),
)


def _lines(text: str, namespace: str) -> list[str]:
    text = text.replace(namespace, "<ns>")
    found = []
    for line in text.splitlines():
        # A dry run of klog's: times and process numbers.
        if re.match(r"[IWE]\d{4} ", line):
            continue
        for pattern, stands in _PATTERNS:
            line = pattern.sub(stands, line)
        found.append(line.rstrip())
    return found


def minor_of(kubectl: Path) -> str:
    """``1.37``: the version of a kubectl; raises ``OSError`` or ``CalledProcessError`` when it does not run."""
    command = [str(kubectl), "version", "--client", "--output=yaml"]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT).stdout
    found = re.search(r"gitVersion: v(\d+\.\d+)", text)
    return found[1] if found else ""


def _editor(directory: Path, script: str, number: int) -> Path:
    path = directory / f"editor-{number}"
    path.write_text(f'#!/bin/sh\nexec sed -i "{script}" "$1"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def play(kubectl: Path, kubeconfig: Path, namespace: str, directory: Path, commands: Iterable[Command]) -> list[Output]:
    """What each command printed, normalised. ``directory`` is kubectl's home."""
    environment = {"KUBECONFIG": str(kubeconfig), "PATH": os.environ["PATH"], "HOME": str(directory), "TZ": "UTC"}
    outputs: list[Output] = []
    for number, command in enumerate(commands):
        if command.editor:
            environment["EDITOR"] = str(_editor(directory, command.editor, number))
        arguments = [each.replace("{ns}", namespace) for each in command.arguments]
        stdin = command.stdin.replace("{ns}", namespace)
        done = _run([str(kubectl), "--namespace", namespace, *arguments], stdin, environment)
        for _ in range(100 if command.retried else 0):
            if done.returncode == 0:
                break
            done = _run([str(kubectl), "--namespace", namespace, *arguments], stdin, environment)
        out, errors = _lines(done.stdout, namespace), _lines(done.stderr, namespace)
        if command.shown == "last":
            out = out[-1:]
        elif command.shown == "sorted":
            out, errors = sorted(out), sorted(errors)
        elif command.shown == "none":
            out = []
        outputs.append((done.returncode, out, errors))
    return outputs


def _run(command: list[str], stdin: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=_TIMEOUT, env=environment, check=False
    )
