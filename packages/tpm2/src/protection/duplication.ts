import { concat } from '@sekimori/bytes';
import { decode, decodePrefix, encode } from '@sekimori/codec';
import { type Crypto, type HashName, hashLength, type Secret } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { TPMA_OBJECT } from '../structures/attributes.ts';
import { MAX_SYM_DATA, TPM2B_DIGEST } from '../structures/buffers.ts';
import type { RequestOf } from '../commands/table.ts';
import { unwrapInner, wrapInner } from './inner-wrapping.ts';
import { belongTogether } from './binding.ts';
import { nameOf } from '../structures/names.ts';
import { TPM2B_SENSITIVE, type TpmtSensitive } from '../structures/objects.ts';
import { outerProtection, storageKeyBits, unwrapOuter, wrapOuter } from './outer-wrapping.ts';
import { type PublicArea, publicArea } from '../structures/public-area.ts';
import { recoverSeed, type SeedKey, shareSeed } from './seed.ts';

// Objects on their way to another parent, made and opened without a TPM. Part 1, 23; Part 3, 13.

/** What TPM2_Import takes, and what TPM2_Duplicate gives together with the object's public area. */
export type DuplicatedObject = RequestOf<'Import'>;

/** An object with its secret half. */
export interface ObjectPair {
  readonly publicArea: PublicArea;
  readonly sensitive: TpmtSensitive;
}

/**
 * An object for one TPM alone to import below `newParent`. `invalid-key`: the parent's public key is not sound. `not-a-storage-key`: it is
 * no restricted decryption key with AES-CFB. `object-fixed`: fixedTPM or fixedParent is set, so no TPM would take it; or
 * encryptedDuplication is, and no inner wrapping was asked for. `inner` adds an inner wrapping with a fresh AES-128 key, which then stands
 * in `encryptionKey` and must take another way than the rest. Throws where the two halves of the object do not belong together.
 */
export function duplicateTo(
  crypto: Crypto,
  newParent: PublicArea,
  { publicArea: objectPublic, sensitive }: ObjectPair,
  options: { readonly inner?: boolean } = {},
): Result<DuplicatedObject, Fault<'invalid-key' | 'not-a-storage-key' | 'object-fixed'>> {
  if (storageKeyBits(newParent.value) === undefined) return notAStorageKey();
  const { fixedTPM, fixedParent, encryptedDuplication } = objectPublic.value.objectAttributes;
  if (fixedTPM || fixedParent) return fail('object-fixed', 'fixedTPM and fixedParent must be clear');
  if (encryptedDuplication && options.inner !== true)
    return fail('object-fixed', 'encryptedDuplication asks for an inner wrapping');
  if (!belongTogether(crypto, objectPublic, sensitive)) throw new RangeError('the two halves do not belong together');
  const shared = shareSeed(crypto, newParent, 'DUPLICATE');
  if (!shared.ok) return shared;
  const name = nameOf(crypto, objectPublic);
  const clear = encode(TPM2B_SENSITIVE, sensitive);
  const encryptionKey = options.inner === true ? crypto.random(INNER_KEY_BYTES) : NONE;
  const { nameAlg } = objectPublic.value;
  const inner = options.inner === true ? wrapInner(crypto, nameAlg, name, encryptionKey, clear) : clear;
  const duplicate = wrapOuter(crypto, outerProtection(newParent, shared.value.seed), name, inner);
  for (const part of [clear, inner]) part.fill(0);
  shared.value.seed.wipe();
  return ok({
    encryptionKey,
    objectPublic,
    duplicate,
    inSymSeed: shared.value.encrypted,
    symmetricAlg: options.inner === true ? INNER : { algorithm: 'null' },
  });
}

/**
 * The secret half of an object that was duplicated to `parent`, for whoever holds that key. `not-a-storage-key`: that is no restricted
 * decryption key with AES-CFB; `duplicate-malformed`: not such an object, or the seed does not open; `duplicate-integrity`: made for another
 * parent or public area, changed, or of two halves that do not belong together.
 */
export async function openDuplicate(
  crypto: Crypto,
  parent: SeedKey,
  object: DuplicatedObject,
): Promise<Result<TpmtSensitive, Fault<'not-a-storage-key' | 'duplicate-malformed' | 'duplicate-integrity'>>> {
  if (storageKeyBits(parent.publicArea.value) === undefined) return notAStorageKey();
  const { objectPublic, duplicate, inSymSeed, symmetricAlg } = object;
  const outer = decodePrefix(TPM2B_DIGEST, duplicate);
  if (!outer.ok) return fail('duplicate-malformed', 'it has no integrity value', { cause: outer.fault });
  const seed = await recoverSeed(crypto, parent, 'DUPLICATE', inSymSeed);
  if (!seed) return fail('duplicate-malformed', 'its seed does not open with this key');
  const name = nameOf(crypto, objectPublic);
  const inner = unwrapOuter(crypto, outerProtection(parent.publicArea, seed), name, duplicate);
  seed.wipe();
  if (!inner) return fail('duplicate-integrity', 'made for another parent or object');
  const clear = symmetricAlg.algorithm === 'null' ? inner : withoutInner(crypto, object, name, inner);
  const sensitive = clear && decode(TPM2B_SENSITIVE, clear);
  for (const part of [inner, clear]) part?.fill(0);
  if (!sensitive) return fail('duplicate-integrity', 'its inner wrapping does not hold');
  if (!sensitive.ok) return fail('duplicate-malformed', 'it holds no TPM2B_SENSITIVE');
  if (!belongTogether(crypto, objectPublic, sensitive.value))
    return fail('duplicate-integrity', 'its two halves do not belong together');
  return ok(sensitive.value);
}

/** What opens sealed data that are made outside of a TPM. */
export interface SealedData {
  readonly data: Secret;
  readonly nameAlg?: HashName;
  /** A policy digest of `nameAlg`: the data open under it alone, and `authValue` is what PolicyAuthValue or PolicyPassword in it asks for. */
  readonly authPolicy?: Uint8Array;
  readonly authValue?: Secret;
  /** `authValue` opens them by itself, whatever the policy. Default: only where there is no policy. */
  readonly userWithAuth?: boolean;
}

/**
 * Sealed data made without a TPM, to be duplicated to one. Part 1, 27.6.5. `data` has at most 128 bytes. The pair holds them in clear, for
 * `duplicateTo`: it is not to be kept or printed. Throws where nothing protects them.
 */
export function sealedData(
  crypto: Crypto,
  { data, nameAlg = 'sha256', authPolicy, authValue, userWithAuth = !authPolicy }: SealedData,
): ObjectPair {
  if (data.length === 0 || data.length > MAX_SYM_DATA) throw new RangeError(`${data.length} bytes cannot be sealed`);
  if (authPolicy && authPolicy.length !== hashLength(nameAlg)) throw new RangeError(`no policy digest of ${nameAlg}`);
  if (userWithAuth && !authValue) throw new RangeError('sealed data that nothing protects');
  const sensitive = data.use((bytes) => Uint8Array.from(bytes));
  const seedValue = crypto.random(hashLength(nameAlg));
  const area = publicArea({
    type: 'keyedhash',
    nameAlg,
    objectAttributes: { ...TPMA_OBJECT.of('noDA'), userWithAuth },
    authPolicy: authPolicy ?? NONE,
    parameters: { is: 'keyedhash', value: { scheme: { scheme: 'null' } } },
    unique: { is: 'keyedhash', value: crypto.hash(nameAlg, concat(seedValue, sensitive)) },
  });
  return {
    publicArea: area,
    sensitive: {
      sensitiveType: 'keyedhash',
      authValue: authValue?.use((bytes) => Uint8Array.from(bytes)) ?? NONE,
      seedValue,
      sensitive: { is: 'keyedhash', value: sensitive },
    },
  };
}

const NONE = new Uint8Array(0);
const INNER_KEY_BYTES = 16;
const INNER = { algorithm: 'aes', keyBits: 128, mode: 'cfb' } as const;

function withoutInner(
  crypto: Crypto,
  { objectPublic, symmetricAlg, encryptionKey }: DuplicatedObject,
  name: Uint8Array,
  wrapped: Uint8Array,
): Uint8Array | undefined {
  const isOurs = symmetricAlg.algorithm === 'aes' && symmetricAlg.mode === 'cfb';
  if (!isOurs || 8 * encryptionKey.length !== symmetricAlg.keyBits) return undefined;
  const opened = unwrapInner(crypto, objectPublic.value.nameAlg, name, encryptionKey, wrapped);
  return opened.ok ? opened.value : undefined;
}

function notAStorageKey() {
  return fail('not-a-storage-key', 'an object is duplicated to a restricted decryption key with AES-CFB');
}
