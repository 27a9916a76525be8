#!/bin/sh
# Download (not install) Debian's signed boot chain and unpack it under $LAB/root: shim (signed by Microsoft), GRUB and
# the cloud kernel (signed by Debian), systemd's EFI stub. $LAB/kernel is then a link to the kernel. 29 MB.
set -eu
mkdir -p "$LAB/debs"
cd "$LAB/debs"
download() {
  kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  [ -n "$kernel" ] &&
    apt-get download -qq -o APT::Sandbox::User=root "$kernel" shim-signed grub-efi-amd64-signed systemd-boot-efi
}
download || { apt-get update -qq && download; }  # the package lists may be missing or old
for package in "$kernel"_*.deb shim-signed_*.deb grub-efi-amd64-signed_*.deb systemd-boot-efi_*.deb; do
  dpkg-deb -x "$package" "$LAB/root"
done
ln -sfn "root/boot/vmlinuz-${kernel#linux-image-}" "$LAB/kernel"
