"""The error of a build, in upstream's words where people search for them."""

__all__ = ["HTTPFailure", "KustomizeError", "MalformedYAML", "MissingFile", "RemoteTimeout", "go_quote"]


class KustomizeError(Exception):
    """A build that cannot succeed.

    ``str(error)`` is the message as kustomize words it, outermost context first. ``file`` (the kustomization or
    resource file), ``field`` (a field of the kustomization) and ``resource`` (an id as upstream prints it) say where,
    as far as they are known. Inner errors keep their place when outer layers add context with :meth:`wrap`.
    """

    def __init__(self, message: str, *, file: str = "", field: str = "", resource: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.field = field
        self.resource = resource

    def __str__(self) -> str:
        return self.message

    def wrap(self, context: str) -> "KustomizeError":
        """The same error behind ``context: ``."""
        return self.reworded(f"{context}: {self.message}")

    def reworded(self, message: str) -> "KustomizeError":
        """An error of the same kind and place with another message."""
        other = type(self)(message, file=self.file, field=self.field, resource=self.resource)
        other.__cause__ = self.__cause__ or self
        return other

    def at(self, *, file: str = "", field: str = "", resource: str = "") -> "KustomizeError":
        """Fill in the place where it is not known yet; inner knowledge wins."""
        self.file = self.file or file
        self.field = self.field or field
        self.resource = self.resource or resource
        return self


class MalformedYAML(KustomizeError):
    """A file that is not YAML; it is reported alone, because trying it as a directory would only confuse."""


class MissingFile(KustomizeError):
    """A file that does not exist or is not a file."""


class RemoteTimeout(KustomizeError):
    """Fetching a remote base took too long; there is a repository, so both errors matter."""


class HTTPFailure(KustomizeError):
    """A remote file that the server refused; nothing else is tried."""


def go_quote(text: str) -> str:
    """A text as Go's ``%q`` prints it, as far as messages need it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
