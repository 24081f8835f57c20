"""From tokens to nodes (go-yaml ``parserc.go`` and the first half of ``decode.go``).

The order in which tokens are looked at decides which comment goes where, so the steps are upstream's, one by one.
"""

from collections.abc import Iterator
from typing import Any, Final

from yaml.tokens import (
    AliasToken,
    AnchorToken,
    BlockEndToken,
    BlockEntryToken,
    BlockMappingStartToken,
    BlockSequenceStartToken,
    DirectiveToken,
    DocumentEndToken,
    DocumentStartToken,
    FlowEntryToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    KeyToken,
    ScalarToken,
    StreamEndToken,
    TagToken,
    Token,
    ValueToken,
)

from fluxkit.sops.errors import SopsError
from fluxkit.sops.stores.yaml.nodes import Node
from fluxkit.sops.stores.yaml.tokens import CommentTokens, PlainTokens, TokenSource

__all__ = ["documents"]

_MAX_DEPTH: Final = 200
_STANDARD_TAG: Final = "tag:yaml.org,2002:"
_DOCUMENT_BOUNDS: Final = (DirectiveToken, DocumentStartToken, DocumentEndToken, StreamEndToken)


def documents(text: str) -> Iterator[Node]:
    """The documents of a stream; each is a node of kind ``sequence`` whose only item is the root.

    Raises :class:`SopsError` and PyYAML's errors.
    """
    tokens: TokenSource = CommentTokens(text) if "#" in text else PlainTokens(text)
    yield from _Parser(tokens).documents()


class _Parser:
    def __init__(self, tokens: TokenSource) -> None:
        self._tokens = tokens
        self._peek = tokens.peek
        self._skip = tokens.skip
        self._stem = ""
        self._anchors: dict[str, Node] = {}
        self._handles: dict[str, str] = {}
        self._depth = 0

    def documents(self) -> Iterator[Node]:
        self._peek()
        self._skip()  # the start of the stream
        implicit = True
        while (document := self._document(implicit)) is not None:
            yield document
            implicit = False

    def _document(self, implicit: bool) -> Node | None:
        token = self._peek()
        while not implicit and isinstance(token, DocumentEndToken):
            self._skip()
            token = self._peek()
        if isinstance(token, StreamEndToken):
            return None
        document = Node("sequence")
        self._anchors = {}
        self._handles = {"!": "!", "!!": _STANDARD_TAG}
        if implicit and not isinstance(token, DirectiveToken | DocumentStartToken):
            document.head = self._document_head()
            document.content.append(self._node(block=True))
        else:
            token = self._directives(token)
            if not isinstance(token, DocumentStartToken):
                raise _problem("did not find expected <document start>", token)
            self._skip()
            empty = isinstance(self._peek(), _DOCUMENT_BOUNDS)
            document.content.append(Node("scalar") if empty else self._node(block=True))
        if isinstance(self._peek(), DocumentEndToken):
            self._skip()
        ending = Node("scalar")
        self._take_comments(ending)
        document.foot = ending.foot or ending.head
        return document

    def _directives(self, token: Token) -> Token:
        while isinstance(token, DirectiveToken):
            if token.name == "YAML" and token.value[0] != 1:
                raise _problem("found incompatible YAML document", token)
            if token.name == "TAG":
                handle, prefix = token.value
                self._handles[handle] = prefix
            self._skip()
            token = self._peek()
        return token

    def _document_head(self) -> str:
        """The part of the first comment above the last empty line belongs to the document, the rest to the node."""
        head = self._tokens.head
        for index in range(len(head) - 1, 0, -1):
            if head[index] != "\n":
                continue
            if index == len(head) - 1:
                self._tokens.head = head[index + 1 :]
                return head[:index]
            if head[index - 1] == "\n":
                self._tokens.head = head[index + 1 :]
                return head[: index - 1]
        return ""

    def _take_comments(self, node: Node) -> None:
        tokens = self._tokens
        node.head, node.line, node.foot = tokens.head, tokens.line, tokens.foot
        tokens.head = tokens.line = tokens.foot = self._stem = ""

    # --- nodes ---

    def _node(self, *, block: bool, indentless: bool = False) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise SopsError(f"Error unmarshaling input YAML: nested deeper than {_MAX_DEPTH} levels")
        node = self._node_here(block, indentless)
        self._depth -= 1
        return node

    def _node_here(self, block: bool, indentless: bool) -> Node:
        token = self._peek()
        if isinstance(token, AliasToken):
            target = self._anchors.get(token.value)
            if target is None:
                raise _problem(f"unknown anchor '{token.value}' referenced", token)
            node = Node("alias", target=target)
            self._take_comments(node)
            self._skip()
            return node
        anchor, tag, token = self._properties(token)
        match token:
            case BlockEntryToken() if indentless:
                node = self._started("sequence", anchor, tag)
                self._indentless_sequence(node)
            case ScalarToken():
                node = self._started("scalar", anchor, tag)
                node.value, node.style = token.value, token.style or ""
                self._take_comments(node)
                self._skip()
            case FlowSequenceStartToken():
                node = self._started("sequence", anchor, tag)
                self._take_comments(node)
                self._flow_sequence(node)
            case FlowMappingStartToken():
                node = self._started("mapping", anchor, tag)
                self._take_comments(node)
                self._flow_mapping(node)
            case BlockSequenceStartToken() if block:
                node = self._started("sequence", anchor, tag)
                node.head, self._stem = self._stem, ""
                self._block_sequence(node)
            case BlockMappingStartToken() if block:
                node = self._started("mapping", anchor, tag)
                node.head, self._stem = self._stem, ""
                self._block_mapping(node)
            case _:
                if not anchor and not tag:
                    raise _problem("did not find expected node content", token)
                node = self._started("scalar", anchor, tag)
        return node

    def _started(self, kind: Any, anchor: str, tag: str) -> Node:
        node = Node(kind, tag=tag)
        if anchor:
            self._anchors[anchor] = node
        return node

    def _properties(self, token: Token) -> tuple[str, str, Token]:
        anchor = tag = ""
        for _ in range(2):
            if isinstance(token, AnchorToken) and not anchor:
                anchor = token.value
            elif isinstance(token, TagToken) and not tag:
                tag = self._tag(token)
            else:
                break
            self._skip()
            token = self._peek()
        return anchor, tag, token

    def _tag(self, token: TagToken) -> str:
        handle, suffix = token.value
        if handle:
            prefix = self._handles.get(handle)
            if prefix is None:
                raise _problem("found undefined tag handle", token)
            suffix = prefix + suffix
        full: str = suffix
        return "!!" + full[len(_STANDARD_TAG) :] if full.startswith(_STANDARD_TAG) else full

    # --- sequences ---

    def _block_sequence(self, node: Node) -> None:
        self._skip()
        while True:
            token = self._peek()
            if isinstance(token, BlockEndToken):
                self._skip()
                node.line = node.foot = ""
                return
            if not isinstance(token, BlockEntryToken):
                raise _problem("did not find expected '-' indicator", token)
            token = self._entry()
            empty = isinstance(token, BlockEntryToken | BlockEndToken)
            node.content.append(Node("scalar") if empty else self._node(block=True))

    def _indentless_sequence(self, node: Node) -> None:
        while isinstance(self._peek(), BlockEntryToken):
            token = self._entry()
            empty = isinstance(token, BlockEntryToken | KeyToken | ValueToken | BlockEndToken)
            node.content.append(Node("scalar") if empty else self._node(block=True))

    def _entry(self) -> Token:
        """Skips a dash; a comment above it belongs to the collection behind it as a whole."""
        above = len(self._tokens.head)
        self._skip()
        token = self._peek()
        if above and isinstance(token, BlockSequenceStartToken | BlockMappingStartToken):
            head = self._tokens.head
            self._stem = head[:above]
            self._tokens.head = head[above + 1 :]
        return token

    def _flow_sequence(self, node: Node) -> None:
        self._skip()
        first = True
        while not isinstance(token := self._peek(), FlowSequenceEndToken):
            if not first:
                if not isinstance(token, FlowEntryToken):
                    raise _problem("did not find expected ',' or ']'", token)
                self._skip()
                token = self._peek()
            first = False
            if isinstance(token, KeyToken):
                node.content.append(self._pair())
            elif not isinstance(token, FlowSequenceEndToken):
                node.content.append(self._node(block=False))
        self._end_flow(node)

    def _pair(self) -> Node:
        """``key: value`` in a flow sequence: a mapping of one."""
        node = Node("mapping")
        self._skip()
        ends = (FlowEntryToken, FlowSequenceEndToken)
        if isinstance(self._peek(), (ValueToken, *ends)):
            node.content.append(Node("scalar"))
        else:
            node.content.append(self._node(block=False))
        value = Node("scalar")
        if isinstance(self._peek(), ValueToken):
            self._skip()
            if not isinstance(self._peek(), ends):
                value = self._node(block=False)
        node.content.append(value)
        self._peek()
        return node

    def _end_flow(self, node: Node) -> None:
        ending = Node("scalar")
        self._take_comments(ending)
        node.line, node.foot = ending.line, ending.foot
        self._skip()

    # --- mappings ---

    def _block_mapping(self, node: Node) -> None:
        self._skip()
        content = node.content
        while True:
            token = self._peek()
            if isinstance(token, BlockEndToken):
                break
            if not isinstance(token, KeyToken):
                raise _problem("did not find expected key", token)
            self._skip()
            token = self._peek()
            empty = isinstance(token, KeyToken | ValueToken | BlockEndToken)
            key = Node("scalar") if empty else self._node(block=True, indentless=True)
            content.append(key)
            if key.foot and len(content) > 2:
                # dedented: it is below the value before
                content[-3].foot, key.foot = key.foot, ""
            value = self._block_value()
            content.append(value)
            if value.foot and not key.foot:
                key.foot, value.foot = value.foot, ""
        ending = Node("scalar")
        self._take_comments(ending)
        self._skip()
        node.line, node.foot = ending.line, ending.foot
        if node.foot and len(content) > 1:
            content[-2].foot, node.foot = node.foot, ""

    def _block_value(self) -> Node:
        if not isinstance(self._peek(), ValueToken):
            return Node("scalar")
        self._skip()
        if isinstance(self._peek(), KeyToken | ValueToken | BlockEndToken):
            return Node("scalar")
        return self._node(block=True, indentless=True)

    def _flow_mapping(self, node: Node) -> None:
        self._skip()
        first = True
        while not isinstance(token := self._peek(), FlowMappingEndToken):
            if not first:
                if not isinstance(token, FlowEntryToken):
                    raise _problem("did not find expected ',' or '}'", token)
                self._skip()
                token = self._peek()
            first = False
            if isinstance(token, KeyToken):
                self._skip()
                if isinstance(self._peek(), ValueToken | FlowEntryToken | FlowMappingEndToken):
                    key = Node("scalar")
                else:
                    key = self._node(block=False)
                value = self._flow_value()
            elif not isinstance(token, FlowMappingEndToken):
                key = self._node(block=False)
                self._peek()
                value = Node("scalar")
            else:
                break
            node.content += (key, value)
            if value.foot and not key.foot:
                key.foot, value.foot = value.foot, ""
        self._end_flow(node)

    def _flow_value(self) -> Node:
        if not isinstance(self._peek(), ValueToken):
            return Node("scalar")
        self._skip()
        if isinstance(self._peek(), FlowEntryToken | FlowMappingEndToken):
            return Node("scalar")
        return self._node(block=False)


def _problem(text: str, token: Token) -> SopsError:
    return SopsError(f"Error unmarshaling input YAML: yaml: line {token.start_mark.line + 1}: {text}")
