"""Tables as upstream prints them: padded cells joined by tabs (fluxcd/flux2 pkg/printers/table_printer.go).

Upstream's table library ends every data row with a tab and the header row with one space instead; scripts that split on
tabs rely on the first, comparisons with upstream's output on both.
"""

from collections.abc import Sequence

__all__ = ["render"]


def render(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table's text. An empty header is left out; a cell of several lines makes its row several lines high."""
    cells = [[cell.split("\n") for cell in row] for row in rows]
    titles = [title.upper() for title in header]
    count = max((len(row) for row in [titles, *rows]), default=0)
    widths = [0] * count
    for column, title in enumerate(titles):
        widths[column] = _width(title)
    for row in cells:
        for column, lines in enumerate(row):
            widths[column] = max(widths[column], *(_width(text) for text in lines))
    text = ""
    if titles:
        text = "\t".join(_pad(title, width) for title, width in zip(titles, widths, strict=True)) + " \n"
    for row in cells:
        for index in range(max((len(lines) for lines in row), default=0)):
            for lines, width in zip(row, widths, strict=False):
                text += _pad(lines[index] if index < len(lines) else "  ", width) + "\t"
            text += "\n"
    return text


def _pad(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """The number of terminal columns that a text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)
