#!/bin/sh
# Build what the named boots need, in $LAB, and keep it for the next time: build.sh BOOT …
# Initramfs and disks are made anew only when what goes into them changed. Prints the folder.
set -eu
cd "$(dirname "$0")"
LAB=${LAB:-${TMPDIR:-/tmp}/sekimori-lab}
mkdir -p -m 700 "$LAB"
LAB=$(cd "$LAB" && pwd)
[ -O "$LAB" ] || { echo "$LAB belongs to somebody else: set LAB to a folder of your own" >&2; exit 1; }
export LAB
exec 9> "$LAB/lock"
flock 9 # two tests may want to build at the same moment

# made FILE 'INPUT …' COMMAND …: run the command unless FILE was made from these very inputs
made() {
  file=$1
  digest=$(cd "$LAB" && cat $2 | sha256sum)
  shift 2
  [ -e "$file" ] && [ "$(cat "$file.inputs" 2> /dev/null)" = "$digest" ] && return
  "$@" >&2
  echo "$digest" > "$file.inputs"
}

here=$(pwd)
[ -e "$LAB/kernel" ] || ./fetch.sh >&2
mkdir -p "$LAB/disks"
made "$LAB/initrd.img" "kernel /bin/busybox $here/initramfs.sh $here/../guest/init $here/../guest/tpmrelay.c" ./initramfs.sh
for boot; do
  made "$LAB/disks/$boot.img" "kernel initrd.img $here/esp.sh" ./esp.sh "$boot"
done
echo "$LAB"
