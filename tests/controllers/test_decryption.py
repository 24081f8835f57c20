"""Which files and fields are decrypted, in which format, and what is said of those that cannot be."""

import base64
import contextlib
import os
from pathlib import Path

import orjson
import pytest

from fluxkit.controllers.building.decryption import decrypt_objects, decrypt_sources
from fluxkit.controllers.building.manifests import BuildFailed, BuildRequest, Manifests, build_manifests
from fluxkit.controllers.building.plaintext import DecryptedSources, DecryptionFailed, DecryptionKeys
from fluxkit.objects import Object
from fluxkit.sops import Deferred, Format, Rules, encrypt_file
from tests.controllers.test_overlay import spec
from tests.sops.fixture import SECRET, Case, key
from tests.sops.owner import age_owner

KEYS = DecryptionKeys((key("age.agekey"),))


def write(root: Path, **files: str | bytes) -> None:
    """Files by path, with ``__`` for ``/`` and ``_dot_`` for ``.``."""
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def decrypt(root: Path, directory: str = "app") -> DecryptedSources:
    return decrypt_sources(root, directory, {}, KEYS)


def failure(root: Path, directory: str = "app") -> str:
    with pytest.raises(DecryptionFailed) as caught:
        decrypt(root, directory)
    assert SECRET not in str(caught.value)
    assert str(root) not in str(caught.value), "paths are told as the repository has them"
    return str(caught.value)


def generator(files: str = "", envs: str = "", kind: str = "secretGenerator") -> str:
    return f"{kind}: [{{name: x, files: [{files}], envs: [{envs}]}}]\n"


# --- files before the build ---


@pytest.mark.contract("KUS-115", "KUS-116")
def test_the_format_comes_from_key_and_path(tmp_path: Path) -> None:
    write(
        tmp_path,
        app__kustomization_dot_yaml=generator("config.json=raw, plain.yaml, d.dockerconfigjson", "login, login.env")
        + "patches: [{path: patch.yml}, {patch: '{}'}]\n",
        app__raw=Case("json").encrypted,
        app__plain_dot_yaml="not: encrypted\n",
        app__d_dot_dockerconfigjson=Case("dockerconfig").encrypted,
        app__login=Case("dotenv").encrypted,
        app__login_dot_env=Case("dotenv").encrypted,
        app__patch_dot_yml=Case("yaml").encrypted,
    )
    found = decrypt(tmp_path)
    assert found.files == {
        "app/raw": Case("json").decrypted,
        "app/d.dockerconfigjson": Case("dockerconfig").decrypted,
        "app/login": Case("dotenv").decrypted,
        "app/login.env": Case("dotenv").decrypted,
        "app/patch.yml": Case("yaml").decrypted,
    }
    assert found.read == {*found.files, "app/plain.yaml", "app/kustomization.yaml"}


def test_the_root_of_a_source(tmp_path: Path) -> None:
    write(tmp_path, kustomization_dot_yaml=generator("", "a.env, ./sub/b.env"), a_dot_env=Case("dotenv").encrypted)
    write(tmp_path, sub__b_dot_env=Case("dotenv").encrypted)
    assert set(decrypt(tmp_path, "").files) == {"a.env", "sub/b.env"}


@pytest.mark.contract("KUS-116")
def test_a_file_without_the_mark_of_its_format_is_left_alone(tmp_path: Path) -> None:
    write(
        tmp_path,
        app__kustomization_dot_yaml=generator("values.yaml, settings.ini=s, raw=y"),
        app__values_dot_yaml=Case("json").encrypted,  # JSON has another mark than YAML
        app__s="[section]\nkey = value\n",
        app__y=Case("yaml").encrypted,
    )
    assert decrypt(tmp_path).files == {}


@pytest.mark.contract("KUS-117")
def test_what_is_not_decrypted(tmp_path: Path) -> None:
    write(
        tmp_path,
        app__kustomization_dot_yaml=generator("a.yaml", kind="configMapGenerator") + "patchesStrategicMerge: [a.yaml]\n"
        "patches: [{path: https://example.com/patch.yaml}, {patch: 'sops: {mac: ENC[}'}]\n"
        "secretGenerator: [{name: x, literals: ['a=mac: ENC[']}]\n",
        app__a_dot_yaml=Case("yaml").encrypted,
    )
    assert decrypt(tmp_path).files == {}


@pytest.mark.contract("KUS-115", "KUS-120", "KUS-121")
def test_resources_and_components_are_walked_once(tmp_path: Path) -> None:
    env = Case("dotenv").encrypted
    write(
        tmp_path,
        app__kustomization_dot_yaml="resources: [../base, missing, file.yaml, 'https://example.com/x?ref=1']\n"
        "components: [../component]\n" + generator("", "../shared/login.env"),
        app__file_dot_yaml="{}",
        base__kustomization_dot_yml="resources: [../app]\n" + generator("", "../shared/login.env, own.env"),
        base__own_dot_env=env,
        component__Kustomization=generator("", "c.env"),
        component__c_dot_env=env,
        shared__login_dot_env=env,
    )
    found = decrypt(tmp_path)
    assert set(found.files) == {"shared/login.env", "base/own.env", "component/c.env"}
    assert {"base/kustomization.yml", "component/Kustomization"} <= found.read
    assert {"app/Kustomization", "base/kustomization.yaml"} <= found.absent


@pytest.mark.contract("KUS-120")
@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ((), "no kustomization file found"),
        (("kustomization.yaml", "Kustomization"), "found multiple kustomization files"),
    ],
)
def test_a_directory_needs_exactly_one_kustomization(tmp_path: Path, names: tuple[str, ...], problem: str) -> None:
    write(tmp_path, app__kustomization_dot_yaml="resources: [../base]\n", base__x="")
    for name in names:
        (tmp_path / "base" / name).write_text("{}")
    assert failure(tmp_path) == problem


@pytest.mark.contract("KUS-119")
def test_files_that_are_too_large_missing_or_none(tmp_path: Path) -> None:
    write(tmp_path, app__kustomization_dot_yaml=generator("big"), app__big=b"x" * ((5 << 20) + 1))
    assert failure(tmp_path) == "cannot decrypt file with size (5242881 bytes) exceeding limit (5242880)"
    write(tmp_path, app__kustomization_dot_yaml=generator("gone"))
    assert failure(tmp_path) == "lstat app/gone: no such file or directory"
    write(tmp_path, app__kustomization_dot_yaml=generator("."))
    assert failure(tmp_path) == "cannot decrypt irregular file as it has file mode type bits set"


@pytest.mark.contract("KUS-121", "KUS-360")
def test_nothing_outside_of_the_root_is_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    outside = tmp_path / "outside.env"
    outside.write_bytes(Case("dotenv").encrypted)
    write(
        root,
        app__kustomization_dot_yaml=generator("", f"../../outside.env, {outside}, link.env"),
        outside_dot_env=b"A=b\n",
    )
    os.symlink(outside, root / "app" / "link.env")
    for name in ("../../outside.env", str(outside), "link.env"):
        write(root, app__kustomization_dot_yaml=generator("", name))
        with contextlib.suppress(DecryptionFailed):
            assert decrypt(root).files == {}


@pytest.mark.contract("KUS-121")
def test_links_inside_the_root_are_followed(tmp_path: Path) -> None:
    write(
        tmp_path,
        app__kustomization_dot_yaml=generator("", ".secrets/login.env")
        + "generatorOptions: {disableNameSuffixHash: true}\n",
        shared__login_dot_env=Case("dotenv").encrypted,
    )
    os.symlink("../shared", tmp_path / "app" / ".secrets")
    found = decrypt(tmp_path)
    assert set(found.files) == {"shared/login.env"}
    assert "app/.secrets" in found.read, "another target of the link is another result"
    (secret,) = build(tmp_path).objects
    assert base64.b64decode(secret["data"]["PASSWORD"]).decode() == SECRET


def test_failures_name_the_file(tmp_path: Path) -> None:
    write(tmp_path, app__kustomization_dot_yaml=generator("", "a.env"), app__a_dot_env=Case("dotenv").encrypted)
    other = DecryptionKeys((key("age-other.agekey"),))
    with pytest.raises(DecryptionFailed, match=r"^app/a\.env: cannot get sops data key: Failed to get the data key"):
        decrypt_sources(tmp_path, "app", {}, other)


def test_keys_of_services_are_collected_over_all_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        app__kustomization_dot_yaml=generator("", "a.env, b.env"),
        app__a_dot_env=Case("pgp-or-age").encrypted,
        app__b_dot_env=Case("vault").encrypted,
    )
    with pytest.raises(Deferred) as caught:
        decrypt(tmp_path)
    assert sorted(each.kind for each in caught.value.keys) == ["hc_vault", "pgp"]


# --- objects after the build ---


def secret(**data: bytes) -> Object:
    names = {name.replace("_dot_", "."): base64.b64encode(content).decode() for name, content in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "apps"}, "data": names}


@pytest.mark.contract("KUS-112", "KUS-113", "KUS-114")
def test_fields_of_secrets(tmp_path: Path) -> None:
    obj = secret(
        a_dot_yaml=Case("yaml").encrypted,
        b_dot_json=Case("json").encrypted,
        c_dot_env=Case("dotenv").encrypted,
        d_dot_ini=Case("ini").encrypted,
        e=Case("binary").encrypted,
        _dot_dockerconfigjson=Case("dockerconfig").encrypted,
        f_dot_yaml=Case("json").encrypted,
        plain=b"plain",
    )
    obj["data"]["broken"] = "no base64!"
    (found,) = decrypt_objects([obj], KEYS)
    plain = {name: base64.b64decode(value) for name, value in found["data"].items() if name != "broken"}
    assert plain == {
        "a.yaml": Case("yaml").decrypted,
        "b.json": Case("json").decrypted,
        "c.env": Case("dotenv").decrypted,
        "d.ini": Case("ini").decrypted,
        "e": bytes(range(256)),
        ".dockerconfigjson": Case("dockerconfig").decrypted,
        "f.yaml": plain["f.yaml"],
        "plain": b"plain",
    }
    assert plain["f.yaml"].startswith(b"password: s3cr3t-hunter2\n"), "JSON came in, YAML goes out"
    assert found["data"]["broken"] == "no base64!"


@pytest.mark.contract("KUS-114", "KUS-135")
def test_a_field_whose_name_wants_another_format() -> None:
    with pytest.raises(DecryptionFailed) as caught:
        decrypt_objects([secret(token=Case("yaml").encrypted)], KEYS)
    assert str(caught.value) == (
        "decryption failed for 'Secret.v1.[noGrp]/s': failed to decrypt and format 'apps/s' Secret field 'token': "
        "failed to emit encrypted YAML file as decrypted binary: error emitting binary store: no binary data found in "
        "tree"
    )


@pytest.mark.contract("KUS-110")
@pytest.mark.parametrize("kind", ["ConfigMap", "Deployment", "Widget"])
def test_whole_objects_of_any_kind(kind: str) -> None:
    plain: Object = {
        "apiVersion": "example.com/v1",
        "kind": kind,
        "metadata": {"name": "x"},
        "spec": {"password": SECRET, "count": 3, "ratio": 1.0, "list": [True, None, {"a": 2.5}]},
    }

    rules = Rules(encrypted_regex="^spec$")
    encrypted = encrypt_file(orjson.dumps(plain), Format.JSON, [[age_owner("age.agekey")]], rules)
    obj = orjson.loads(encrypted)
    assert SECRET not in str(obj)
    (found,) = decrypt_objects([obj], KEYS)
    assert found == plain
    assert isinstance(found["spec"]["ratio"], int), "as after a trip through Go's JSON"


@pytest.mark.contract("KUS-109")
def test_objects_may_opt_out() -> None:
    for value, exempt in (("disabled", True), ("Disabled", True), ("enabled", False)):
        obj = secret(login_dot_env=Case("dotenv").encrypted)
        obj["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/decrypt": value}
        (found,) = decrypt_objects([obj], KEYS)
        assert (found == obj) is exempt
        obj["metadata"]["labels"] = {"kustomize.toolkit.fluxcd.io/decrypt": "disabled"}
        del obj["metadata"]["annotations"]
        assert decrypt_objects([obj], KEYS) != [obj], "a label does not count"


# --- in a build ---


def build(root: Path, keys: DecryptionKeys | None = KEYS) -> Manifests:
    return build_manifests(BuildRequest(root=root, path="app", spec=spec(), decryption=keys))


@pytest.mark.contract("KUS-364")
def test_errors_of_the_build_quote_nothing_decrypted(tmp_path: Path) -> None:
    """A patch that is encrypted as a whole, and whose content is wrong in a way that is told with what is wrong."""
    patch = f"- op: replace\n  path: /data/a\n  value: 1\n- op: {SECRET}\n  path: /data/a\n".encode()
    encrypted = encrypt_file(patch, Format.BINARY, [[age_owner("age.agekey")]])
    write(
        tmp_path,
        app__kustomization_dot_yaml="resources: [a.yaml]\npatches: [{path: patch, target: {kind: ConfigMap}}]\n",
        app__a_dot_yaml="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n",
        app__patch=encrypted,
    )
    with pytest.raises(BuildFailed, match="<redacted>") as caught:
        build(tmp_path)
    assert SECRET not in str(caught.value)


def test_a_build_depends_on_what_it_decrypts(tmp_path: Path) -> None:
    write(tmp_path, app__kustomization_dot_yaml=generator("", "a.env"), app__a_dot_env=Case("dotenv").encrypted)
    manifests = build(tmp_path)
    assert {"app/a.env", "app/kustomization.yaml"} <= manifests.inputs.files
    assert (tmp_path / "app" / "a.env").read_bytes() == Case("dotenv").encrypted, "nothing is written"
    with pytest.raises(BuildFailed, match=r"^error decrypting sources: app/a\.env: cannot get sops data key"):
        build(tmp_path, DecryptionKeys())
    assert SECRET not in str(build(tmp_path, None).objects)
