"""A node of a YAML file: what it is, how it is written, and the comments around it."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Node", "ScalarStyle"]

ScalarStyle = Literal["", "'", '"', "|", ">"]


@dataclass(slots=True, eq=False)
class Node:
    """``head`` stands above the node, ``line`` behind it, ``foot`` below it; each with its ``#`` and line breaks."""

    kind: Literal["scalar", "sequence", "mapping", "alias"]
    value: str = ""
    tag: str = ""
    """Explicit tag in short form (``!!str``), empty if the text decides."""
    style: ScalarStyle = ""
    content: list["Node"] = field(default_factory=list)
    """Items of a sequence, or keys and values in turn."""
    target: "Node | None" = None
    """What an alias stands for."""
    head: str = ""
    line: str = ""
    foot: str = ""
