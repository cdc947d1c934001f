from rps_core.markdown import markdown_table


def test_a_table_has_a_header_a_rule_and_one_line_a_row() -> None:
    assert markdown_table(("family", "games"), [("xgboost", 3), ("none", None)]) == (
        "| family | games |\n|---|---|\n| xgboost | 3 |\n| none | None |"
    )


def test_bars_and_line_breaks_in_a_cell_do_not_break_the_table() -> None:
    assert markdown_table(("name",), [("a|b\r\nc",)]) == "| name |\n|---|\n| a\\|b  c |"
