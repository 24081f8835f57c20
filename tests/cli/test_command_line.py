"""The grammar: where flags may stand, and what is said about those that are wrong."""

from pathlib import Path

import pytest

from tests.cli.conftest import Flux

EXPORT = ("create", "source", "git", "podinfo", "--url=https://example.com/podinfo", "--branch=main", "--export")


def namespace_of(output: str) -> str:
    return output.partition("  namespace: ")[2].partition("\n")[0]


@pytest.mark.contract("CLI-011")
def test_flux_alone_prints_help(flux: Flux) -> None:
    outcome = flux()
    assert outcome.code == 0
    assert "Available Commands:" in outcome.out
    assert "  reconcile    Reconcile sources and resources" in outcome.out
    assert "__complete" not in outcome.out


@pytest.mark.parametrize("args", [("--version",), ("-v",)])
@pytest.mark.contract("CLI-011")
def test_version_flag(flux: Flux, args: tuple[str, ...]) -> None:
    outcome = flux(*args)
    assert (outcome.code, outcome.out) == (0, "flux version 0.1.0\n")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("gte",), 'unknown command "gte" for "flux"'),
        (("get", "kustomisations"), 'unknown command "kustomisations" for "flux get"'),
        (("get", "ks", "--nope"), "unknown flag: --nope"),
        (("--nope", "get", "ks"), "unknown flag: --nope"),
        (("get", "ks", "-x"), "unknown shorthand flag: 'x' in -x"),
        (("get", "ks", "--timeout"), "flag needs an argument: --timeout"),
        (("get", "ks", "-n"), "flag needs an argument: 'n' in -n"),
        (("get", "ks", "--timeout=1y"), 'invalid argument "1y" for "--timeout" flag: time: invalid duration "1y"'),
        (("get", "ks", "--watch=2"), 'invalid argument "2" for "-w, --watch" flag: strconv.ParseBool: parsing "2": '
         "invalid syntax"),
        (("create", "ks", "abc", "--source=foobar/x", "--export"),
         'invalid argument "foobar/x" for "--source" flag: source kind \'foobar\' is not supported, must be one of: '
         "OCIRepository, GitRepository, Bucket"),
        (("logs", "--level=loud"), 'invalid argument "loud" for "--level" flag: unsupported log level \'loud\', must '
         "be one of: debug, info, error"),
        (("get", "ks", "one", "two"), 'unexpected argument "two" for "flux get kustomizations"'),
    ],
)  # fmt: skip
@pytest.mark.contract("CLI-011", "CLI-014", "CLI-015", "CLI-021", "CLI-022")
def test_wrong_words_end_with_one_line_and_no_usage(flux: Flux, args: tuple[str, ...], message: str) -> None:
    outcome = flux(*args)
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.splitlines()[0] == f"✗ {message}"
    assert outcome.err.count("✗") == 1
    assert "Usage" not in outcome.err


def test_a_misspelt_command_is_helped(flux: Flux) -> None:
    assert "Did you mean this?\n\treconcile\n" in flux("reconcil", "ks").err


@pytest.mark.parametrize(
    "args",
    [
        ("-n", "apps", *EXPORT),
        ("-napps", *EXPORT),
        ("--namespace", "apps", *EXPORT),
        (EXPORT[0], "--namespace=apps", *EXPORT[1:]),
        (EXPORT[0], EXPORT[1], "-n=apps", *EXPORT[2:]),
        (*EXPORT, "-n", "apps"),
    ],
)
@pytest.mark.contract("CLI-001", "CLI-006")
def test_persistent_flags_stand_anywhere(flux: Flux, args: tuple[str, ...]) -> None:
    outcome = flux(*args)
    assert outcome.code == 0, outcome.err
    assert namespace_of(outcome.out) == "apps"


@pytest.mark.contract("CLI-001", "CLI-002", "CLI-003")
def test_the_persistent_flags_and_their_defaults(flux: Flux) -> None:
    text = flux("get", "kustomizations", "--help").out
    for name in (
        "--timeout duration", "--verbose", "--ns-follows-kube-context", "--kube-api-qps float", "--kube-api-burst int",
        "--kubeconfig string", "--cache-dir string", "--cluster string", "--user string", "--context string",
        "-n, --namespace string", "--server string", "--tls-server-name string", "--insecure-skip-tls-verify",
        "--certificate-authority string", "--client-certificate string", "--client-key string", "--token string",
        "--as string", "--as-group strings", "--as-uid string", "--as-user-extra strings", "--disable-compression",
    ):  # fmt: skip
        assert f" {name} " in text
    assert "(default 5m0s)" in text
    assert "(default 300)" in text
    for absent in ("-s, --server", "--request-timeout", "--username", "--password"):
        assert absent not in text


@pytest.mark.contract("CLI-005")
def test_namespace_from_the_environment(flux: Flux, monkeypatch: pytest.MonkeyPatch) -> None:
    assert namespace_of(flux(*EXPORT).out) == "flux-system"
    monkeypatch.setenv("FLUX_SYSTEM_NAMESPACE", "gitops")
    assert namespace_of(flux(*EXPORT).out) == "gitops"
    assert namespace_of(flux(*EXPORT, "-n", "apps").out) == "apps"
    monkeypatch.setenv("FLUX_SYSTEM_NAMESPACE", "Not_A_Label")
    outcome = flux(*EXPORT)
    assert namespace_of(outcome.out) == "flux-system"
    assert outcome.err == '⚠️  ignoring invalid FLUX_SYSTEM_NAMESPACE: "Not_A_Label"\n'


@pytest.mark.contract("CLI-007", "CLI-008")
def test_the_namespace_must_be_a_label_except_below_create(flux: Flux) -> None:
    outcome = flux("install", "--export", "-n", "Not_A_Label")
    assert (outcome.code, outcome.err) == (1, '✗ namespace must be a valid DNS label: "Not_A_Label"\n')
    assert namespace_of(flux(*EXPORT, "-n", "Not_A_Label").out) == "Not_A_Label"


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: one
contexts:
- name: one
  context: {cluster: c, namespace: from-context}
- name: two
  context: {cluster: c}
clusters:
- name: c
  cluster: {server: "https://127.0.0.1:1"}
"""


@pytest.mark.contract("CLI-006", "CLI-008")
def test_the_namespace_may_follow_the_kubeconfig_context(
    flux: Flux, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setenv("FLUX_SYSTEM_NAMESPACE", "from-environment")
    install = ("install", "--export", "--components=source-controller")

    def installed_in(*flags: str) -> str:
        return flux(*install, *flags).out.partition("app.kubernetes.io/instance: ")[2].partition("\n")[0]

    assert installed_in() == "from-environment"
    assert installed_in("--ns-follows-kube-context") == "from-context"
    assert installed_in("--ns-follows-kube-context", "--context=two") == "from-environment"
    assert installed_in("--ns-follows-kube-context", "-n", "explicit") == "explicit"
    monkeypatch.setenv("FLUX_NS_FOLLOWS_KUBE_CONTEXT", "anything")
    assert installed_in() == "from-context"
    assert namespace_of(flux(*EXPORT).out) == "from-environment"


def test_without_a_cluster_the_error_says_what_to_do(flux: Flux) -> None:
    outcome = flux("get", "kustomizations")
    assert outcome.code == 1
    assert outcome.err.startswith("✗ no Kubernetes configuration: ")
    assert "flux sandbox start" in outcome.err
    assert "--kubeconfig" in outcome.err


def test_a_server_that_does_not_answer(flux: Flux) -> None:
    outcome = flux("get", "kustomizations", "--server=http://127.0.0.1:1", "--timeout=20s")
    assert outcome.code == 1
    assert "127.0.0.1:1" in outcome.err
    assert "flux sandbox start" in outcome.err


def test_impersonating_groups_needs_a_user(flux: Flux) -> None:
    outcome = flux("get", "ks", "--server=http://127.0.0.1:1", "--as-group=admins")
    assert outcome.err.startswith("✗ requesting uid, groups or user-extra without impersonating a user")


@pytest.mark.parametrize("args", [("get",), ("create",), ("create", "source"), ("tree",), ("sandbox",)])
def test_groups_without_a_command_print_their_help(flux: Flux, args: tuple[str, ...]) -> None:
    outcome = flux(*args)
    assert outcome.code == 0
    assert f"Usage:\n  flux {' '.join(args)} [command]" in outcome.out


@pytest.mark.contract("CLI-148")
def test_all_kinds_cannot_be_watched_at_once(flux: Flux) -> None:
    for args in (("get", "all", "--watch"), ("get", "-w", "sources", "all")):
        assert flux(*args).err == "✗ expected a single resource type, but found all\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("suspend", "ks"), "kustomization name is required"),
        (("resume", "source", "git"), "source git name is required"),
        (("delete", "source", "git"), "source git name is required"),
        (("reconcile", "ks"), "Kustomization name is required"),
        (("reconcile", "source", "git"), "GitRepository name is required"),
        (("export", "ks"), "name is required"),
        (("tree", "ks"), "kustomization name is required"),
        (("logs", "something"), "no argument required"),
        (("version", "--output=xml"), "--output must be json or yaml, not xml"),
        (("events", "--types=Loud"), "type 'Loud' not supported. Supported types are Normal, Warning"),
        (("events", "--for", "ks/podinfo"), "'ks' is not a recognized Flux kind"),
        (("install", "--components=flagger"), "component flagger is not available"),
        (("kustomize", "build", "--enable-helm", "--helm-command=", "."), "must specify --helm-command"),
    ],
)
@pytest.mark.contract("CLI-029", "CLI-136", "CLI-159", "CLI-193", "CLI-197")
def test_what_is_missing_is_named_before_any_cluster_is_asked(flux: Flux, args: tuple[str, ...], message: str) -> None:
    outcome = flux(*args)
    assert outcome.code == 1
    assert outcome.err.startswith(f"✗ {message}")
