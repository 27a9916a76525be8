import { hashLength } from '@sekimori/crypto-core';
import type { Failed } from '@sekimori/result';
import { isAesBits, type TpmtPublic } from '@sekimori/tpm2';
import { inParameter, RC, type Refusal, refuse } from './response-codes.ts';

/** Of TPM2_Create, TPM2_CreatePrimary, TPM2_Load, TPM2_LoadExternal and TPM2_Import: the public area is the second parameter. */
const IN_PUBLIC = 2;
const wrong = (code: number) => inParameter(IN_PUBLIC, code);

type Attributes = TpmtPublic['objectAttributes'];

/** Whose child an object is to be: of a primary, its hierarchy's. */
export type Above = { readonly kind: 'hierarchy' } | { readonly kind: 'object'; readonly attributes: Attributes };

/**
 * What no object can be made from. Part 3, 12.1 and 24.1; Part 1, 25 and 27. `dataSize`: what the caller brings. Symmetric
 * keys and parents that derive keys are not there.
 */
export function unusableTemplate(area: TpmtPublic, above: Above, dataSize: number): Failed<Refusal> | undefined {
  const { sensitiveDataOrigin, sign, decrypt } = area.objectAttributes;
  if (!sensitiveDataOrigin && dataSize === 0) return wrong(RC.attributes);
  if (above.kind === 'object' && sensitiveDataOrigin && dataSize > 0) return wrong(RC.attributes);
  // what nobody handed in cannot be sealed, and nobody hands in half of a key pair
  if (area.type === 'keyedhash' && !sign && !decrypt && sensitiveDataOrigin) return wrong(RC.attributes);
  if (area.type !== 'keyedhash' && !sensitiveDataOrigin) return wrong(RC.attributes);
  return unusableArea(area, above);
}

/** What no object can be, wherever it was made. */
export function unusableArea(area: TpmtPublic, above: Above): Failed<Refusal> | undefined {
  const { objectAttributes: attributes } = area;
  if (area.type === 'symcipher') return wrong(RC.type);
  if (area.authPolicy.length !== 0 && area.authPolicy.length !== hashLength(area.nameAlg)) return wrong(RC.size);
  const fixedAbove = above.kind === 'hierarchy' || above.attributes.fixedTPM;
  // what can leave its TPM can leave with its parent too
  if (fixedAbove ? attributes.fixedTPM !== attributes.fixedParent : attributes.fixedTPM) return wrong(RC.attributes);
  if (attributes.fixedTPM && attributes.encryptedDuplication) return wrong(RC.attributes);
  if (!fixedAbove && above.attributes.encryptedDuplication !== attributes.encryptedDuplication)
    return wrong(RC.attributes);
  if (attributes.restricted && attributes.sign === attributes.decrypt) return wrong(RC.attributes);
  if (area.type !== 'keyedhash' && !attributes.sign && !attributes.decrypt) return wrong(RC.attributes);
  if (attributes.stClear || attributes.firmwareLimited || attributes.svnLimited || attributes.x509sign)
    return wrong(RC.attributes);
  return unusableScheme(area) ?? unusableKey(area);
}

function unusableScheme(area: TpmtPublic): Failed<Refusal> | undefined {
  const { objectAttributes: attributes, parameters } = area;
  if (parameters.is === 'symcipher') return wrong(RC.type);
  const { scheme } = parameters.value.scheme;
  if (parameters.is === 'keyedhash') {
    const due = attributes.sign && !attributes.decrypt ? 'hmac' : 'null';
    // keys that obfuscate are not there
    return scheme === due && (!attributes.decrypt || attributes.sign) ? undefined : wrong(RC.scheme);
  }
  const { symmetric } = parameters.value;
  const isStorage = attributes.restricted && attributes.decrypt;
  if (isStorage !== (symmetric.algorithm !== 'null')) return wrong(RC.symmetric);
  if (isStorage && (symmetric.algorithm !== 'aes' || symmetric.mode !== 'cfb' || !isAesBits(symmetric.keyBits)))
    return wrong(RC.symmetric);
  const { sign, decrypt } = attributes;
  const [signs, decrypts] = [sign && !decrypt, decrypt && !sign && !isStorage];
  const fits = {
    null: !attributes.restricted || decrypt,
    rsassa: signs,
    rsapss: signs,
    ecdsa: signs,
    ecdaa: false,
    sm2: false,
    ecschnorr: false,
    ecmqv: false,
    rsaes: decrypts,
    oaep: decrypts,
    ecdh: decrypts,
    hmac: false,
    xor: false,
  } as const;
  return fits[scheme] ? undefined : wrong(RC.scheme);
}

function unusableKey({ parameters }: TpmtPublic): Failed<Refusal> | undefined {
  if (parameters.is === 'rsa') {
    const { keyBits, exponent } = parameters.value;
    if (!isRsaKeySize(keyBits)) return wrong(RC.value);
    return exponent === 0 || exponent === 65537 ? undefined : refuse(RC.range);
  }
  return parameters.is === 'ecc' && parameters.value.kdf.scheme !== 'null' ? wrong(RC.kdf) : undefined;
}

export function isRsaKeySize(bits: number): bits is 2048 | 3072 | 4096 {
  return bits === 2048 || bits === 3072 || bits === 4096;
}
