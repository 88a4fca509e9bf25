#!/usr/bin/env bash
# Unpacks Icarus Verilog from the Debian package into the tool folder, without root. Optional: it serves as one more
# opinion on emitted Verilog and simulates netlists.
#
#   tools/icarus.sh [FOLDER]       FOLDER defaults to .tools beside this folder
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:-$here/../.tools}

for program in apt-get dpkg; do
  command -v "$program" >/dev/null || {
    echo "tools: '$program' was not found; install Icarus Verilog with this system's own package manager" >&2
    exit 2
  }
done

mkdir -p "$folder/bin" "$folder/deb"
folder=$(cd "$folder" && pwd)
download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT
(cd "$download" && apt-get download --quiet iverilog)
dpkg -x "$download"/iverilog_*.deb "$folder/deb"

base=$(cd "$folder/deb" && echo usr/lib/*/ivl)
cat >"$folder/bin/iverilog" <<EOF
#!/bin/sh
root=\$(cd "\$(dirname "\$0")/.." && pwd) || exit 2
exec "\$root/deb/usr/bin/iverilog" -B "\$root/deb/$base" "\$@"
EOF
cat >"$folder/bin/vvp" <<EOF
#!/bin/sh
root=\$(cd "\$(dirname "\$0")/.." && pwd) || exit 2
exec "\$root/deb/usr/bin/vvp" -M "\$root/deb/$base" "\$@"
EOF
chmod +x "$folder/bin/iverilog" "$folder/bin/vvp"
"$folder/bin/iverilog" -V 2>&1 | head -n 1 >&2
