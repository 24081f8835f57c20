"""The text of a YAML file, or go-yaml's complaint about its encoding (go.yaml.in/yaml/v2 ``readerc.go``)."""

from fluxkit.helm.errors import HelmError

__all__ = ["EncodingProblem", "text_of_yaml"]


class EncodingProblem(HelmError):
    """Bytes that are not UTF-8."""


def text_of_yaml(data: bytes) -> str:
    """Raises EncodingProblem."""
    try:
        return data.decode()
    except UnicodeDecodeError as problem:
        if "unexpected end" in problem.reason:
            found = "incomplete UTF-8 octet sequence"
        elif "continuation" in problem.reason:
            found = "invalid trailing UTF-8 octet"
        else:
            found = "invalid leading UTF-8 octet"
        raise EncodingProblem(f"error converting YAML to JSON: yaml: {found}") from None
