import { lengthPrefixed, utf8 } from '@sekimori/bytes';
import { bytes, constant, decode, encode, rest, struct, u32, u8 } from '@sekimori/codec';
import { type Crypto, type EcPublicKey, readUncompressedPoint, Secret, uncompressedPoint } from '@sekimori/crypto-core';
import type { Guardian, GuardianKeys } from '@sekimori/key-protector';
import { fail, type Fault, ok, type Result } from '@sekimori/result';

const LABEL = utf8('sekimori-1 escrow');
const [POINT_BYTES, NONCE_BYTES] = [65, 12] as const;
const MAX_SEALED = 1024 * 1024;

/** What an escrow is for: another purpose or another context does not open it. */
export interface EscrowPurpose {
  /** For example 'vm recovery'. */
  readonly label: string;
  /** For example the VM's id, as bytes. */
  readonly context: Uint8Array;
}

/** ECIES of profile sekimori-1 to a guardian's encryption key, P-256. */
const ESCROW = struct('ESCROW')
  .field('magic', constant(u32, 0x534b4553)) // 'SKES'
  .field('version', constant(u8, 1))
  .field('ephemeralKey', bytes(POINT_BYTES))
  .field('nonce', bytes(NONCE_BYTES))
  .field('sealed', rest(MAX_SEALED));

/**
 * Wraps a secret so that this guardian alone opens it. Key = HKDF-SHA256(Z, no salt, lv(label) || lv(ephemeral point) ||
 * lv(recipient's point) || lv(purpose's label) || lv(purpose's context), 32); AES-256-GCM, the guardian's fingerprint being the
 * associated data.
 */
export function sealToGuardian(crypto: Crypto, guardian: Guardian, purpose: EscrowPurpose, secret: Secret): Uint8Array {
  const { publicKey, sharedSecret } = crypto.agreeEphemeral(guardian.encryptionKey);
  const ephemeralKey = uncompressedPoint(publicKey);
  const key = wrappingKey(crypto, sharedSecret, ephemeralKey, guardian.encryptionKey, purpose);
  const nonce = crypto.random(NONCE_BYTES);
  const sealed = secret.use((plaintext) => crypto.aesGcmSeal(key, nonce, plaintext, guardian.digest));
  for (const used of [sharedSecret, key]) used.wipe();
  return encode(ESCROW, { magic: 0x534b4553, version: 1, ephemeralKey, nonce, sealed });
}

/**
 * `escrow-malformed`: no escrow. `escrow-not-opened`: for another guardian, purpose or context, or changed; which of them is not
 * told. Rejects where the guardian's key store is out of reach.
 */
export async function openFromGuardian(
  crypto: Crypto,
  keys: GuardianKeys,
  purpose: EscrowPurpose,
  escrow: Uint8Array,
): Promise<Result<Secret, Fault<'escrow-malformed' | 'escrow-not-opened'>>> {
  const decoded = decode(ESCROW, escrow);
  if (!decoded.ok) return fail('escrow-malformed', 'not an escrow', { cause: decoded.fault });
  const { ephemeralKey, nonce, sealed } = decoded.value;
  const ephemeral = readUncompressedPoint(crypto, 'P-256', ephemeralKey);
  if (!ephemeral) return fail('escrow-malformed', 'the ephemeral key is no point of P-256');
  const shared = await keys.agreement.agree(ephemeral);
  const key = wrappingKey(crypto, shared, ephemeralKey, keys.guardian.encryptionKey, purpose);
  const plaintext = crypto.aesGcmOpen(key, nonce, sealed, keys.guardian.digest);
  for (const used of [shared, key]) used.wipe();
  if (!plaintext) return fail('escrow-not-opened', 'the escrow does not open');
  const secret = new Secret(plaintext);
  plaintext.fill(0);
  return ok(secret);
}

function wrappingKey(
  crypto: Crypto,
  shared: Secret,
  ephemeralKey: Uint8Array,
  recipient: EcPublicKey,
  { label, context }: EscrowPurpose,
): Secret {
  const info = lengthPrefixed(LABEL, ephemeralKey, uncompressedPoint(recipient), utf8(label), context);
  return crypto.hkdf('sha256', shared, new Uint8Array(0), info, 32);
}
