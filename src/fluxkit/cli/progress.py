"""Progress lines on standard error, one symbol each (fluxcd/flux2 cmd/flux/log.go), and prompts."""

import sys

__all__ = ["action", "confirm", "failure", "generate", "line", "success", "waiting", "warning"]


def line(text: str) -> None:
    """A line of progress without a symbol, such as the advice that follows an error."""
    print(text, file=sys.stderr, flush=True)


def action(text: str) -> None:
    line(f"► {text}")


def generate(text: str) -> None:
    line(f"✚ {text}")


def waiting(text: str) -> None:
    line(f"◎ {text}")


def success(text: str) -> None:
    line(f"✔ {text}")


def warning(text: str) -> None:
    line(f"⚠️ {text}")


def failure(text: str) -> None:
    line(f"✗ {text}")


def confirm(question: str) -> bool:
    """Ask on standard error; only ``y`` is a yes, the end of the input is a no."""
    print(f"{question}? [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        line("")
    return answer.strip().lower() == "y"
