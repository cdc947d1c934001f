"""The documents and the product agree: documented commands and options exist, and every command is documented."""

import re
import shlex
import subprocess
from contextlib import suppress
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from rps_cli.app import app
from tests.operations.runbook import DOCUMENTS, GUIDE, REPOSITORY, Line, lines_of

LINES = [line for document in DOCUMENTS for line in lines_of(document)]
CALLS = sorted({line for line in LINES if line.arguments is not None})
OPERATORS = ("doctor", "verify", "validate", "parity", "snapshot", "restore", "train", "sync", "reload", "simulate")
# Typer contains Click under a private name.
USAGE_ERROR = typer.BadParameter.__base__
assert USAGE_ERROR is not None
MISSING = next(error for error in typer.BadParameter.__subclasses__() if error.__name__ == "MissingParameter")


def group_of(command: Any) -> TyperGroup:
    assert isinstance(command, TyperGroup)
    return command


TOP = group_of(typer.main.get_command(app))


def parse(arguments: list[str], group: TyperGroup = TOP) -> Any:
    """Parse arguments without running anything, and return their command."""
    context = group.context_class(group, info_name="rps")
    name, found, rest = group.resolve_command(context, list(arguments))
    if isinstance(found, TyperGroup) and rest:
        return parse(rest, found)
    assert found is not None
    found.make_context(name, list(rest), parent=context)
    return found


@pytest.mark.parametrize("line", CALLS, ids=lambda line: f"{line.document}: {line.text}"[:120])
def test_a_documented_command_parses(line: Line) -> None:
    assert line.arguments is not None
    if len(line.arguments) <= 2 and not any(argument.startswith("-") for argument in line.arguments):
        # It may be mentioned without its arguments; then only the command must exist.
        with suppress(MISSING):
            parse(line.arguments)
    else:
        parse(line.arguments)


def test_the_documents_contain_commands() -> None:
    assert len([line for line in CALLS if line.document == "docs/operations.md"]) > 40
    assert {"README.md", "docs/operations.md"} <= {line.document for line in CALLS}


@pytest.mark.parametrize(
    "text",
    ["rps verfy", "rps verify --fast", "rps promote xgboost@B", "rps reload xgboost now", "rps experiments prune"],
)
def test_an_invalid_command_in_a_document_would_be_noticed(text: str) -> None:
    arguments = Line("x", text).arguments
    assert arguments is not None
    with pytest.raises(USAGE_ERROR):
        parse(arguments)


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("kubectl --namespace rps exec deploy/rps-code -- rps verify --json", ["verify", "--json"]),
        ("A=b C=$(date +%s) rps up", ["up"]),
        ("helm upgrade rps helm/rps --namespace rps", None),
        ("rps COMMAND --help", None),
        ("helm test rps --namespace rps", None),
    ],
)
def test_calls_of_rps_are_distinguished_from_a_release_called_rps(text: str, called: list[str] | None) -> None:
    assert Line("x", text).arguments == called


def test_the_guide_has_every_command() -> None:
    documented = {line.arguments[0] for line in lines_of(GUIDE) if line.arguments}
    assert set(TOP.commands) - {"api"} <= documented


@pytest.mark.parametrize("name", [*OPERATORS, "migrate"])
def test_help_has_an_example_and_the_exit_codes(name: str) -> None:
    command = TOP.commands[name]
    explained = command.help or ""
    assert f"Example: rps {name}" in explained
    assert "Exit code 0" in explained
    assert any("--json" in option.opts for option in command.params)
    example = explained.partition("Example: ")[2].splitlines()[0]
    arguments = Line("help", example).arguments
    assert arguments is not None
    assert parse(arguments) is command


def test_the_guide_uses_the_names_of_the_charts_objects() -> None:
    templates = "".join(path.read_text() for path in (REPOSITORY / "helm" / "rps" / "templates").glob("*.*"))
    named = set(re.findall(r"deploy(?:ment)?/rps-([a-z]+)", GUIDE.read_text()))
    assert {"api", "code", "daemon", "webserver", "dagster"} == named
    for component in named:
        assert f'"component" "{component}"' in templates


def test_the_make_targets_in_the_guide_exist() -> None:
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)`", GUIDE.read_text())) <= set(targets)


@pytest.mark.parametrize("text", sorted({line.text for line in lines_of(GUIDE) if line.text.startswith("scripts/")}))
def test_a_documented_script_accepts_its_options(text: str) -> None:
    """A dry run, because the test has neither a container engine nor a cluster."""
    command = [*shlex.split(text), "--dry-run"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("+ ") for line in done.stdout.splitlines())
    assert "1.4.0" in done.stdout


def test_links_in_the_guide_are_valid() -> None:
    text = GUIDE.read_text()
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        file, _, heading = target.partition("#")
        assert not file or (GUIDE.parent / file).exists(), target
        assert file or heading in headings, target
