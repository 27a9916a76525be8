#!/bin/sh
# Build what the named boots need, in $LAB, and keep it for the next time: build.sh BOOT …
# Initramfs and disks are made anew when anything that goes into them has changed. Prints the folder.
set -eu
cd "$(dirname "$0")"
LAB=${LAB:-${TMPDIR:-/tmp}/sekimori-lab}
mkdir -p -m 700 "$LAB"
LAB=$(cd "$LAB" && pwd)
[ -O "$LAB" ] || { echo "$LAB belongs to somebody else: set LAB to a folder of your own" >&2; exit 1; }
export LAB
exec 9> "$LAB/lock"
flock 9 # two tests may want to build at the same moment

[ -e "$LAB/kernel" ] || ./fetch.sh >&2
inputs=$(cat ./*.sh ../guest/* /bin/busybox "$LAB/kernel" | sha256sum)
# made FILE COMMAND …: run the command unless FILE was made from these very inputs
made() {
  file=$1
  shift
  [ -e "$file" ] && [ "$(cat "$file.inputs" 2> /dev/null)" = "$inputs" ] && return
  "$@" >&2
  echo "$inputs" > "$file.inputs"
}
made "$LAB/initrd.img" ./initramfs.sh
mkdir -p "$LAB/disks"
for boot; do
  made "$LAB/disks/$boot.img" ./esp.sh "$boot"
done
echo "$LAB"
