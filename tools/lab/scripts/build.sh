#!/bin/sh
# Build what the named boots need, in $LAB, and keep it for the next time: build.sh BOOT …
# Initramfs and disks are made anew when anything that goes into them has changed. BOOT template: the data disk of guests in
# mode guest. Prints the folder.
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
lab_inputs=$inputs
guest_inputs() {
  cat ../../../apps/guarded-host/guest/sekimori-guest "$(PATH=$PATH:/usr/sbin command -v cryptsetup)" "$(command -v tpm2)" |
    sha256sum
}
mkdir -p "$LAB/disks"
for boot; do
  inputs=$lab_inputs
  case $boot in
  template) made "$LAB/guest-template.img" ./guest-template.sh ;;
  guest-*)
    inputs="$lab_inputs $(guest_inputs)"
    made "$LAB/guest-initrd.img" ./guest-initramfs.sh
    made "$LAB/disks/$boot.img" ./esp.sh "$boot"
    ;;
  *)
    made "$LAB/initrd.img" ./initramfs.sh
    made "$LAB/disks/$boot.img" ./esp.sh "$boot"
    ;;
  esac
done
echo "$LAB"
