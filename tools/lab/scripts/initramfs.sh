#!/bin/sh
# Build $LAB/initrd.img: busybox, a few kernel modules, our init and tpmrelay.
# The same inputs give the same bytes, so that recorded PCRs can be had again.
set -eu
GUEST=$(cd "$(dirname "$0")/../guest" && pwd)
version=$(readlink "$LAB/kernel" | sed 's/.*vmlinuz-//')
root=$(mktemp -d "$LAB/initramfs.XXXXXX")
trap 'rm -rf "$root"' EXIT
umask 022
chmod 755 "$root"
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/lib/modules"
cp /bin/busybox "$root/bin/busybox"
for applet in $(/bin/busybox --list); do
  [ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
done
# in load order; the TPM, securityfs and IMA are built into this kernel
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_console; do
  file=$(find "$LAB/root/lib/modules/$version/kernel" -name "$module.ko")
  [ -n "$file" ] || continue # built in
  cp "$file" "$root/lib/modules/"
  echo "$module.ko" >> "$root/lib/modules/order"
done
gcc -static -O2 -s -Wall -Werror -o "$root/bin/tpmrelay" "$GUEST/tpmrelay.c"
install -m 755 "$GUEST/init" "$root/init"
# owner, order and times are fixed: the archive depends on its contents only
find "$root" -exec touch -h -d @1700000000 {} +
(cd "$root" && find . -print0 | LC_ALL=C sort -z | cpio --quiet --null -o -H newc --reproducible -R 0:0) |
  zstd -q -10 -T1 > "$LAB/initrd.new"
mv "$LAB/initrd.new" "$LAB/initrd.img"
