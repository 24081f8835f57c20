"""What a source could name an object: by its text, less what a build adds to names."""

from pathlib import Path
from typing import Any

import pytest

from fluxkit.controllers.kustomization.mentions import mentioned
from fluxkit.objects import GroupVersionKind, ObjectRef
from tests.controllers.test_overlay import write
from tests.controllers.test_spec_rules import kustomization

RENAMING = "- {op: replace, path: /metadata/name, value: moved}"
SECRET = GroupVersionKind("", "v1", "Secret")


@pytest.mark.parametrize(
    ("files", "spec", "name", "expected"),
    [
        ({"a.yaml": "name: moved\n"}, {}, "moved", True),
        ({"a.yaml": "name: other\n"}, {}, "moved", False),
        ({"README.md": "see moved\n"}, {}, "moved", True),
        ({"a.yaml": "name: app\n"}, {"namePrefix": "my-", "nameSuffix": "-1"}, "my-app-1", True),
        ({"a.yaml": "name: app\n"}, {"namePrefix": "my-"}, "your-app", False),
        ({"kustomization.yaml": "secretGenerator: [{name: login}]\n"}, {}, "login-8k2m4tdh9g", True),
        ({"kustomization.yaml": "namePrefix: x-\n"}, {}, "x-anything", True),
        ({"kustomization.yaml": "resources: ['https://example.com/a.yaml']\n"}, {}, "moved", True),
        ({"values.yaml": "url: https://example.com\n"}, {}, "moved", False),
        ({"a.yaml": "metadata:\n  name: ${app}-x\n"}, {}, "moved", True),
        ({"a.yaml": "data:\n  text: ${app}\n"}, {}, "moved", False),
        ({"a.yaml": "#" * (2 << 20)}, {}, "moved", True),
        ({"a.yaml": "name: x\n"}, {"patches": [{"patch": RENAMING}]}, "moved", True),
    ],
)
def test_names(tmp_path: Path, files: dict[str, str], spec: dict[str, Any], name: str, expected: bool) -> None:
    write(tmp_path, **files)
    ref = ObjectRef(SECRET, "ns", name)
    assert mentioned(tmp_path, files, [ref], [kustomization(**spec)]) == ([ref] if expected else [])
