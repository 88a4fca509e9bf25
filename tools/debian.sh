# Unpacks a Debian package into the tool folder, without root; sourced by the scripts of single tools.
#
#   unpack PACKAGE [FOLDER]        FOLDER defaults to .tools beside this folder; afterwards $folder is its path
unpack() {
  local here package download program
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  package=$1
  folder=${2:-$here/../.tools}

  for program in apt-get dpkg; do
    command -v "$program" >/dev/null || {
      echo "tools: '$program' was not found; install $package with this system's own package manager" >&2
      exit 2
    }
  done

  mkdir -p "$folder/bin" "$folder/deb"
  folder=$(cd "$folder" && pwd)
  download=$(mktemp -d)
  (cd "$download" && apt-get download --quiet "$package") || { rm -rf "$download"; exit 2; }
  dpkg -x "$download/$package"_*.deb "$folder/deb"
  rm -rf "$download"
}
