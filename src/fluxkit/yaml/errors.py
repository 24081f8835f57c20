"""The one error of the package."""

__all__ = ["YAMLError"]


class YAMLError(ValueError):
    """A text that is not acceptable YAML, or that exceeds a limit.

    ``line`` and ``column`` count from 1 and are ``None`` where no single place is to blame.
    """

    def __init__(self, source: str, problem: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(source, problem, line, column)
        self.source = source
        self.problem = problem
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return f"{self.source}:{self.line}: {self.problem}" if self.line else f"{self.source}: {self.problem}"
