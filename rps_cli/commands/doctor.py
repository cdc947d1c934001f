"""The command that checks a configuration: `rps doctor`."""

import os

from rps_cli.shared import AsJson, report_findings


def doctor(as_json: AsJson = False) -> None:
    """Check the configuration: settings, folders, disk, token, database, model cache, ports, addresses and clock.

    Nothing is changed. A service that does not run yet is not a fault, so you can run it before the first start.

    Exit code 0 if nothing is wrong, 1 otherwise: the table shows each fault and what to do.

    Example: rps doctor --json
    """
    from rps_cli.operations.doctor import doctor_checks
    from rps_cli.operations.findings import Finding, run_all
    from rps_core.errors import SettingsError
    from rps_core.settings import load_settings

    try:
        settings = load_settings()
    except SettingsError as error:
        invalid = Finding("settings", "failed", str(error), "see docs/settings.md, which lists every variable")
        report_findings([invalid], as_json=as_json)
        return
    valid = Finding("settings", "ok", "every variable has a valid value")
    report_findings([valid, *run_all(doctor_checks(settings, os.environ))], as_json=as_json)
