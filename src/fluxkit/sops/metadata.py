"""The ``sops`` part of a file: master keys, rules, MAC (getsops/sops ``stores/stores.go``, ``metadata.go``)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from fluxkit.sops.errors import MetadataNotFound, SopsError
from fluxkit.sops.flatten import flatten, unflatten
from fluxkit.sops.rules import Rules
from fluxkit.sops.tree import Branch, Document
from fluxkit.sops.values import Comment, Timestamp

__all__ = ["MasterKey", "Metadata", "extract_metadata", "metadata_branch"]

METADATA_KEY: Final = "sops"
METADATA_PREFIX: Final = "sops_"

_KINDS: Final = ("kms", "gcp_kms", "hckms", "azure_kv", "hc_vault", "pgp", "age")
"""The kinds of master keys in the order in which a group holds them."""

_RULES: Final = (
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
)


@dataclass(frozen=True)
class MasterKey:
    """A key that encrypts the data key of a file, or a share of it.

    ``kind`` is one of ``age``, ``pgp``, ``kms`` (AWS), ``gcp_kms``, ``azure_kv``, ``hc_vault``, ``hckms`` (Huawei);
    ``fields`` are what the file says of it, such as ``recipient`` or ``arn``; ``encrypted`` is the encrypted data key
    as the file has it: armored text for age and PGP, base64 for the clouds, ``vault:v1:...`` for Vault.
    """

    kind: str
    fields: Mapping[str, str]
    encrypted: str
    context: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What a person recognises the key by."""
        get = self.fields.get
        match self.kind:
            case "age":
                return get("recipient", "")
            case "pgp":
                return get("fp", "")
            case "kms":
                return self._arn()
            case "gcp_kms":
                return get("resource_id", "")
            case "azure_kv":
                return f"{get('vault_url', '')}/keys/{get('name', '')}/{get('version', '')}"
            case "hc_vault":
                return f"{get('vault_address', '')}/v1/{get('engine_path', '')}/keys/{get('key_name', '')}"
        return get("key_id", "")

    def _arn(self) -> str:
        arn, role, profile = (self.fields.get(each, "") for each in ("arn", "role", "aws_profile"))
        text = f"{arn}+{role}" if role else arn
        context = ",".join(f"{key}:{self.context[key]}" for key in sorted(self.context))
        if profile:
            return f"{text}|{context}|{profile}"
        return f"{text}|{context}" if context else text


@dataclass(frozen=True)
class Metadata:
    """What a file says about its own encryption."""

    groups: tuple[tuple[MasterKey, ...], ...]
    rules: Rules
    last_modified: str
    """RFC 3339; it is authenticated with the MAC."""
    mac: str
    version: str = ""
    shamir_threshold: int = 0


def extract_metadata(document: Document, layout: str, *, escaped: bool = False) -> tuple[Document, Metadata]:
    """Splits a document as read into its content and its metadata.

    ``layout`` is ``nested`` (YAML, JSON), ``section`` (INI: flattened below the key ``sops``) or ``flat`` (dotenv:
    every key starts with ``sops_``); ``escaped`` says that newlines are spelled ``\\n``. Raises
    :class:`MetadataNotFound` and :class:`SopsError`.
    """
    content, tree = _flat(document) if layout == "flat" else _nested(document)
    if tree is None:
        raise MetadataNotFound
    if layout != "nested":
        if escaped:
            tree = Branch((key, v.replace("\\n", "\n") if isinstance(v, str) else v) for key, v in tree)
        tree = unflatten(tree)
    return content, _metadata(_plain(tree))


def _nested(document: Document) -> tuple[Document, Branch | None]:
    found: Branch | None = None
    content: Document = []
    for index, branch in enumerate(document):
        kept = Branch()
        for key, value in branch:
            if key != METADATA_KEY:
                kept.append((key, value))
                continue
            if index > 0:
                continue
            if found is not None:
                raise SopsError(f"Found duplicate {METADATA_KEY} entry")
            if not isinstance(value, Branch):
                raise SopsError(f"Found {METADATA_KEY} entry that is not a mapping")
            found = value
        content.append(kept)
    return content, found


def _flat(document: Document) -> tuple[Document, Branch | None]:
    if not document:
        return [], None
    kept, found = Branch(), Branch()
    for key, value in document[0]:
        if isinstance(key, str) and key.startswith(METADATA_PREFIX):
            found.append((key[len(METADATA_PREFIX) :], value))
        else:
            kept.append((key, value))
    return [kept, *document[1:]], found or None


def _plain(value: Any) -> Any:
    if isinstance(value, Branch):
        return {key: _plain(each) for key, each in value if not isinstance(key, Comment)}
    if isinstance(value, list):
        return [_plain(each) for each in value if not isinstance(each, Comment)]
    return value


def _metadata(data: Mapping[str, Any]) -> Metadata:
    texts: dict[str, Any] = {name: _text(data.get(name), name) for name in _RULES}
    rules = Rules(**texts, mac_only_encrypted=_flag(data.get("mac_only_encrypted")))
    rules.check()
    if not any(getattr(rules, name) for name in _RULES):
        rules = Rules(unencrypted_suffix="_unencrypted", mac_only_encrypted=rules.mac_only_encrypted)
    return Metadata(
        groups=_groups(data),
        rules=rules,
        last_modified=_last_modified(_text(data.get("lastmodified"), "lastmodified")),
        mac=_text(data.get("mac"), "mac"),
        version=_text(data.get("version"), "version"),
        shamir_threshold=_number(data.get("shamir_threshold")),
    )


def _groups(data: Mapping[str, Any]) -> tuple[tuple[MasterKey, ...], ...]:
    single = _group(data)
    if single:
        return (single,)
    groups = _list(data.get("key_groups"), "key_groups")
    if not groups:
        raise SopsError("No keys found in file")
    return tuple(_group(each) for each in groups)


def _group(data: Mapping[str, Any]) -> tuple[MasterKey, ...]:
    return tuple(_master_key(kind, each) for kind in _KINDS for each in _list(data.get(kind), kind))


def _master_key(kind: str, data: Mapping[str, Any]) -> MasterKey:
    fields = {name: _text(value, f"{kind}.{name}") for name, value in data.items() if name not in ("enc", "context")}
    context = data.get("context") or {}
    if not isinstance(context, dict):
        raise SopsError(f"sops metadata: {kind}.context: expected a mapping")
    pairs = {str(name): _text(value, f"{kind}.context") for name, value in context.items() if value is not None}
    return MasterKey(kind, fields, _text(data.get("enc"), f"{kind}.enc"), pairs)


def _list(value: Any, name: str) -> list[Mapping[str, Any]]:
    """A single entry may stand for a list of one."""
    values = value if isinstance(value, list) else [value] if value else []
    for each in values:
        if not isinstance(each, dict):
            raise SopsError(f"sops metadata: {name}: expected a list of mappings")
    return values


def _text(value: Any, name: str) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case Timestamp():
            return value.text
        case bool():
            return "1" if value else "0"
        case int() | float():
            return str(value)
    raise SopsError(f"sops metadata: {name}: expected text")


def _flag(value: Any) -> bool:
    return value in (True, 1) or (isinstance(value, str) and value in ("1", "t", "T", "true", "TRUE", "True"))


def _number(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError):
        raise SopsError("sops metadata: shamir_threshold: expected a number") from None


def _last_modified(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise SopsError("sops metadata: lastmodified: expected a time in RFC 3339") from None
    return text


# --- writing ---


def metadata_branch(metadata: Metadata, layout: str, *, escaped: bool = False) -> Branch:
    """The pairs that a file carries for its metadata, sorted as upstream writes them."""
    data: dict[str, Any] = {name: getattr(metadata.rules, name) for name in _RULES if getattr(metadata.rules, name)}
    if metadata.rules.mac_only_encrypted:
        data["mac_only_encrypted"] = True
    if metadata.shamir_threshold:
        data["shamir_threshold"] = metadata.shamir_threshold
    data |= {"lastmodified": metadata.last_modified, "mac": metadata.mac, "version": metadata.version}
    if len(metadata.groups) == 1:
        data |= _group_data(metadata.groups[0])
    else:
        # upstream writes these two kinds of a group also where there are none
        data["key_groups"] = [{"hc_vault": [], "age": []} | _group_data(group) for group in metadata.groups]
    tree = _tree(data)
    if layout == "nested":
        return Branch([(METADATA_KEY, tree)])
    pairs = flatten(tree, METADATA_PREFIX if layout == "flat" else "")
    if escaped:
        pairs = Branch((key, v.replace("\n", "\\n") if isinstance(v, str) else v) for key, v in pairs)
    return pairs if layout == "flat" else Branch([(METADATA_KEY, pairs)])


def _group_data(group: tuple[MasterKey, ...]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for key in group:
        entry: dict[str, Any] = {**key.fields, "enc": key.encrypted}
        if key.context:
            entry["context"] = dict(key.context)
        data.setdefault(key.kind, []).append(entry)
    return data


def _tree(value: Any) -> Any:
    if isinstance(value, dict):
        return Branch((key, _tree(value[key])) for key in sorted(value))
    if isinstance(value, list):
        return [_tree(each) for each in value]
    return value
