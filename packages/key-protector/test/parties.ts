import { type Crypto, Secret } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import {
  createGuardian,
  type GuardianKeys,
  newKeyProtector,
  OpenedProtector,
  parseProtector,
  VerifiedProtector,
} from '../src/index.ts';

export const crypto: Crypto = nodeCrypto;
export const AT = new Date('2031-02-03T04:05:06Z');

export async function party(name: string): Promise<GuardianKeys> {
  return (await createGuardian(crypto, name, AT)).keys;
}

export const owner = await party('Owner');
export const fabric = await party('Fabric');
export const branch = await party('Branch');
export const stranger = await party('Stranger');

export async function aProtector(guardians: readonly GuardianKeys[] = [fabric, branch], by: GuardianKeys = owner) {
  return expectOk(
    await newKeyProtector(crypto, { owner: by, guardians: guardians.map((keys) => keys.guardian), at: AT }),
  );
}

/** Parse, verify, open; the first fault, or what was opened. */
export async function open(bytes: Uint8Array, ...parties: readonly GuardianKeys[]) {
  const parsed = parseProtector(bytes);
  if (!parsed.ok) return parsed;
  const verified = VerifiedProtector.verify(crypto, parsed.value);
  if (!verified.ok) return verified;
  return OpenedProtector.open(crypto, verified.value, parties);
}

export function bytesOf(secret: Secret): Uint8Array {
  return secret.use((bytes) => Uint8Array.from(bytes));
}
