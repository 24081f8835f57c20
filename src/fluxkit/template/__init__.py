"""Go's text/template in Python: parse once, execute many times, the same bytes and the same error messages.

Values keep their Go types (:mod:`fluxkit.template.values`); functions are a mapping from name to callable
(:mod:`fluxkit.template.functions`). Pure: no files, no network, no clock; what a template may use up is bounded by
:class:`Limits`. It refuses to reach into Python: a template sees map keys, declared fields and declared methods only.

Upstream: golang/go ``src/text/template`` and ``src/fmt``.
"""

from fluxkit.template.errors import ExecError, FunctionError, LimitError, ParseError, TemplateError
from fluxkit.template.functions import Function, function
from fluxkit.template.limits import Budget, Limits
from fluxkit.template.template import Template, add_definitions, define

__all__ = [
    "Budget",
    "ExecError",
    "Function",
    "FunctionError",
    "LimitError",
    "Limits",
    "ParseError",
    "Template",
    "TemplateError",
    "add_definitions",
    "define",
    "function",
]
