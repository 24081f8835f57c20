"""Tables, byte for byte: the shapes were read off upstream's own golden files."""

import pytest

from fluxkit.cli.table import render


@pytest.mark.contract("CLI-016")
def test_a_table_is_padded_and_joined_by_tabs() -> None:
    text = render(["Name", "Ready", "Message"], [["a", "True", "Applied"], ["longer", "False", "no"]])
    assert text == (
        "NAME  \tREADY\tMESSAGE \n"  # the header ends with padding and one space, never with a tab
        "a     \tTrue \tApplied\t\n"
        "longer\tFalse\tno     \t\n"
    )


@pytest.mark.contract("CLI-016")
def test_without_header_the_rows_are_as_wide_as_their_cells() -> None:
    assert render([], [["a", "b"], ["cc", ""]]) == "a \tb\t\ncc\t \t\n"


def test_a_header_without_rows_is_still_printed() -> None:
    assert render(["Name", "Ready"], []) == "NAME\tREADY \n"


def test_a_cell_of_several_lines_makes_its_row_higher() -> None:
    text = render(["Name", "Message"], [["a", "one\nsecond"], ["b", "x"]])
    assert text == "NAME\tMESSAGE \na   \tone    \t\n    \tsecond \t\nb   \tx      \t\n"


def test_wide_characters_take_two_columns() -> None:
    assert render([], [["日本"], ["abcd"]]) == "日本\t\nabcd\t\n"
