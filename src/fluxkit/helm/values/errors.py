"""What is wrong with values."""

from fluxkit.helm.errors import ValuesError

__all__ = ["NoTable", "NoValue", "SchemaError", "SetError"]


class SetError(ValuesError):
    """A ``--set`` expression that cannot be parsed, or that contradicts the values it is set into."""


class SchemaError(ValuesError):
    """Values that do not keep a chart's ``values.schema.json``, or a schema that is none."""


class NoTable(ValuesError):
    """Something on a path is no mapping."""

    def __init__(self, key: str) -> None:
        super().__init__(f'"{key}" is not a table')


class NoValue(ValuesError):
    """There is nothing at a path, or a mapping."""

    def __init__(self, key: str) -> None:
        super().__init__(f'"{key}" is not a value')
