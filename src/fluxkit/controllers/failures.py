"""How an attempt ends that does not succeed; what is raised becomes the Ready condition and an event."""

__all__ = ["Held", "StepFailed"]


class StepFailed(Exception):
    """A step of the attempt failed: ``reason`` is that of the Ready condition, the text its message.

    ``event`` is what the event says, by default the same.
    """

    def __init__(self, reason: str, message: str, *, event: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.event = event or message


class Held(StepFailed):
    """Everything was done that may be done without somebody's decision; it has been told, and a retry is pointless."""
