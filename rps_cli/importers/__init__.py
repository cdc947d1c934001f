"""Games and rounds from elsewhere, and files of rounds for elsewhere.

`import_original` reads a database of the original system, `import_rounds` a CSV or Parquet file with the columns of
`columns`, `export_rounds` writes such a file. Whatever comes in was replayed under the rules first.
"""

from rps_cli.importers.export import export_rounds
from rps_cli.importers.original import import_original
from rps_cli.importers.report import ImportReport
from rps_cli.importers.rounds import import_rounds

__all__ = ("ImportReport", "export_rounds", "import_original", "import_rounds")
