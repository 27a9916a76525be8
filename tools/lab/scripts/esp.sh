#!/bin/sh
# Build $LAB/disks/BOOT.img, a raw disk with an EFI system partition (no root, no loop device): esp.sh BOOT
#   BOOT = CHAIN-KEYS[-CHANGE]
#   CHAIN   uki    one unified kernel image: systemd's stub, kernel, initramfs, command line
#           guest  the same with the initramfs of a guest that opens its own disk
#           shim   shim, GRUB, kernel, each with its distributor's signature
#   KEYS    plain     Secure Boot off
#           snakeoil  Secure Boot on, the ovmf package's test key; signs the unified kernel image
#           ms        Secure Boot on, Microsoft's keys
#   CHANGE  cmdline-changed  one more word in the kernel command line
#           initrd-changed   one more file in the initramfs
set -eu
PATH=$PATH:/usr/sbin:/sbin
boot=$1
cmdline='console=ttyS0 quiet panic=-1 ima_policy=tcb ima_hash=sha256'
kernel=$LAB/kernel
initrd=$LAB/initrd.img
work=$(mktemp -d "$LAB/esp.XXXXXX")
trap 'rm -rf "$work"' EXIT

# A unified kernel image is a PE file; the addresses of its sections must not overlap.
make_uki() {
  stub=$LAB/root/usr/lib/systemd/boot/efi/linuxx64.efi.stub
  printf 'NAME="Sekimori lab"\nID=sekimori-lab\nVERSION_ID=1\n' > "$work/os-release"
  printf %s "$cmdline" > "$work/cmdline"
  osrel_at=0x20000 cmdline_at=0x30000 linux_at=0x2000000
  initrd_at=$((linux_at + ($(stat -L -c %s "$kernel") / 0x1000 + 1) * 0x1000 + 0x1000000))
  objcopy --add-section .osrel="$work/os-release" --change-section-vma .osrel=$osrel_at \
    --add-section .cmdline="$work/cmdline" --change-section-vma .cmdline=$cmdline_at \
    --add-section .linux="$kernel" --change-section-vma .linux=$linux_at \
    --add-section .initrd="$initrd" --change-section-vma .initrd=$initrd_at "$stub" "$1"
  # objcopy writes the time of day, and a checksum over it, into the PE header; with both at zero PCR 4 stays the same
  pe=$(od -An -tu4 -j60 -N4 "$1" | tr -d ' ')
  for offset in 8 88; do
    printf '\0\0\0\0' | dd of="$1" bs=1 seek=$((pe + offset)) conv=notrunc status=none
  done
}

case $boot in
guest-*)
  cmdline='console=ttyS0 quiet panic=-1'
  initrd=$LAB/guest-initrd.img
  ;;
esac
case $boot in
*-cmdline-changed) cmdline="$cmdline sekimori.extra=1" ;;
*-initrd-changed)
  # the kernel unpacks one archive after the other
  mkdir "$work/more"
  echo 'not approved' > "$work/more/backdoor"
  touch -d @1700000000 "$work/more/backdoor"
  (cd "$work/more" && echo backdoor | cpio --quiet -o -H newc --reproducible -R 0:0 | zstd -q) |
    cat "$initrd" - > "$work/initrd"
  initrd=$work/initrd
  ;;
esac

mb=64
truncate -s ${mb}M "$work/fat"
mkfs.vfat -F 32 -n SEKIMORI --invariant "$work/fat" > /dev/null
export MTOOLS_SKIP_CHECK=1
put() { mcopy -i "$work/fat" "$1" "::$2"; }
mmd -i "$work/fat" ::EFI ::EFI/BOOT ::EFI/debian
case $boot in
uki-plain* | guest-plain*)
  make_uki "$work/uki.efi"
  put "$work/uki.efi" EFI/BOOT/BOOTX64.EFI
  ;;
uki-snakeoil* | guest-snakeoil*)
  make_uki "$work/uki.efi"
  # a public test key, its passphrase too
  openssl rsa -in /usr/share/ovmf/PkKek-1-snakeoil.key -passin pass:snakeoil -out "$work/key" 2> /dev/null
  sbsign --key "$work/key" --cert /usr/share/ovmf/PkKek-1-snakeoil.pem --output "$work/signed.efi" "$work/uki.efi" \
    > /dev/null 2>&1
  put "$work/signed.efi" EFI/BOOT/BOOTX64.EFI
  ;;
shim-plain* | shim-ms*)
  # Debian's signed GRUB reads EFI/debian/grub.cfg of the disk it came from
  printf 'search --no-floppy --label SEKIMORI --set=root\nlinux /vmlinuz %s\ninitrd /initrd.img\nboot\n' "$cmdline" \
    > "$work/grub.cfg"
  put "$LAB/root/usr/lib/shim/shimx64.efi.signed" EFI/BOOT/BOOTX64.EFI
  put "$LAB/root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" EFI/BOOT/grubx64.efi
  put "$work/grub.cfg" EFI/debian/grub.cfg
  put "$kernel" vmlinuz
  put "$initrd" initrd.img
  ;;
*)
  echo "esp.sh: no boot is called $boot" >&2
  exit 2
  ;;
esac

# PCR 5 has the partition table: its identifiers are fixed
truncate -s $((mb + 2))M "$work/disk"
sgdisk -o -n 1:2048:0 -t 1:ef00 -U 11111111-1111-1111-1111-111111111111 -u 1:22222222-2222-2222-2222-222222222222 \
  "$work/disk" > /dev/null
dd if="$work/fat" of="$work/disk" bs=1M seek=1 conv=notrunc,sparse status=none # sector 2048 is at 1 MiB
mv "$work/disk" "$LAB/disks/$boot.img"
