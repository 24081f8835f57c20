"""CEL as the API server speaks it: the expressions of custom resources' rules, of admission policies and of webhooks.

Promises the functions that Kubernetes 1.37 adds to CEL (``libraries``) over JSON values, and problems in cel-go's words
where they are known. Expressions are compiled and run by Google's implementation, which is loaded with the first.

Refuses static typing (every variable is dynamic, so that a mistyped field is only found when it is read), estimated
costs, and ``string()`` of values that are not CEL's own. What one evaluation may cost is bounded by the
implementation's budget of iterations, which is smaller than the API server's.
"""

from fluxkit.sandbox.validation.expressions.environment import (
    COST_EXCEEDED,
    CompileError,
    Program,
    Unavailable,
    compile_expression,
)
from fluxkit.sandbox.validation.expressions.values import as_seen

__all__ = ["COST_EXCEEDED", "CompileError", "Program", "Unavailable", "as_seen", "compile_expression"]
