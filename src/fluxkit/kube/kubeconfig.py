"""kubeconfig files: reading, merging, and what one context of them says.

Merging follows client-go ``tools/clientcmd/loader.go``: of several files the first that names a cluster, user or
context wins, and so does the first ``current-context``; a relative path starts at the file that holds it. Errors name
the file and the field, and never the value of a secret field.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fluxkit.kube.credentials import (
    CertificateFiles,
    CertificatePair,
    Combined,
    Credentials,
    Identity,
    StaticCredentials,
    TokenFile,
    basic,
    bearer,
)
from fluxkit.kube.errors import ConfigError
from fluxkit.kube.section import Section, kind_of

__all__ = ["TRUSTED", "Kubeconfig", "ResolvedContext", "Trust", "credentials_of", "read_files"]


@dataclass(frozen=True, slots=True)
class Trust:
    """What a kubeconfig may make this process do: read files, run programs, skip TLS verification."""

    files: bool = True
    execute: bool = True
    insecure_tls: bool = True


TRUSTED: Final = Trust()


@dataclass(frozen=True, slots=True)
class ResolvedContext:
    """A context with its cluster and user entries; a user that is not named is empty."""

    name: str
    context: Section
    cluster: Section
    user: Section


@dataclass(slots=True)
class Kubeconfig:
    """The content of one kubeconfig, or of several merged."""

    source: str
    current_context: str = ""
    clusters: dict[str, Section] = field(default_factory=dict)
    users: dict[str, Section] = field(default_factory=dict)
    contexts: dict[str, Section] = field(default_factory=dict)

    @classmethod
    def from_document(cls, doc: object, source: str, base_dir: Path | None) -> "Kubeconfig":
        if not isinstance(doc, Mapping):
            raise ConfigError(f"{source}: not a kubeconfig: expected a mapping, found {kind_of(doc)}")
        kind = doc.get("kind")
        if kind not in (None, "", "Config"):
            raise ConfigError(f'{source}: not a kubeconfig: kind is "{kind}", expected "Config"')
        whole = Section(source, doc, base_dir)
        return cls(
            source,
            whole.text("current-context"),
            _named(whole, "clusters", "cluster"),
            _named(whole, "users", "user"),
            _named(whole, "contexts", "context"),
        )

    def merge(self, other: "Kubeconfig") -> None:
        """Add what ``other`` says and this does not."""
        self.source = f"{self.source}, {other.source}"
        self.current_context = self.current_context or other.current_context
        for mine, theirs in (
            (self.clusters, other.clusters),
            (self.users, other.users),
            (self.contexts, other.contexts),
        ):
            for name, section in theirs.items():
                mine.setdefault(name, section)

    def resolve(
        self, context: str | None = None, cluster: str | None = None, user: str | None = None
    ) -> ResolvedContext:
        """The context to use (``current-context`` unless named), with overrides of its cluster and user names."""
        name = context or self.current_context
        found = self.contexts.get(name)
        if found is None:
            if context or (name and not cluster):
                raise ConfigError(f'{self.source}: context "{name}" does not exist{_choices(self.contexts)}')
            if not cluster:
                raise ConfigError(f"{self.source}: current-context is not set{_choices(self.contexts)}")
            found = Section(f"{self.source}: contexts", {})
        cluster_name, user_name = cluster or found.text("cluster"), user or found.text("user")
        if not cluster_name:
            raise found.error("cluster", "is required")
        if cluster_name not in self.clusters:
            raise ConfigError(f'{found.where}: cluster "{cluster_name}" does not exist{_choices(self.clusters)}')
        if user_name and user_name not in self.users:
            raise ConfigError(f'{found.where}: user "{user_name}" does not exist{_choices(self.users)}')
        nobody = Section(f"{self.source}: users", {})
        return ResolvedContext(name, found, self.clusters[cluster_name], self.users.get(user_name, nobody))


def read_files(paths: Sequence[Path], *, must_exist: bool) -> Kubeconfig | None:
    """The merged content of the files; absent ones are skipped unless ``must_exist``; None if there was none."""
    from fluxkit import yaml

    merged: Kubeconfig | None = None
    for path in paths:
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            if must_exist:
                raise ConfigError(f"kubeconfig {path}: does not exist") from None
            continue
        except OSError as error:
            raise ConfigError(f"kubeconfig {path}: {error.strerror}") from None
        try:
            document = yaml.load(text, source=str(path))
        except yaml.YAMLError as error:
            # The problem text of a parser may quote the line, and a line of a kubeconfig may be a secret.
            raise ConfigError(f"kubeconfig {path}: line {error.line}: is not valid YAML") from None
        parsed = Kubeconfig.from_document({} if document is None else document, f"kubeconfig {path}", path.parent)
        if merged is None:
            merged = parsed
        else:
            merged.merge(parsed)
    return merged


def credentials_of(found: ResolvedContext, trust: Trust = TRUSTED) -> Credentials:
    """The credentials of a user entry, as far as it is trusted.

    As client-go: a token file wins over an inline token, inline certificate data over files, and an exec plugin gives
    only what nothing else does.
    """
    user = found.user
    sources: list[Credentials] = []
    identity = _authorization(user, trust)
    if trust.files and user.text("tokenFile"):
        sources.append(TokenFile(user.path("tokenFile")))
    elif identity is not None:
        sources.append(StaticCredentials(identity))
    certificate, key = user.data("client-certificate-data"), user.data("client-key-data")
    if certificate and key:
        sources.append(StaticCredentials(Identity(certificate=CertificatePair(certificate, key))))
    elif trust.files:
        files = _certificate_files(user, certificate, key)
        if files is not None:
            sources.append(files)
    elif certificate or key:
        raise user.error("client-key-data", "client-certificate-data and client-key-data must be given together")
    plugin = user.section("exec")
    if plugin is not None and trust.execute:
        # Imported here because few kubeconfigs have a plugin and it needs subprocess.
        from fluxkit.kube.exec import ExecCredentials, plugin_of

        sources.append(ExecCredentials(plugin_of(plugin, found.cluster)))
    if trust.files and not sources and (provider := user.section("auth-provider")) is not None:
        name = provider.text("name")
        raise user.error("auth-provider", f'"{name}" is not supported; use an exec plugin (kubelogin, cloud CLIs)')
    return sources[0] if len(sources) == 1 else Combined(tuple(sources)) if sources else StaticCredentials()


def _authorization(user: Section, trust: Trust) -> Identity | None:
    if token := user.text("token"):
        return bearer(token)
    username, password = user.text("username"), user.text("password")
    if username or password:
        if trust.files and user.text("tokenFile"):
            raise user.error("tokenFile", "a token and a user name and password exclude each other")
        return basic(username, password)
    return None


def _certificate_files(user: Section, certificate: bytes, key: bytes) -> Credentials | None:
    certificate_path, key_path = user.path("client-certificate"), user.path("client-key")
    if not (certificate or certificate_path) and not (key or key_path):
        return None
    if not (certificate or certificate_path) or not (key or key_path):
        missing = "client-key" if certificate or certificate_path else "client-certificate"
        raise user.error(missing, "is required: a client certificate needs both the certificate and the key")
    return CertificateFiles(certificate or Path(certificate_path), key or Path(key_path))


def _named(whole: Section, plural: str, singular: str) -> dict[str, Section]:
    entries = whole.body.get(plural)
    if entries is None:
        return {}
    if not isinstance(entries, list):
        raise whole.error(plural, f"expected a list, found {kind_of(entries)}")
    sections: dict[str, Section] = {}
    for number, entry in enumerate(entries):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            raise whole.error(f"{plural}[{number}]", f"expected a mapping with name and {singular}")
        body = entry.get(singular)
        where = f"{whole.where}: {plural}[{entry['name']}].{singular}"
        if body is not None and not isinstance(body, Mapping):
            raise ConfigError(f"{where}: expected a mapping, found {kind_of(body)}")
        sections.setdefault(entry["name"], Section(where, body or {}, whole.base_dir))
    return sections


def _choices(names: Iterable[str]) -> str:
    listed = ", ".join(sorted(names))
    return f" (there are: {listed})" if listed else ""
