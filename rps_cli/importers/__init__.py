"""Import and export of games.

`import_original` reads a database of the original system. `import_rounds` reads a file of rounds, `read_games` only
shows what it records, and `export_rounds` writes one. Every game is first replayed under the rules.
"""

from typing import TYPE_CHECKING, Any

from rps_cli.importers.export import export_rounds
from rps_cli.importers.options import Options, read_options
from rps_cli.importers.original import import_original
from rps_cli.importers.report import ImportReport
from rps_core.errors import DataFileError

if TYPE_CHECKING:
    from rps_cli.importers.rounds import import_rounds, read_games

__all__ = ("ImportReport", "Options", "export_rounds", "import_original", "import_rounds", "read_games", "read_options")


def __getattr__(name: str) -> Any:
    """Return what needs Polars, which the image of the API lacks."""
    if name not in {"import_rounds", "read_games"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from rps_cli.importers import rounds
    except ImportError as error:
        raise DataFileError(
            "reading rounds needs the library polars: use the environment of `rps up` or the image rps-assets, or run "
            "`pip install 'rps-quest[assets]'`"
        ) from error
    return getattr(rounds, name)
