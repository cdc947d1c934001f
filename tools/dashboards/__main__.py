"""Write the dashboards to ops/grafana; with ``--check``, only report files that are out of date."""

import argparse
import json
import sys
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard as DashboardBuilder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tools.dashboards import api, data, models, overview, promotion

BOARDS = {
    "overview": overview.overview,
    "models": models.models,
    "promotion": promotion.promotion,
    "api": api.api,
    "data": data.data,
}
FOLDER = Path(__file__).parents[2] / "ops" / "grafana"


def rendered() -> dict[Path, str]:
    """Return the text of each file by path."""
    return {
        FOLDER / f"{name}.json": json.dumps(_numbered(build()), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
        for name, build in BOARDS.items()
    }


def _numbered(builder: DashboardBuilder) -> Dashboard:
    """Give each panel an id, as Grafana does, because links to panels contain it."""
    board = builder.build()
    for number, panel in enumerate(board.panels or [], start=1):
        panel.id_val = number
    return board


def main() -> int:
    """Write or check the files; return 1 if a checked file is out of date."""
    parser = argparse.ArgumentParser(description="Write the Grafana dashboards to ops/grafana.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is out of date")
    check = parser.parse_args().check
    stale = [path for path, text in rendered().items() if not path.exists() or path.read_text("utf-8") != text]
    if check:
        for path in stale:
            sys.stderr.write(f"{path.name} is out of date; run python -m tools.dashboards\n")
        return 1 if stale else 0
    for path, text in rendered().items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
