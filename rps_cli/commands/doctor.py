"""The command that examines configuration and surroundings: `rps doctor`."""

import os

from rps_cli.shared import AsJson, end_with


def doctor(as_json: AsJson = False) -> None:
    """Say whether this configuration can work here, what is wrong, and what to do.

    Looks at settings, folders, free disk, ports, database and its schema, model cache or MinIO with the given keys,
    MLflow, Dagster, token and clock. Changes nothing, and may be asked before the first start: what does not run yet is
    no fault.

    Exit code 0 if nothing is wrong, 1 if something is.

    Example: rps doctor --json
    """
    from rps_cli.operations.doctor import doctor_steps
    from rps_cli.operations.findings import Finding, look_at_all
    from rps_core.errors import SettingsError
    from rps_core.settings import load_settings

    try:
        settings = load_settings()
    except SettingsError as error:
        end_with([Finding("settings", "failed", str(error), "docs/settings.md lists every variable")], as_json=as_json)
        return
    valid = Finding("settings", "ok", "every variable has a value that can work")
    end_with([valid, *look_at_all(doctor_steps(settings, os.environ))], as_json=as_json)
