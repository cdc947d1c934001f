"""Copy what the chart ships from where it is made into `helm/rps/files`: `make chart`.

A chart can only read files in its own folder. The Dagster instance, the Prometheus rules and the Grafana dashboards are
made elsewhere, so the chart holds copies, and a test keeps them equal.
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
CHART_FILES = PROJECT / "helm" / "rps" / "files"
# Folder in the chart: what is copied into it. Tests of the rules lie beside them and stay there.
SOURCES: dict[str, tuple[str, ...]] = {
    ".": ("dagster_home/dagster.yaml",),
    "prometheus": ("ops/prometheus/*.yaml",),
    "grafana": ("ops/grafana/*.json",),
}


def planned_files(project: Path = PROJECT) -> dict[str, bytes]:
    """Return what the chart's folder has to hold, by path in it.

    Raises:
        FileNotFoundError: a file without which the chart does not work is missing.
    """
    found: dict[str, bytes] = {}
    for folder, patterns in SOURCES.items():
        for pattern in patterns:
            paths = sorted(project.glob(pattern))
            if not paths and "*" not in pattern:
                raise FileNotFoundError(f"{project / pattern} is missing; the chart ships it")
            found |= {str(Path(folder) / path.name): path.read_bytes() for path in paths if _is_shipped(path)}
    return found


def present_files(folder: Path = CHART_FILES) -> dict[str, bytes]:
    """Return what the chart's folder holds, by path in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _is_shipped(path: Path) -> bool:
    """Return whether a file is for a cluster: a rule file has groups at its first level, a scrape configuration not."""
    return path.suffix != ".yaml" or path.parent.name != "prometheus" or b"\ngroups:" in b"\n" + path.read_bytes()


def main() -> int:
    """Write what is missing or different, remove what is too much, and say so."""
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
