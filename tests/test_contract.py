"""The contract: every item that a test claims is defined in docs/contract, and that copy is the current one."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = ROOT / "docs" / "contract"
SHARED = ROOT.parent / "shared" / "reference"

DEFINED = re.compile(r"^\s*(?:[-*]\s+|\|\s*|#+\s+|\d+\.\s+)?(?:\*\*|`)?([A-Z]{2,4}-\d{2,4}[a-z]?)\b", re.MULTILINE)


def defined() -> set[str]:
    return {item for document in CONTRACT.glob("*.md") for item in DEFINED.findall(document.read_text())}


def claims(path: Path) -> list[tuple[int, str]]:
    """(line, item) for each argument of a ``contract`` mark."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "contract":
            for argument in node.args:
                assert isinstance(argument, ast.Constant), f"{path}:{node.lineno}: contract items must be literals"
                assert isinstance(argument.value, str)
                found.append((argument.lineno, argument.value))
    return found


def test_every_claimed_item_is_defined() -> None:
    known = defined()
    unknown = [
        f"{path.relative_to(ROOT)}:{line}: {item}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for line, item in claims(path)
        if item not in known
    ]
    assert not unknown, "claimed, but defined in no document of docs/contract: " + ", ".join(unknown)


def test_the_contract_defines_items_of_every_area() -> None:
    prefixes = {item.split("-")[0] for item in defined()}
    assert {"KUS", "RUN", "SRC", "CLI", "KZB"} <= prefixes


@pytest.mark.skipif(not SHARED.is_dir(), reason="the original of the contract is not beside this checkout")
def test_the_copy_of_the_contract_is_current() -> None:
    originals = {path.name: path.read_bytes() for path in SHARED.glob("*.md")}
    copies = {path.name: path.read_bytes() for path in CONTRACT.glob("*.md")}
    behind = sorted(name for name in originals if copies.get(name) != originals[name])
    assert not behind, f"docs/contract is behind: {', '.join(behind)}"
