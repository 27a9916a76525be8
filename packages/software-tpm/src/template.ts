import { hashLength } from '@sekimori/crypto-core';
import type { Failed } from '@sekimori/result';
import type { TpmtPublic } from '@sekimori/tpm2';
import { inParameter, RC, type Refusal, refuse } from './response-codes.ts';

/** TPM2_CreatePrimary's second parameter. */
const IN_PUBLIC = 2;
const wrong = (code: number) => inParameter(IN_PUBLIC, code);

/** What no primary key can be made from. Part 3, 24.1; Part 1, 25. Sealed data, HMAC and symmetric keys are not there. */
export function unusableTemplate(area: TpmtPublic): Failed<Refusal> | undefined {
  const { objectAttributes: attributes, parameters } = area;
  if (parameters.is !== 'rsa' && parameters.is !== 'ecc') return wrong(RC.type);
  // a primary is as much bound to its parent, the seed, as to its TPM
  if (attributes.fixedTPM !== attributes.fixedParent || !attributes.sensitiveDataOrigin) return wrong(RC.attributes);
  if (attributes.fixedTPM && attributes.encryptedDuplication) return wrong(RC.attributes);
  if (!attributes.sign && !attributes.decrypt) return wrong(RC.attributes);
  if (attributes.restricted && attributes.sign === attributes.decrypt) return wrong(RC.attributes);
  if (attributes.stClear || attributes.firmwareLimited || attributes.svnLimited || attributes.x509sign)
    return wrong(RC.attributes);
  if (area.authPolicy.length !== 0 && area.authPolicy.length !== hashLength(area.nameAlg)) return wrong(RC.size);
  return unusableScheme(area) ?? unusableKey(area);
}

function unusableScheme({ objectAttributes: attributes, parameters }: TpmtPublic): Failed<Refusal> | undefined {
  if (parameters.is !== 'rsa' && parameters.is !== 'ecc') return wrong(RC.type);
  const { symmetric, scheme } = parameters.value;
  const isStorage = attributes.restricted && attributes.decrypt;
  if (isStorage !== (symmetric.algorithm !== 'null')) return wrong(RC.symmetric);
  if (isStorage && (symmetric.algorithm !== 'aes' || symmetric.mode !== 'cfb' || !isAesKeySize(symmetric.keyBits)))
    return wrong(RC.symmetric);
  const fits = {
    null: !attributes.restricted || attributes.decrypt,
    rsassa: attributes.sign && !attributes.decrypt,
    rsapss: attributes.sign && !attributes.decrypt,
    ecdsa: attributes.sign && !attributes.decrypt,
    ecdaa: false,
    sm2: false,
    ecschnorr: false,
    ecmqv: false,
    rsaes: attributes.decrypt && !attributes.sign && !isStorage,
    oaep: attributes.decrypt && !attributes.sign && !isStorage,
    ecdh: attributes.decrypt && !attributes.sign && !isStorage,
  } as const;
  return fits[scheme.scheme] ? undefined : wrong(RC.scheme);
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

export function isAesKeySize(bits: number): boolean {
  return bits === 128 || bits === 192 || bits === 256;
}
