"""What goes wrong with a template. ``str`` of each is Go's message, byte for byte where Go has one."""

__all__ = ["ExecError", "FunctionError", "LimitError", "ParseError", "TemplateError"]


class TemplateError(ValueError):
    """Any failure of a template; the message names template, line and column as Go does."""


class ParseError(TemplateError):
    """The text is no template: ``template: name:line: problem``."""


class ExecError(TemplateError):
    """Executing failed: ``template: name:line:col: executing "name" at <context>: problem``."""


class LimitError(TemplateError):
    """The template asked for more steps, output or nesting than it was given; not in Go, which has no limits."""


class FunctionError(ValueError):
    """Raised by template functions in the place of Go's error result; becomes ``error calling NAME: text``."""
