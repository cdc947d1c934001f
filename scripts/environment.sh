#!/bin/sh
# Creates .venv with pip and uv in it; the Makefile calls it. Usage: scripts/environment.sh PYTHON
# Without a Python of a promised version, uv finds or downloads one.
set -eu
# Settings of shells and other installations: with CDPATH, `cd` may enter another folder, whose .venv would be removed.
unset CDPATH PYTHONHOME PYTHONPATH
cd "$(dirname "$0")/.."
python=$1
newest=14

not_supported() {
  echo "RPS Quest cannot be installed on $1: some of its packages are not built for it. Run it in a container" \
    "on Linux instead (docs/containers.md)." >&2
  exit 1
}

no_python() {
  found=$("$python" -V 2>&1) || found="not usable"
  echo "RPS Quest needs Python 3.11 to 3.$newest with its venv module; $python is $found. Install one, for example with" \
    "'apt-get install python3 python3-venv' or 'brew install python@3.13', and choose it: make PYTHON=python3.13 up." \
    "Or install uv (https://docs.astral.sh/uv), which brings a Python, and repeat." >&2
  exit 1
}

machine=$(uname -m)
case "$(uname -s) $machine" in
"Linux x86_64" | "Linux aarch64")
  glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || not_supported "Linux without glibc, such as Alpine"
  [ "${glibc##*.}" -ge 28 ] || not_supported "Linux with $glibc (2.28 is needed)"
  [ "$(getconf LONG_BIT)" = 64 ] || not_supported "a 32-bit system"
  ;;
"Darwin arm64")
  # The newest Python for which every package has a wheel on macOS.
  newest=13
  macos=$(sw_vers -productVersion)
  [ "${macos%%.*}" -ge 14 ] || not_supported "macOS $macos (14 is needed)"
  ;;
*) not_supported "$(uname -s) on $machine" ;;
esac

# A build without the GIL, for another processor or with 32 bits would find no wheels.
suitable() {
  "$python" -c '
import ensurepip, platform, sys, sysconfig, venv
right = (3, 11) <= sys.version_info[:2] <= (3, int(sys.argv[1])) and sys.implementation.name == "cpython"
fits = platform.machine() == sys.argv[2] and sys.maxsize > 2**32 and not sysconfig.get_config_var("Py_GIL_DISABLED")
sys.exit(not (right and fits))' "$newest" "$machine" 2>/dev/null
}

# Settings for other installations must not redirect this one.
export PIP_USER=0 PIP_TARGET= PIP_PREFIX= PIP_ROOT=
rm -rf .venv
if suitable; then
  "$python" -m venv .venv
  .venv/bin/python -m pip install --quiet --require-hashes -r requirements/bootstrap.txt
  exit
fi

borrowed=$(mktemp -d)
trap 'rm -rf "$borrowed"' EXIT
if ! uv=$(command -v uv); then
  uv=$borrowed/bin/uv
  "$python" -m venv "$borrowed" >/dev/null 2>&1 || no_python
  # The lines of uv alone, because the newest pip does not support every old Python.
  sed -n '/^uv==/,/[^\\]$/p' requirements/bootstrap.txt >"$borrowed/uv.txt"
  "$borrowed/bin/python" -m pip install --quiet --require-hashes -r "$borrowed/uv.txt" || no_python
fi
with_uv() {
  if "$python" -c '' 2>/dev/null; then "$python" scripts/uv_like_pip.py "$uv" "$@"; else "$uv" "$@"; fi
}
echo "$python is not a Python 3.11 to 3.$newest with a venv module; uv brings one"
with_uv venv --quiet --python ">=3.11,<3.$((newest + 1))" .venv || no_python
with_uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements/bootstrap.txt
