#!/usr/bin/env bash
# Unpacks Icarus Verilog from the Debian package into the tool folder, without root. Optional: it serves as one more
# opinion on emitted Verilog and simulates netlists.
#
#   tools/icarus.sh [FOLDER]       FOLDER defaults to .tools beside this folder
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"
unpack iverilog "$@"

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
"$folder/bin/iverilog" -V >/dev/null 2>&1
echo "iverilog and vvp are in $folder/bin" >&2
