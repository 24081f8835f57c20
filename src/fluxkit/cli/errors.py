"""How a command fails: one line that says what is wrong, and advice on what to do about it."""

__all__ = ["CommandError"]


class CommandError(Exception):
    """Ends the command. ``advice`` is printed below the message, one line each.

    An ``exit_code`` of 1 that was asked for with ``warn`` is printed as a warning: the command worked, and its result
    is a reason to fail a script (fluxcd/flux2 cmd/flux/main.go RequestError).
    """

    def __init__(self, message: str, *, advice: tuple[str, ...] = (), exit_code: int = 1, warn: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.exit_code = exit_code
        self.warn = warn
