"""Only locked packages are installed, and the sources never execute data."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LOCKS = sorted((REPOSITORY / "requirements").glob("*.txt"))
SOURCES = sorted(
    path
    for folder in ("rps_core", "rps_api", "rps_assets", "rps_cli", "tools")
    for path in (REPOSITORY / folder).rglob("*.py")
)
# Names that run code, load objects or disable checks; ruff's S rules find only some of them.
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "telnetlib", "ftplib"}
FORBIDDEN_KEYWORDS = {"shell": True, "verify": False, "allow_pickle": True, "trust_remote_code": True}
FORBIDDEN_METHODS = {
    "unsafe_load",
    "full_load",
    "load_extension",
    "enable_load_extension",
    "register_custom_ops_library",
}
# Ruff rules that docs/security.md relies on.
RELIED_ON = ("S102", "S103", "S104", "S105", "S108", "S113", "S201", "S301", "S307", "S310", "S323", "S324", "S501",
             "S506", "S602", "S603", "S605", "S608", "S701")  # fmt: skip


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_has_one_version_and_hashes_but_no_host(lock: Path) -> None:
    text = "".join(line for line in lock.read_text().splitlines(keepends=True) if not line.lstrip().startswith("#"))
    assert re.search(r"https?:|--\S*(index|find|trusted)|git\+|@ file", text) is None
    requirements = text.replace("\\\n", " ").split("\n")
    for requirement in filter(None, map(str.strip, requirements)):
        assert re.fullmatch(
            r"[A-Za-z0-9._-]+(\[[a-z0-9,._-]+\])?==\S+( ; [^-]+?)?(\s+--hash=sha256:[0-9a-f]{64})+", requirement
        ), requirement[:120]


def test_every_installation_requires_hashes() -> None:
    for path in (REPOSITORY / "Makefile", *(REPOSITORY / "ops").rglob("*Dockerfile*")):
        for line in path.read_text().replace("\\\n", " ").splitlines():
            if re.search(r"\b(pip3? install|INSTALL\)|uv pip install|pip download)\b.* -r ", line):
                assert "--require-hashes" in line, f"{path.name}: {line}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_no_source_executes_data(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            assert not {name.name.partition(".")[0] for name in node.names} & FORBIDDEN_MODULES
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] not in FORBIDDEN_MODULES
        elif isinstance(node, ast.Call):
            called = node.func
            assert not (isinstance(called, ast.Name) and called.id in FORBIDDEN_CALLS), ast.unparse(node)
            assert not (isinstance(called, ast.Attribute) and called.attr in FORBIDDEN_METHODS), ast.unparse(node)
            if isinstance(called, ast.Attribute) and ast.unparse(called) == "yaml.load":
                raise AssertionError(ast.unparse(node))
            for keyword in node.keywords:
                if isinstance(keyword.value, ast.Constant) and keyword.arg in FORBIDDEN_KEYWORDS:
                    assert keyword.value.value is not FORBIDDEN_KEYWORDS[keyword.arg], ast.unparse(node)


def test_templates_come_only_from_the_package() -> None:
    """A template that contains input would execute it."""
    for source in SOURCES:
        text = source.read_text()
        assert ".from_string(" not in text, source
        assert re.search(r"\bTemplate\(", text) is None, source
        if "Environment(" in text and "jinja2" in text:
            # HTML is escaped; the only other template writes Markdown.
            assert "autoescape=True" in text or 'autoescape=select_autoescape(["html.j2"])' in text, source


def test_the_required_lint_rules_are_active_and_every_exception_has_a_reason() -> None:
    import tomllib

    lint = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert not [rule for rule in lint["ignore"] if rule.startswith("S") and rule[1:2].isdigit()]
    for pattern, rules in lint["per-file-ignores"].items():
        if not pattern.startswith(("tests/", "benchmarks/")):
            assert not [rule for rule in rules if rule.startswith("S") and rule[1:2].isdigit()], pattern
    document = (REPOSITORY / "docs" / "security.md").read_text()
    assert [rule for rule in RELIED_ON if rule not in document] == []
