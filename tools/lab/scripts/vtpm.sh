#!/bin/sh
# Make a TPM 2.0 with EK and platform certificates in FOLDER, as swtpm keeps it: vtpm.sh FOLDER
# Its certificates come from the lab's own authority in $LAB/ca (a root and an intermediate, made on first use).
set -eu
state=$1
ca=$LAB/ca
mkdir -p "$ca" "$state"
# whole paths, so that nothing of the machine's own swtpm configuration is read or written
cat > "$ca/localca.conf" <<END
statedir = $ca
signingkey = $ca/signkey.pem
issuercert = $ca/issuercert.pem
certserial = $ca/certserial
END
cat > "$ca/localca.options" <<END
--platform-manufacturer QEMU
--platform-version 7.2
--platform-model LabHost
END
cat > "$ca/setup.conf" <<END
create_certs_tool = /usr/bin/swtpm_localca
create_certs_tool_config = $ca/localca.conf
create_certs_tool_options = $ca/localca.options
END
exec 9> "$ca/lock"
flock 9 # the first one makes the authority, each one counts its serial number
swtpm_setup --config "$ca/setup.conf" --tpm2 --tpm-state "dir://$state" --overwrite --create-ek-cert \
  --create-platform-cert --lock-nvram --vmid lab-host --pcr-banks sha256 --logfile "$state/setup.log" > /dev/null
