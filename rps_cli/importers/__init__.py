"""Import and export of games.

`import_original` reads a database of the original system. `import_rounds` reads a file of rounds, `read_games` only
shows what it records, and `export_rounds` writes one. Every game is first replayed under the rules.
"""

from rps_cli.importers.export import export_rounds
from rps_cli.importers.options import Options, read_options
from rps_cli.importers.original import import_original
from rps_cli.importers.report import ImportReport
from rps_cli.importers.rounds import import_rounds, read_games

__all__ = ("ImportReport", "Options", "export_rounds", "import_original", "import_rounds", "read_games", "read_options")
