"""What becomes of folded scalars (``>``) on their way through kustomize.

Before a resource is printed (or patched with JSON 6902) upstream writes it as YAML and reads it again, and go-yaml's
writer of folded scalars doubles line breaks that it should not: before lines that are indented further, and at the end
where several breaks are kept. The value changes, and this reproduces it (go.yaml.in/yaml/v3 ``emitterc.go``,
``yaml_emitter_write_folded_scalar``). A scalar that was written anew before, such as every annotation of a resource
whose annotations were touched, has lost its style and stays as it is; so the change is made last.
"""

import re
from typing import Any

from fluxkit.yaml.composer import compose_all
from fluxkit.yaml.errors import YAMLError
from fluxkit.yaml.loader import RULES

__all__ = ["Folded", "Quoted", "folded", "refolded"]

# Scalars that survive: no line begins with white space, and at most one break is at the end.
_CHANGES = re.compile(r"\n[ \t]|\n\n\Z|\A[ \t\n]")
# Such scalars are written in double quotes, which changes nothing.
_QUOTED = re.compile(r" \n| \Z|[^\n\t\x20-\x7e\xa0-\ud7ff]")


class Quoted(str):
    """A string that is not written as a plain scalar: in quotes, or in several lines."""

    __slots__ = ()


class Folded(Quoted):
    """The text of a folded scalar that changes when it is written and read again."""

    __slots__ = ()


def folded(text: str) -> Quoted:
    """A folded scalar as it is read: a :class:`Folded` where that makes a difference."""
    return Folded(text) if _CHANGES.search(text) and not _QUOTED.search(text) else Quoted(text)


def refolded(text: Folded) -> str:
    """A folded scalar's value after it was written and read again."""
    try:
        value: Any = next(compose_all(_written(text), "folded", RULES), None)
    except YAMLError:
        # Upstream cannot print such a resource; a faithful value is the better answer.
        return str(text)
    return value if isinstance(value, str) else str(text)


def _written(text: str) -> str:
    """A document with nothing but the scalar."""
    indicator = "2" if text[0] in " \n" else ""
    chomping = "-" if text[-1] != "\n" else "+" if len(text) == 1 or text[-2] == "\n" else ""
    out = [f">{indicator}{chomping}\n"]
    # The writer looks at the start of the text where it should look at what follows the break.
    after_breaks = text.lstrip("\n")
    starts_blank = not after_breaks or after_breaks[0] in " \t"
    at_break = leading_space = True
    for character in text:
        if character == "\n":
            if not at_break and not leading_space and not starts_blank:
                out.append("\n")
            out.append("\n")
            at_break = True
        else:
            if at_break:
                out.append("  ")
                leading_space = character in " \t"
            out.append(character)
            at_break = False
    return "".join(out)
