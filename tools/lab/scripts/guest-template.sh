#!/bin/sh
# Build $LAB/guest-template.img: a raw data disk, ext4, with a marker that shows wherever it stands in clear.
set -eu
PATH=$PATH:/usr/sbin:/sbin
marker=sekimori-marker-7f3a
work=$(mktemp -d "$LAB/template.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo $marker > "$work/marker.txt"
yes $marker | head -c 20M > "$work/many.txt"
rm -f "$LAB/guest-template.new"
truncate -s 32M "$LAB/guest-template.new"
mke2fs -q -t ext4 -L sekimori-data -d "$work" "$LAB/guest-template.new"
mv "$LAB/guest-template.new" "$LAB/guest-template.img"
