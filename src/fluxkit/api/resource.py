"""The base of every kind: decoding from and encoding to the objects of the Kubernetes API."""

from typing import Any, ClassVar, Self

import msgspec

from fluxkit.api.fields import Model
from fluxkit.api.meta import ObjectMeta
from fluxkit.objects import GroupVersionKind, Object, ObjectKey, ObjectRef, subject

__all__ = ["DecodeError", "Resource", "encode_part"]


class DecodeError(ValueError):
    """An object does not fit the model of its kind; the text names the object and the field."""


class Resource(Model, kw_only=True):
    """A custom resource. Subclasses set the class variables and add ``spec`` and ``status``."""

    GVK: ClassVar[GroupVersionKind]
    PLURAL: ClassVar[str]
    READ_VERSIONS: ClassVar[tuple[str, ...]] = ()
    """Older versions of the group that are served and read with the same fields."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)

    def __post_init__(self) -> None:
        self.api_version = self.GVK.api_version
        self.kind = self.GVK.kind

    @classmethod
    def decode(cls, obj: Object) -> Self:
        """The typed form of an object of this kind, in the current version or an older one.

        Raises :class:`DecodeError` if the object is of another kind or a field has the wrong type.
        """
        api_version, kind = obj.get("apiVersion"), obj.get("kind")
        accepted = {cls.GVK.api_version, *(f"{cls.GVK.group}/{version}" for version in cls.READ_VERSIONS)}
        if kind != cls.GVK.kind or api_version not in accepted:
            raise DecodeError(f"{subject(obj)}: expected a {cls.GVK}, got {api_version}/{kind}")
        try:
            return msgspec.convert(obj, cls)
        except msgspec.ValidationError as error:
            problem, _, path = str(error).partition(" - at ")
            field = path.strip("`").removeprefix("$.") or "object"
            raise DecodeError(f"{subject(obj)}: {field}: {problem}") from None

    def encode(self) -> Object:
        """The object as the API server takes it; fields that equal their defaults are left out."""
        encoded: Object = msgspec.to_builtins(self)
        # omit_defaults compares with the class's empty defaults, so identity has to be put back
        return {"apiVersion": self.GVK.api_version, "kind": self.GVK.kind, **encoded}

    def deep_copy(self) -> Self:
        return msgspec.convert(msgspec.to_builtins(self), type(self))

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(self.metadata.namespace, self.metadata.name)

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.GVK, self.metadata.namespace, self.metadata.name)

    def __str__(self) -> str:
        return str(self.ref)


def encode_part(part: Model) -> dict[str, Any]:
    """The wire form of a part of a resource, such as its status."""
    encoded: dict[str, Any] = msgspec.to_builtins(part)
    return encoded
