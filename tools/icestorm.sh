#!/usr/bin/env bash
# Unpacks icebox_vlog of Project IceStorm from the Debian package into the tool folder, without root. Optional: it reads
# Verilog out of bitstreams, for the target `bitstream`.
#
#   tools/icestorm.sh [FOLDER]     FOLDER defaults to .tools beside this folder
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/debian.sh"
unpack fpga-icestorm "$@"

cat >"$folder/bin/icebox_vlog" <<EOF
#!/bin/sh
root=\$(cd "\$(dirname "\$0")/.." && pwd) || exit 2
exec python3 "\$root/deb/usr/share/fpga-icestorm/python/icebox_vlog" "\$@"
EOF
chmod +x "$folder/bin/icebox_vlog"
"$folder/bin/icebox_vlog" -h >/dev/null 2>&1
echo "icebox_vlog is in $folder/bin" >&2
