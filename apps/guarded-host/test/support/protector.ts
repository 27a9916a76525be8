import { fromBase64Url, toHex } from '@sekimori/bytes';
import type { Client } from '@sekimori/client';
import type { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import {
  createGuardian,
  type GuardianKeys,
  newKeyProtector,
  OpenedProtector,
  parseGuardianMetadata,
  parseProtector,
  VerifiedProtector,
} from '@sekimori/key-protector';
import { keyProtectionRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import type { HostDeps } from '../../src/index.ts';

/** A protector of a new owner for the guardian of the key protection service. */
export async function aProtector(at: { readonly keyProtection: Client | HostDeps['keyProtection'] }) {
  const keyProtection = 'call' in at.keyProtection ? at.keyProtection : at.keyProtection[0]!.nodes[0]!.client;
  const now = new Date();
  const { metadata } = expectOk(await keyProtection.call(keyProtectionRoutes.guardian));
  const { guardian } = expectOk(parseGuardianMetadata(crypto, fromBase64Url(metadata)!));
  const { keys: owner } = await createGuardian(crypto, 'Owner', now);
  const { protector, transportKey } = expectOk(
    await newKeyProtector(crypto, { owner, guardians: [guardian], at: now }),
  );
  return { protector, transportKey: hexOf(transportKey), owner };
}

/** The transport key as its owner finds it. */
export async function openedBy(owner: GuardianKeys, protector: Uint8Array): Promise<string> {
  const verified = expectOk(VerifiedProtector.verify(crypto, expectOk(parseProtector(protector))));
  return hexOf(expectOk(await OpenedProtector.open(crypto, verified, [owner])).transportKey);
}

export const hexOf = (secret: Secret): string => secret.use(toHex);
