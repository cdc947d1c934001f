"""Run uv with pip's index, certificate and proxy, which uv itself does not read.

Usage: uv_like_pip.py UV [ARGUMENT ...]. Variables of uv take precedence. Runs on Python 3.8 and newer.
"""

import ast
import os
import subprocess
import sys

# Option of pip, the variable of uv, and the separator of several values.
OPTIONS = (
    ("index-url", "UV_DEFAULT_INDEX", " "),
    ("extra-index-url", "UV_INDEX", " "),
    ("find-links", "UV_FIND_LINKS", ","),
    ("no-index", "UV_NO_INDEX", " "),
    ("trusted-host", "UV_INSECURE_HOST", " "),
    ("cert", "SSL_CERT_FILE", " "),
    ("client-cert", "SSL_CLIENT_CERT", " "),
    ("proxy", "ALL_PROXY", " "),
)
# Later ones win, as in pip.
SECTIONS = ("global", "install", ":env:")


def pip_options():
    """Return the options of pip's files and variables; none if this Python has no pip."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)  # noqa: S603
    found = {section: {} for section in SECTIONS}
    for line in listed.stdout.decode(errors="replace").splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in found and value:
            found[section][option] = str(ast.literal_eval(value))
    return {option: value for section in SECTIONS for option, value in found[section].items() if value}


def environment(environ, options):
    """Return the environment of uv."""
    given = {
        variable: separator.join(options[option].split())
        for option, variable, separator in OPTIONS
        if option in options and not environ.get(variable)
    }
    # Like pip, take a version from whichever index has it; the hashes of the locks decide which files are right.
    return {"UV_INDEX_STRATEGY": "unsafe-best-match", **environ, **given}


if __name__ == "__main__":
    os.execvpe(sys.argv[1], sys.argv[1:], environment(os.environ, pip_options()))  # noqa: S606  # what the caller asks
