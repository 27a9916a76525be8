#!/bin/sh
# Build $LAB/guest-initrd.img: a guest that opens its own disk (apps/guarded-host/guest), with cryptsetup and tpm2-tools.
# The same inputs give the same bytes, as in initramfs.sh.
set -eu
GUEST=$(cd "$(dirname "$0")/../guest" && pwd)
PRODUCT=$(cd "$(dirname "$0")/../../../apps/guarded-host/guest" && pwd)
PATH=$PATH:/usr/sbin:/sbin
version=$(readlink "$LAB/kernel" | sed 's/.*vmlinuz-//')
root=$(mktemp -d "$LAB/initramfs.XXXXXX")
trap 'rm -rf "$root"' EXIT
umask 022
chmod 755 "$root"
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/mnt" "$root/lib/modules" "$root/usr/bin" \
  "$root/usr/lib" "$root/lib64"
cp /bin/busybox "$root/bin/busybox"
for applet in $(/bin/busybox --list); do
  [ "$applet" = busybox ] || ln -sf busybox "$root/bin/$applet"
done
# ext4, the TPM and securityfs are built into this kernel; AES in software (xts over ecb) does for any processor
for module in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_console virtio_blk \
  ecb xts dm-mod dm-crypt; do
  file=$(find "$LAB/root/lib/modules/$version/kernel" -name "$module.ko")
  [ -n "$file" ] || continue # built in
  cp "$file" "$root/lib/modules/"
  echo "$module.ko" >> "$root/lib/modules/order"
done
tcti=/usr/lib/x86_64-linux-gnu/libtss2-tcti-device.so.0 # loaded by name, so ldd does not tell of it
for program in "$(command -v cryptsetup)" "$(command -v tpm2)"; do
  cp -L "$program" "$root/usr/bin/"
done
{ ldd "$(command -v cryptsetup)"; ldd "$(command -v tpm2)"; ldd $tcti; echo "$tcti"; } | grep -o '/[^ ]*\.so[^ ]*' |
  sort -u | while read -r library; do cp -L "$library" "$root/usr/lib/"; done
mv "$root"/usr/lib/ld-linux-x86-64.so.2 "$root/lib64/"
install -m 755 "$PRODUCT/sekimori-guest" "$root/usr/bin/sekimori-guest"
install -m 755 "$GUEST/shielded-init" "$root/init"
find "$root" -exec touch -h -d @1700000000 {} +
(cd "$root" && find . -print0 | LC_ALL=C sort -z | cpio --quiet --null -o -H newc --reproducible -R 0:0) |
  zstd -q -10 -T1 > "$LAB/guest-initrd.new"
mv "$LAB/guest-initrd.new" "$LAB/guest-initrd.img"
