"""The functions of plain sprig that give the same whenever and wherever they are called."""

import pytest

from fluxkit.template import ParseError, Template
from fluxkit.template.sprig import functions, hermetic_functions


def text_of(template: str) -> str:
    return Template("message").funcs(hermetic_functions()).parse(template).execute({})


@pytest.mark.contract("TPL-164")
def test_hermetic_functions() -> None:
    assert (
        text_of("{{ `a,b` | splitList `,` | last | upper }} {{ (fromJson `[1]`) }} {{ fromJson `[` }}")
        == "B [1] <no value>"
    )
    for name in ("now", "date", "dateModify", "randAlpha", "uuidv4", "getHostByName", "env", "expandenv", "toYaml"):
        with pytest.raises(ParseError, match=f'function "{name}" not defined'):
            text_of(f"{{{{ {name} }}}}")
    assert len(functions()) - len(hermetic_functions()) == 35
