"""From tokens to trees: one for the text itself, one for each ``define`` and ``block`` in it.

Behaves as golang/go ``src/text/template/parse/parse.go``: the same grammar, quirks and messages included.
"""

from collections.abc import Container
from dataclasses import dataclass, field

from fluxkit.template import nodes
from fluxkit.template.errors import ParseError
from fluxkit.template.lexer import Kind, Token, tokenize
from fluxkit.template.numbers import constant
from fluxkit.template.quoting import InvalidSyntax, quote, unquote

__all__ = ["MAX_NESTING", "Head", "parse", "read_head"]

MAX_NESTING = 10_000
"""Parentheses within parentheses, as in Go; here also actions within actions, which Go does not bound."""

_OPERANDS = frozenset(
    {
        Kind.BOOL,
        Kind.CHAR_CONSTANT,
        Kind.COMPLEX,
        Kind.DOT,
        Kind.FIELD,
        Kind.IDENTIFIER,
        Kind.NUMBER,
        Kind.NIL,
        Kind.RAW_STRING,
        Kind.STRING,
        Kind.VARIABLE,
        Kind.LEFT_PAREN,
    }
)
_CONSTANTS = (nodes.Bool, nodes.Dot, nodes.Nil, nodes.Number, nodes.String)


@dataclass(slots=True)
class Head:
    """One action by itself: what it begins, continues or ends, and its pipeline."""

    kind: Kind
    """IF, RANGE, WITH, ELSE, END, DEFINE, TEMPLATE, BREAK, CONTINUE; LEFT_DELIM for an action that is none of these."""
    position: int
    pipe: nodes.Pipe | None = None
    declares: list[str] = field(default_factory=list)
    uses: list[str] = field(default_factory=list)
    """Variables that must have been declared before."""
    name: str = ""
    chained: str = ""
    """``if`` or ``with`` behind an ``else``."""


class _AnyVariables(list[str]):
    """Takes every variable for declared, and remembers those that are not."""

    def __init__(self) -> None:
        super().__init__(["$"])
        self.uses: list[str] = []

    def __contains__(self, name: object) -> bool:
        if not super().__contains__(name):
            self.uses.append(str(name))
        return True


def read_head(text: str, tokens: list[Token], functions: Container[str]) -> Head:
    """The one action that ``text`` is. Raises :class:`ParseError` also for a ``block``."""
    variables = _AnyVariables()
    parser = _Parser("", text, tokens, functions, {}, variables)
    head = parser.head()
    head.declares, head.uses = variables[1:], variables.uses
    return head


def parse(name: str, text: str, functions: Container[str]) -> dict[str, nodes.Tree]:
    """The trees in ``text`` by template name; ``name`` is that of the text itself.

    Calling a function that is not in ``functions`` is an error. Raises :class:`ParseError`.
    """
    trees: dict[str, nodes.Tree] = {}
    parser = _Parser(name, text, tokenize(text), functions, trees)
    root = parser.top()
    parser.add(nodes.Tree(name, name, text, root))
    return trees


class _Parser:
    """Recursive descent; ``_next`` is the index of the next unread token, ``_seen`` that of the furthest looked at."""

    def __init__(
        self,
        name: str,
        text: str,
        tokens: list[Token],
        functions: Container[str],
        trees: dict[str, nodes.Tree],
        variables: list[str] | None = None,
    ) -> None:
        self._name = name
        self._text = text
        self._tokens = tokens
        self._functions = functions
        self._trees = trees
        self._next = 0
        self._seen = 0
        self._variables = ["$"] if variables is None else variables
        self._action_start: int | None = None
        self._range_depth = 0
        self._parens = 0
        self._nesting = 0
        self._break_is_keyword = "break" not in functions
        self._continue_is_keyword = "continue" not in functions

    # Tokens

    def _take(self) -> Token:
        token = self._tokens[self._next]
        if token.kind is not Kind.EOF:
            self._next += 1
        if self._next > self._seen:
            self._seen = self._next
        return token

    def _peek(self) -> Token:
        if self._next >= self._seen:
            self._seen = self._next + 1
        return self._tokens[self._next]

    def _peek_solid(self) -> Token:
        token = self._tokens[self._next]
        while token.kind is Kind.SPACE:
            self._next += 1
            token = self._tokens[self._next]
        if self._next >= self._seen:
            self._seen = self._next + 1
        return token

    def _take_solid(self) -> Token:
        self._peek_solid()
        return self._take()

    def _line(self, position: int) -> int:
        return 1 + self._text.count("\n", 0, position)

    # Errors

    def _error(self, message: str) -> ParseError:
        last = self._tokens[min(self._seen, len(self._tokens)) - 1] if self._seen else None
        line = self._line(last.position) if last else 0
        return ParseError(f"template: {self._name}:{line}: {message}")

    def _unexpected(self, token: Token, context: str) -> ParseError:
        if token.kind is not Kind.ERROR:
            return self._error(f"unexpected {token} in {context}")
        extra = ""
        if self._action_start is not None:
            line = self._line(self._action_start)
            if line != self._line(token.position):
                extra = f" in action started at {self._name}:{line}"
                if token.text.endswith(" action"):
                    extra = extra[len(" in action") :]
        return self._error(f"{token}{extra}")

    def _expect(self, kind: Kind, context: str) -> Token:
        token = self._take_solid()
        if token.kind is not kind:
            raise self._unexpected(token, context)
        return token

    # Lists of nodes

    def add(self, tree: nodes.Tree) -> None:
        present = self._trees.get(tree.name)
        if present is None or nodes.is_empty(present.root):
            self._trees[tree.name] = tree
        elif not nodes.is_empty(tree.root):
            raise self._error(f"template: multiple definition of template {quote(tree.name)}")

    def top(self) -> nodes.ListNode:
        root = nodes.ListNode(self._peek().position)
        while (token := self._peek()).kind is not Kind.EOF:
            if token.kind is Kind.LEFT_DELIM:
                start = self._next
                self._take()
                if self._take_solid().kind is Kind.DEFINE:
                    self._definition()
                    continue
                self._next = start
            node = self._text_or_action()
            if isinstance(node, nodes.End | nodes.Else):
                raise self._error(f"unexpected {node}")
            root.nodes.append(node)
        return root

    def _definition(self) -> None:
        token = self._take_solid()
        if token.kind not in (Kind.STRING, Kind.RAW_STRING):
            raise self._unexpected(token, "define clause")
        name = self._unquoted(token)
        outside = self._enter()
        self._expect(Kind.RIGHT_DELIM, "define clause")
        self._leave(outside, name, "define clause")

    def _enter(self) -> tuple[list[str], int, int | None]:
        """Begin a template within the text: it sees none of the variables around it."""
        outside = self._variables, self._range_depth, self._action_start
        self._variables, self._range_depth, self._action_start = ["$"], 0, None
        return outside

    def _leave(self, outside: tuple[list[str], int, int | None], name: str, context: str) -> None:
        root, end = self._item_list()
        if not isinstance(end, nodes.End):
            raise self._error(f"unexpected {end} in {context}")
        self.add(nodes.Tree(name, self._name, self._text, root))
        self._variables, self._range_depth, self._action_start = outside

    def _item_list(self) -> tuple[nodes.ListNode, nodes.Node]:
        found = nodes.ListNode(self._peek_solid().position)
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._error("max nesting depth exceeded")
        while self._peek_solid().kind is not Kind.EOF:
            node = self._text_or_action()
            if isinstance(node, nodes.End | nodes.Else):
                self._nesting -= 1
                return found, node
            found.nodes.append(node)
        raise self._error("unexpected EOF")

    def _text_or_action(self) -> nodes.Node:
        token = self._take_solid()
        if token.kind is Kind.TEXT:
            return nodes.Text(token.position, token.text)
        if token.kind is Kind.LEFT_DELIM:
            self._action_start = token.position
            node = self._action()
            self._action_start = None
            return node
        raise self._unexpected(token, "input")

    # Actions

    def head(self) -> Head:
        """An action without what it encloses."""
        self._take()
        token = self._peek_solid()
        kind = token.kind
        if kind in (Kind.IF, Kind.RANGE, Kind.WITH):
            self._take()
            pipe = self._pipeline(token.text, Kind.RIGHT_DELIM)
            return Head(kind, pipe.position, pipe)
        if kind is Kind.ELSE:
            self._take()
            following = self._peek_solid()
            if following.kind in (Kind.IF, Kind.WITH):
                self._take()
                pipe = self._pipeline(following.text, Kind.RIGHT_DELIM)
                return Head(kind, pipe.position, pipe, chained=following.text)
            return Head(kind, self._expect(Kind.RIGHT_DELIM, "else").position)
        if kind is Kind.END:
            self._take()
            return Head(kind, self._expect(Kind.RIGHT_DELIM, "end").position)
        if kind is Kind.DEFINE:
            self._take()
            name = self._template_name(self._take_solid(), "define clause")
            return Head(kind, self._expect(Kind.RIGHT_DELIM, "define clause").position, name=name)
        if kind is Kind.TEMPLATE:
            self._take()
            call = self._template_call()
            return Head(kind, call.position, call.pipe, name=call.name)
        if kind is Kind.BLOCK:
            raise self._error("a block encloses a template")
        if (kind is Kind.BREAK and self._break_is_keyword) or (kind is Kind.CONTINUE and self._continue_is_keyword):
            self._take()
            self._expect(Kind.RIGHT_DELIM, token.text)
            return Head(kind, token.position)
        return Head(Kind.LEFT_DELIM, token.position, self._pipeline("command", Kind.RIGHT_DELIM))

    def _action(self) -> nodes.Node:
        token = self._peek_solid()
        match token.kind:
            case Kind.BLOCK:
                self._take()
                return self._block()
            case Kind.BREAK if self._break_is_keyword:
                self._take()
                self._loop_control("break")
                return nodes.Break(token.position)
            case Kind.CONTINUE if self._continue_is_keyword:
                self._take()
                self._loop_control("continue")
                return nodes.Continue(token.position)
            case Kind.ELSE:
                self._take()
                following = self._peek_solid()
                if following.kind not in (Kind.IF, Kind.WITH):
                    following = self._expect(Kind.RIGHT_DELIM, "else")
                return nodes.Else(following.position)
            case Kind.END:
                self._take()
                return nodes.End(self._expect(Kind.RIGHT_DELIM, "end").position)
            case Kind.IF | Kind.RANGE | Kind.WITH:
                self._take()
                return self._branch(token.text)
            case Kind.TEMPLATE:
                self._take()
                return self._template_call()
        return nodes.Action(token.position, self._pipeline("command", Kind.RIGHT_DELIM))

    def _loop_control(self, keyword: str) -> None:
        token = self._take_solid()
        if token.kind is not Kind.RIGHT_DELIM:
            raise self._unexpected(token, f"{{{{{keyword}}}}}")
        if not self._range_depth:
            raise self._error(f"{{{{{keyword}}}}} outside {{{{range}}}}")

    def _branch(self, keyword: str) -> nodes.Branch:
        visible = len(self._variables)
        pipe = self._pipeline(keyword, Kind.RIGHT_DELIM)
        loops = keyword == "range"
        self._range_depth += loops
        body, end = self._item_list()
        self._range_depth -= loops
        otherwise: nodes.ListNode | None = None
        if isinstance(end, nodes.Else):
            chained = self._peek()
            if (keyword, chained.kind) in (("if", Kind.IF), ("with", Kind.WITH)):
                self._take()
                self._nesting += 1
                if self._nesting > MAX_NESTING:
                    raise self._error("max nesting depth exceeded")
                otherwise = nodes.ListNode(end.position, [self._branch(keyword)])
                self._nesting -= 1
            else:
                otherwise, end = self._item_list()
                if not isinstance(end, nodes.End):
                    raise self._error(f"expected end; found {end}")
        del self._variables[visible:]
        return nodes.Branch(pipe.position, keyword, pipe, body, otherwise)

    def _block(self) -> nodes.TemplateCall:
        token = self._take_solid()
        name = self._template_name(token, "block clause")
        pipe = self._pipeline("block clause", Kind.RIGHT_DELIM)
        self._leave(self._enter(), name, "block clause")
        return nodes.TemplateCall(token.position, name, pipe)

    def _template_call(self) -> nodes.TemplateCall:
        token = self._take_solid()
        name = self._template_name(token, "template clause")
        if self._peek_solid().kind is Kind.RIGHT_DELIM:
            self._take()
            return nodes.TemplateCall(token.position, name, None)
        return nodes.TemplateCall(token.position, name, self._pipeline("template clause", Kind.RIGHT_DELIM))

    def _template_name(self, token: Token, context: str) -> str:
        if token.kind not in (Kind.STRING, Kind.RAW_STRING):
            raise self._unexpected(token, context)
        return self._unquoted(token)

    def _unquoted(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except InvalidSyntax as problem:
            raise self._error(str(problem)) from problem

    # Pipelines

    def _pipeline(self, context: str, end: Kind) -> nodes.Pipe:
        pipe = nodes.Pipe(self._peek_solid().position)
        while (variable := self._peek_solid()).kind is Kind.VARIABLE:
            start = self._next
            self._take()
            self._peek()
            following = self._peek_solid()
            if following.kind in (Kind.ASSIGN, Kind.DECLARE):
                pipe.assigns = following.kind is Kind.ASSIGN
                self._declare(pipe, variable)
            elif following.kind is Kind.CHAR and following.text == ",":
                self._declare(pipe, variable)
                if context == "range" and len(pipe.declares) < 2:
                    if self._peek_solid().kind in (Kind.VARIABLE, Kind.RIGHT_DELIM, Kind.RIGHT_PAREN):
                        continue
                    raise self._error("range can only initialize variables")
                raise self._error(f"too many declarations in {context}")
            else:
                self._next = start
            break
        while True:
            token = self._peek_solid()
            if token.kind is end:
                self._take()
                self._check(pipe, context)
                return pipe
            if token.kind not in _OPERANDS and not self._is_loop_word(token):
                self._take()
                raise self._unexpected(token, context)
            pipe.commands.append(self._command())

    def _declare(self, pipe: nodes.Pipe, variable: Token) -> None:
        self._take()
        pipe.declares.append(nodes.Variable(variable.position, [variable.text]))
        self._variables.append(variable.text)

    def _is_loop_word(self, token: Token) -> bool:
        """Whether this break or continue is the name of a function, as it is where such a function exists."""
        return (token.kind is Kind.BREAK and not self._break_is_keyword) or (
            token.kind is Kind.CONTINUE and not self._continue_is_keyword
        )

    def _check(self, pipe: nodes.Pipe, context: str) -> None:
        if not pipe.commands:
            raise self._error(f"missing value for {context}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.arguments[0], _CONSTANTS):
                raise self._error(f"non executable command in pipeline stage {stage}")

    def _command(self) -> nodes.Command:
        command = nodes.Command(self._peek_solid().position)
        while True:
            self._peek_solid()
            if (operand := self._operand()) is not None:
                command.arguments.append(operand)
            token = self._take()
            if token.kind is Kind.SPACE:
                continue
            if token.kind in (Kind.RIGHT_DELIM, Kind.RIGHT_PAREN):
                self._next -= 1
            elif token.kind is not Kind.PIPE:
                raise self._unexpected(token, "operand")
            break
        if not command.arguments:
            raise self._error("empty command")
        return command

    def _operand(self) -> nodes.Node | None:
        node = self._term()
        if node is None or self._peek().kind is not Kind.FIELD:
            return node
        chain = nodes.Chain(self._peek().position, node)
        while self._peek().kind is Kind.FIELD:
            chain.fields.append(self._take().text[1:])
        if isinstance(node, nodes.Field):
            return nodes.Field(chain.position, node.names + chain.fields)
        if isinstance(node, nodes.Variable):
            return nodes.Variable(chain.position, node.names + chain.fields)
        if isinstance(node, _CONSTANTS):
            raise self._error(f"unexpected . after term {quote(str(node))}")
        return chain

    def _term(self) -> nodes.Node | None:
        token = self._peek_solid()
        kind, position, text = token
        if kind is Kind.FIELD:
            self._take()
            return nodes.Field(position, [text[1:]])
        if kind is Kind.IDENTIFIER or self._is_loop_word(token):
            self._take()
            if text not in self._functions:
                raise self._error(f"function {quote(text)} not defined")
            return nodes.Identifier(position, text)
        if kind in (Kind.STRING, Kind.RAW_STRING):
            self._take()
            return nodes.String(position, text, self._unquoted(token))
        if kind not in _OPERANDS:
            return None
        self._take()
        match kind:
            case Kind.VARIABLE:
                if text not in self._variables:
                    raise self._error(f"undefined variable {quote(text)}")
                return nodes.Variable(position, [text])
            case Kind.LEFT_PAREN:
                if self._parens >= MAX_NESTING:
                    raise self._error("max expression depth exceeded")
                self._parens += 1
                pipe = self._pipeline("parenthesized pipeline", Kind.RIGHT_PAREN)
                self._parens -= 1
                return pipe
            case Kind.DOT:
                return nodes.Dot(position)
            case Kind.NIL:
                return nodes.Nil(position)
            case Kind.BOOL:
                return nodes.Bool(position, text == "true")
        try:
            values = constant(text, character=kind is Kind.CHAR_CONSTANT, is_complex=kind is Kind.COMPLEX)
        except ValueError as problem:
            raise self._error(str(problem)) from problem
        return nodes.Number(position, text, *values)
