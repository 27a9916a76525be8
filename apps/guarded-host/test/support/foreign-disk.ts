import { open, stat } from 'node:fs/promises';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import type { VmId } from '@sekimori/guest-state';
import type { GuardianKeys } from '@sekimori/key-protector';
import { expectOk } from '@sekimori/result';
import type { Tpm } from '@sekimori/tpm2';
import { LUKS_HEADER_BYTES, TPM_TOKEN } from '../../src/guest-disk/layout.ts';
import { sealKey } from '../../src/guest-disk/seal-key.ts';
import { writeToken } from '../../src/guest-disk/tokens.ts';
import { encryptInto, formatVolume, addTpmSlot } from '../../src/guest-disk/volume.ts';

/**
 * What somebody makes who can talk to a VM's TPM, but is not its owner: a disk with a key sealed in it, as good as the real one in
 * all but the pin.
 */
export async function foreignDisk(parts: {
  readonly source: string;
  readonly target: string;
  readonly owner: GuardianKeys;
  readonly vmId: VmId;
  readonly disk: number;
  readonly tpm: Tpm;
}): Promise<void> {
  const { source, target, owner, vmId, disk, tpm } = parts;
  const [volumeKey, tpmKey, recoveryKey] = [64, 32, 32].map((length) => new Secret(crypto.random(length))) as [
    Secret,
    Secret,
    Secret,
  ];
  const { size } = await stat(source);
  const [from, to] = [await open(source), await open(target, 'wx', 0o600)];
  await to.truncate(LUKS_HEADER_BYTES + size);
  expectOk(await formatVolume(target, volumeKey, recoveryKey));
  expectOk(await encryptInto(from, size, to, volumeKey));
  for (const file of [from, to]) await file.close();
  expectOk(await addTpmSlot(target, recoveryKey, tpmKey));
  const owned = { tpm, ownerAuth: new Secret(new Uint8Array(0)) };
  const token = await sealKey(owned, { id: vmId, owner: owner.guardian }, disk, tpmKey);
  expectOk(await writeToken(target, TPM_TOKEN, expectOk(token)));
}
