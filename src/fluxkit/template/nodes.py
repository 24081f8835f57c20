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


@dataclass(slots=True, eq=False, repr=False)
class Node:
    """``position`` is an index into the tree's text."""

    position: int

    def __str__(self) -> str:
        return _described(self)


@dataclass(slots=True, eq=False, repr=False)
class Text(Node):
    text: str


@dataclass(slots=True, eq=False, repr=False)
class ListNode(Node):
    nodes: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False, repr=False)
class Identifier(Node):
    name: str


@dataclass(slots=True, eq=False, repr=False)
class Variable(Node):
    names: list[str]


@dataclass(slots=True, eq=False, repr=False)
class Dot(Node):
    pass


@dataclass(slots=True, eq=False, repr=False)
class Nil(Node):
    pass


@dataclass(slots=True, eq=False, repr=False)
class Field(Node):
    names: list[str]


@dataclass(slots=True, eq=False, repr=False)
class Bool(Node):
    value: bool


@dataclass(slots=True, eq=False, repr=False)
class Number(Node):
    """A constant, with each of the kinds that it can be; None where it does not fit."""

    text: str
    as_int: int | None = None
    as_uint: int | None = None
    as_float: float | None = None
    as_complex: complex | None = None


@dataclass(slots=True, eq=False, repr=False)
class String(Node):
    quoted: str
    text: str


@dataclass(slots=True, eq=False, repr=False)
class Command(Node):
    arguments: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False, repr=False)
class Pipe(Node):
    declares: list[Variable] = field(default_factory=list)
    assigns: bool = False
    commands: list[Command] = field(default_factory=list)


@dataclass(slots=True, eq=False, repr=False)
class Chain(Node):
    node: Node
    fields: list[str] = field(default_factory=list)


@dataclass(slots=True, eq=False, repr=False)
class Action(Node):
    pipe: Pipe
    base: int = 0
    """What the positions within the pipe are relative to; also in the other statements that have one."""


@dataclass(slots=True, eq=False, repr=False)
class Branch(Node):
    """``keyword`` is if, with or range."""

    keyword: str
    pipe: Pipe
    body: ListNode
    otherwise: ListNode | None
    base: int = 0


@dataclass(slots=True, eq=False, repr=False)
class TemplateCall(Node):
    name: str
    pipe: Pipe | None
    base: int = 0


@dataclass(slots=True, eq=False, repr=False)
class Break(Node):
    pass


@dataclass(slots=True, eq=False, repr=False)
class Continue(Node):
    pass


@dataclass(slots=True, eq=False, repr=False)
class End(Node):
    pass


@dataclass(slots=True, eq=False, repr=False)
class Else(Node):
    pass


@dataclass(slots=True, eq=False, repr=False)
class Tree:
    """One template: ``name`` is its own, ``parse_name`` that of the text in which it stands."""

    name: str
    parse_name: str
    text: str
    root: ListNode

    def location(self, position: int) -> str:
        """``name:line:column``; the column counts bytes from 0."""
        before = self.text[:position]
        column = len(before[before.rfind("\n") + 1 :].encode("utf-8", "surrogateescape"))
        return f"{self.parse_name}:{1 + before.count(chr(10))}:{column}"


def _described(node: Node) -> str:
    # One plain recursive function: str() of each node in turn would take up C stack, and nesting may be deep.
    match node:
        case Field():
            return "." + ".".join(node.names)
        case Variable():
            return ".".join(node.names)
        case Identifier():
            return node.name
        case Number():
            return node.text
        case String():
            return node.quoted
        case Bool():
            return "true" if node.value else "false"
        case Dot():
            return "."
        case Nil():
            return "nil"
        case Pipe():
            text = ""
            for command in node.commands:
                text += (" | " if text else "") + _described(command)
            if not node.declares:
                return text
            names = ", ".join([variable.names[0] for variable in node.declares])
            return f"{names} {'=' if node.assigns else ':='} {text}"
        case Command():
            text = ""
            for argument in node.arguments:
                text += (" " if text else "") + _in_parentheses(argument)
            return text
        case Chain():
            return _in_parentheses(node.node) + "." + ".".join(node.fields)
        case Action():
            return "{{" + _described(node.pipe) + "}}"
        case TemplateCall():
            given = " " + _described(node.pipe) if node.pipe else ""
            return f"{{{{template {quote(node.name)}{given}}}}}"
        case Branch():
            return f"{{{{{node.keyword} {_described(node.pipe)}}}}}"
    return f"{{{{{type(node).__name__.lower()}}}}}"


def _in_parentheses(node: Node) -> str:
    return f"({_described(node)})" if isinstance(node, Pipe) else _described(node)


_WHITE = " \t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def is_empty(tree_list: ListNode) -> bool:
    """Whether there is nothing but space and comments: such a template replaces no other."""
    return all(_is_blank(node) for node in tree_list.nodes)


def _is_blank(node: Node) -> bool:
    return isinstance(node, Text) and not node.text.strip(_WHITE)
