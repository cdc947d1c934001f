"""Generate `docs/settings.md` from the settings: `python -m rps_cli.settings_reference`."""

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from rps_core.markdown import markdown_table
from rps_core.settings import SECTIONS, Section, accepted_values, variable

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
REGENERATE = "python -m rps_cli.settings_reference"
_INTRODUCTION = f"""\
# Settings

Every setting is an environment variable; an empty one counts as unset. White space and quotes around a value are
removed, as files of variables leave them; quotes in secrets stay. Paths may start with `~`. If a value is not valid,
the process stops at its start, names the variable and says what to write.
`{REGENERATE}` writes this page from `rps_core/settings/`.
"""


def settings_markdown() -> str:
    """Return the page: one table for each section of the settings, in their order."""
    blocks = [_INTRODUCTION]
    for section in SECTIONS.values():
        rows = [_row(name, field, section) for name, field in section.model_fields.items()]
        header = f"## {section.title}\n\n{section.__doc__}\n"
        table = markdown_table(("Variable", "Default", "Values", "Meaning"), rows)
        blocks.append(f"{header}\n{table}\n")
    return "\n".join(blocks)


def _row(name: str, field: FieldInfo, section: type[Section]) -> tuple[str, ...]:
    return f"`{variable(field)}`", _default(field.default), accepted_values(section, name), field.description or ""


def _default(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{','.join(map(str, value))}`" if value else "none"
    return f"`{value.isoformat() if isinstance(value, datetime) else value}`" if str(value) else "empty"


if __name__ == "__main__":
    PAGE.write_text(settings_markdown(), encoding="utf-8")
