import { type Crypto, Secret } from '@sekimori/crypto-core';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { PROTECTOR_LIMITS } from './document.ts';
import type { Guardian, GuardianKeys } from './guardian.ts';
import type { OpenedProtector } from './open-protector.ts';
import { SEKIMORI_1, TRANSPORT_KEY_BYTES } from './sekimori-1.ts';
import { writeProtector, type WrittenWrapping, writeWrappings } from './write-protector.ts';

/** A protector as written, UTF-8 XML, and the fresh transport key inside it. */
export interface NewProtector {
  readonly protector: Uint8Array;
  readonly transportKey: Secret;
}

/**
 * A new protector: the owner's wrapping has id 1, the guardians follow. MS-KPS section 7.5 of our notes. The owner cannot be
 * changed later. `guardian-expired`: a certificate of the owner or of a guardian is not valid `at` that time;
 * `guardian-duplicate`: one stands twice, or is the owner; `guardian-count`: more than 63 guardians.
 */
export async function newKeyProtector(
  crypto: Crypto,
  parts: { readonly owner: GuardianKeys; readonly guardians: readonly Guardian[]; readonly at: Date },
): Promise<Result<NewProtector, Fault<'guardian-expired' | 'guardian-duplicate' | 'guardian-count'>>> {
  const { owner, at } = parts;
  const guardians = [owner.guardian, ...parts.guardians];
  if (guardians.length > PROTECTOR_LIMITS.wrappings)
    return fail('guardian-count', `${guardians.length} parties, at most ${PROTECTOR_LIMITS.wrappings}`);
  if (new Set(guardians.map((guardian) => guardian.fingerprint)).size !== guardians.length)
    return fail('guardian-duplicate', 'one guardian stands twice');
  const expired = guardians.find((guardian) => !isValid(guardian, at));
  if (expired) return fail('guardian-expired', `the certificates of ${expired.fingerprint} are not valid now`);
  const parties: Party[] = [];
  for (const [index, guardian] of guardians.entries())
    parties.push({
      id: OWNER_ID + index,
      guardian,
      signingCertificateSignature: await owner.signing.sign(guardian.signingCertificate.der),
    });
  return ok(await protect(crypto, parties, { ownerId: OWNER_ID, signer: owner, signerId: OWNER_ID }));
}

/**
 * The next protector of the same parties: ids, certificates and their signatures stay, the transport key is new, the one who
 * opened the old one signs. Nobody else's private key is needed. MS-KPS section 3.1.5.1.1.3, steps 5 to 7.
 */
export function rollProtector(crypto: Crypto, opened: OpenedProtector): Promise<NewProtector> {
  const { owner, wrappings } = opened.protector;
  const own = opened.protector.wrappingOf(opened.keys.guardian);
  if (!own) throw new Error('opened by one who has no wrapping');
  return protect(crypto, wrappings, { ownerId: owner.id, signer: opened.keys, signerId: own.id });
}

const OWNER_ID = 1;

interface Party {
  readonly id: number;
  readonly guardian: Guardian;
  readonly signingCertificateSignature: Uint8Array;
}

async function protect(
  crypto: Crypto,
  parties: readonly Party[],
  by: { readonly ownerId: number; readonly signer: GuardianKeys; readonly signerId: number },
): Promise<NewProtector> {
  const fresh = crypto.random(TRANSPORT_KEY_BYTES);
  const transportKey = new Secret(fresh);
  fresh.fill(0);
  const wrapped = parties.map((party) => wrappingFor(crypto, party, by.ownerId, transportKey));
  const { content, signedOctets } = writeWrappings(wrapped);
  const { derivation, written } = SEKIMORI_1.newKeyDerivation(crypto);
  const protector = writeProtector({
    wrappings: content,
    keyDerivation: written,
    transportKeySignature: {
      algorithm: SEKIMORI_1.mac.uri,
      value: SEKIMORI_1.authenticate(crypto, transportKey, derivation, signedOctets),
    },
    guardianWrappingId: by.signerId,
    guardianSignature: signature(await by.signer.signing.sign(signedOctets)),
  });
  return { protector, transportKey };
}

function wrappingFor(crypto: Crypto, party: Party, ownerId: number, transportKey: Secret): WrittenWrapping {
  const { id, guardian } = party;
  return {
    id,
    signingCertificate: guardian.signingCertificate.der,
    parentId: ownerId,
    signingCertificateSignature: signature(party.signingCertificateSignature),
    encryptionCertificate: guardian.encryptionCertificate.der,
    encryptionCertificateSignature: signature(guardian.encryptionCertificateSignature),
    transportKey: SEKIMORI_1.wrap(
      crypto,
      guardian.encryptionKey,
      { wrappingId: id, guardian: guardian.digest },
      transportKey,
    ),
  };
}

function signature(value: Uint8Array): { readonly algorithm: string; readonly value: Uint8Array } {
  return { algorithm: SEKIMORI_1.signature.uri, value };
}

function isValid(guardian: Guardian, at: Date): boolean {
  return [guardian.signingCertificate, guardian.encryptionCertificate].every(
    ({ notBefore, notAfter }) => notBefore <= at && at <= notAfter,
  );
}
