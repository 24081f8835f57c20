"""The parsed template (golang/go ``src/text/template/parse/node.go``); error messages quote a node's ``str``."""

from dataclasses import dataclass, field

from fluxkit.template.quoting import quote

__all__ = [
    "Action",
    "Bool",
    "Branch",
    "Break",
    "Chain",
    "Command",
    "Continue",
    "Dot",
    "Else",
    "End",
    "Field",
    "Identifier",
    "ListNode",
    "Nil",
    "Node",
    "Number",
    "Pipe",
    "String",
    "TemplateCall",
    "Text",
    "Tree",
    "Variable",
    "is_empty",
]


@dataclass(slots=True, eq=False)
class Node:
    """``position`` is an index into the tree's text."""

    position: int


@dataclass(slots=True, eq=False)
class Text(Node):
    text: str


@dataclass(slots=True, eq=False)
class ListNode(Node):
    nodes: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Identifier(Node):
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(slots=True, eq=False)
class Variable(Node):
    names: list[str]

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(slots=True, eq=False)
class Dot(Node):
    def __str__(self) -> str:
        return "."


@dataclass(slots=True, eq=False)
class Nil(Node):
    def __str__(self) -> str:
        return "nil"


@dataclass(slots=True, eq=False)
class Field(Node):
    names: list[str]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


@dataclass(slots=True, eq=False)
class Bool(Node):
    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(slots=True, eq=False)
class Number(Node):
    """A constant, with each of the kinds that it can be; None where it does not fit."""

    text: str
    as_int: int | None = None
    as_uint: int | None = None
    as_float: float | None = None
    as_complex: complex | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True, eq=False)
class String(Node):
    quoted: str
    text: str

    def __str__(self) -> str:
        return self.quoted


@dataclass(slots=True, eq=False)
class Command(Node):
    arguments: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return " ".join(f"({node})" if isinstance(node, Pipe) else str(node) for node in self.arguments)


@dataclass(slots=True, eq=False)
class Pipe(Node):
    declares: list[Variable] = field(default_factory=list)
    assigns: bool = False
    commands: list[Command] = field(default_factory=list)

    def __str__(self) -> str:
        text = " | ".join(map(str, self.commands))
        if not self.declares:
            return text
        return f"{', '.join(map(str, self.declares))} {'=' if self.assigns else ':='} {text}"


@dataclass(slots=True, eq=False)
class Chain(Node):
    node: Node
    fields: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        base = f"({self.node})" if isinstance(self.node, Pipe) else str(self.node)
        return base + "".join(f".{name}" for name in self.fields)


@dataclass(slots=True, eq=False)
class Action(Node):
    pipe: Pipe

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


@dataclass(slots=True, eq=False)
class Branch(Node):
    """``keyword`` is if, with or range."""

    keyword: str
    pipe: Pipe
    body: ListNode
    otherwise: ListNode | None


@dataclass(slots=True, eq=False)
class TemplateCall(Node):
    name: str
    pipe: Pipe | None

    def __str__(self) -> str:
        argument = f" {self.pipe}" if self.pipe else ""
        return f"{{{{template {quote(self.name)}{argument}}}}}"


@dataclass(slots=True, eq=False)
class Break(Node):
    def __str__(self) -> str:
        return "{{break}}"


@dataclass(slots=True, eq=False)
class Continue(Node):
    def __str__(self) -> str:
        return "{{continue}}"


@dataclass(slots=True, eq=False)
class End(Node):
    def __str__(self) -> str:
        return "{{end}}"


@dataclass(slots=True, eq=False)
class Else(Node):
    def __str__(self) -> str:
        return "{{else}}"


@dataclass(slots=True, eq=False)
class Tree:
    """One template: ``name`` is its own, ``parse_name`` that of the text in which it stands."""

    name: str
    parse_name: str
    text: str
    root: ListNode

    def location(self, node: Node) -> str:
        """``name:line:column``; the column counts bytes from 0."""
        before = self.text[: node.position]
        column = len(before[before.rfind("\n") + 1 :].encode("utf-8", "surrogateescape"))
        return f"{self.parse_name}:{1 + before.count(chr(10))}:{column}"


_WHITE = " \t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def is_empty(tree_list: ListNode) -> bool:
    """Whether there is nothing but space and comments: such a template replaces no other."""
    return all(_is_blank(node) for node in tree_list.nodes)


def _is_blank(node: Node) -> bool:
    return isinstance(node, Text) and not node.text.strip(_WHITE)
