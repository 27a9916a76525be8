import { equalConstantTime, fromBase64Url } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { releaseKeys } from '@sekimori/guarded-host';
import {
  createGuardian,
  type Guardian,
  type GuardianKeys,
  newKeyProtector,
  OpenedProtector,
  parseGuardianMetadata,
  parseProtector,
  VerifiedProtector,
} from '@sekimori/key-protector';
import type { Secret } from '@sekimori/crypto-core';
import { keyProtectionRoutes } from '@sekimori/protocol';
import type { Cast } from '../cast.ts';
import { granted } from '../expect.ts';
import type { Machine } from '../machine/host.ts';

export interface ProtectedKey {
  readonly owner: GuardianKeys;
  readonly fabric: Guardian;
  /** As it was rolled last. */
  readonly protector: Uint8Array;
}

/** An owner protects a VM's key for the fabric; the attested host has it rolled. */
export async function protectKey(cast: Cast, host: Machine): Promise<ProtectedKey> {
  const { story, fabric } = cast;
  story.chapter('3  A tenant trusts the fabric with a key');
  const owner = await story.step('the owner makes a guardian', async () => {
    const { keys } = await createGuardian(crypto, 'owner', new Date());
    return { value: keys, lines: [`owner ${keys.guardian.fingerprint}`] };
  });
  const guardian = await story.step(
    "the owner imports the fabric's guardian, its fingerprint compared out of band",
    async () => {
      const reply = granted(await fabric.keyProtection.call(keyProtectionRoutes.guardian));
      const imported = granted(parseGuardianMetadata(crypto, fromBase64Url(reply.metadata) ?? new Uint8Array()));
      const compared = granted(await fabric.keyProtection.call(keyProtectionRoutes.keyProtectionStatus)).guardian
        .fingerprint;
      if (imported.guardian.fingerprint !== compared) throw new Error('another guardian answered');
      return { value: imported.guardian, lines: [`fabric ${compared}`] };
    },
  );
  const made = await story.step('the owner makes a key protector for both', async () => {
    const { protector, transportKey } = granted(
      await newKeyProtector(crypto, { owner, guardians: [guardian], at: new Date() }),
    );
    return {
      value: { protector, transportKey },
      lines: [`${protector.length} bytes, MS-KPS document, profile sekimori-1`],
    };
  });
  const rolled = await story.step('the host sends it with its health certificate: opened and rolled', async () => {
    const release = granted(await releaseKeys(host.pair(), made.protector));
    return { value: release, lines: [`both keys sealed to the health key in the TPM; trace ${release.traceId}`] };
  });
  await story.step('the same secret comes out, byte for byte', async () => {
    if (!same(rolled.keys.ingress, made.transportKey)) throw new Error('another key came out');
    if (same(rolled.keys.egress, made.transportKey)) throw new Error('the key was not rolled');
    return { value: undefined };
  });
  await story.step('the owner alone opens the rolled protector too', async () => {
    if (!same(await openAs(owner, rolled.egressProtector), rolled.keys.egress)) throw new Error('another key came out');
    return { value: undefined };
  });
  return { owner, fabric: guardian, protector: rolled.egressProtector };
}

async function openAs(owner: GuardianKeys, protector: Uint8Array): Promise<Secret> {
  const verified = granted(VerifiedProtector.verify(crypto, granted(parseProtector(protector))));
  return granted(await OpenedProtector.open(crypto, verified, [owner])).transportKey;
}

function same(a: Secret, b: Secret): boolean {
  return a.use((x) => b.use((y) => equalConstantTime(x, y)));
}
