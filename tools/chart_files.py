"""Copy the files that the chart ships into `helm/rps/files`: `make chart`.

A chart can only read files in its own folder. The Dagster instance, the Prometheus rules and the Grafana dashboards are
elsewhere in the repository, so the chart has copies of them. A test keeps the copies equal.
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
CHART_FILES = PROJECT / "helm" / "rps" / "files"
# Patterns of the files to copy, by folder in the chart.
SOURCES: dict[str, tuple[str, ...]] = {
    ".": ("dagster_home/dagster.yaml",),
    "prometheus": ("ops/prometheus/*.yaml",),
    "grafana": ("ops/grafana/*.json",),
}


def planned_files(project: Path = PROJECT) -> dict[str, bytes]:
    """Return the files that the chart must contain, by path in `helm/rps/files`.

    Raises:
        FileNotFoundError: a required file is missing.
    """
    found: dict[str, bytes] = {}
    for folder, patterns in SOURCES.items():
        for pattern in patterns:
            paths = sorted(project.glob(pattern))
            if not paths and "*" not in pattern:
                raise FileNotFoundError(f"{project / pattern} is missing; the chart needs it")
            found |= {str(Path(folder) / path.name): path.read_bytes() for path in paths if _is_shipped(path)}
    return found


def present_files(folder: Path = CHART_FILES) -> dict[str, bytes]:
    """Return the files that the chart contains, by path in `helm/rps/files`."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _is_shipped(path: Path) -> bool:
    """Whether the chart ships a file: of the Prometheus files, only rules, which have `groups` at the top level."""
    return path.suffix != ".yaml" or path.parent.name != "prometheus" or b"\ngroups:" in b"\n" + path.read_bytes()


def main() -> int:
    """Write missing and changed files, remove obsolete ones, and print each change."""
    planned, present = planned_files(), present_files()
    for name in sorted(planned.keys() | present.keys()):
        target = CHART_FILES / name
        if name not in planned:
            target.unlink()
            sys.stdout.write(f"removed {name}\n")
        elif planned[name] != present.get(name):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(planned[name])
            sys.stdout.write(f"wrote {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
