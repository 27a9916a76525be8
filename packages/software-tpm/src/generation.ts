import { concat } from '@sekimori/bytes';
import { curveWidth, hashLength, type PublicKey, Secret } from '@sekimori/crypto-core';
import { type PublicArea, pointOf, publicArea, storageKeyBits, type TpmtPublic } from '@sekimori/tpm2';
import { ecKeyFrom } from './curves.ts';
import type { Machine, RsaKeySource } from './machine.ts';
import type { ObjectKey } from './objects.ts';
import { isRsaKeySize } from './template.ts';

/** Where the bytes of a new object come from: chance below a parent, the hierarchy's seed for a primary. */
export interface Source {
  bytes(use: 'key' | 'seed', length: number): Secret;
  readonly rsaKey: RsaKeySource;
}

export interface Generated {
  readonly area: PublicArea;
  readonly key: ObjectKey;
  readonly seedValue: Uint8Array | undefined;
}

/** By chance. */
export function chance(machine: Machine): Source {
  return {
    bytes: (_use, length) => new Secret(machine.crypto.random(length)),
    rsaKey: machine.rsaKey,
  };
}

/** The key that a template, which `unusableTemplate` let pass, asks for, and the template with its public part. Part 1, 27.5. */
export async function generate(
  machine: Machine,
  source: Source,
  template: TpmtPublic,
  data: Uint8Array,
): Promise<Generated> {
  const { crypto } = machine;
  const { parameters, nameAlg } = template;
  const seed = () => source.bytes('seed', hashLength(nameAlg)).use(concat);
  if (parameters.is === 'keyedhash') {
    const { scheme } = parameters.value;
    const length = hashLength('hashAlg' in scheme ? scheme.hashAlg : nameAlg);
    const secret = data.length > 0 ? new Secret(data) : source.bytes('key', length);
    const seedValue = seed();
    const value = secret.use((bytes) => crypto.hash(nameAlg, concat(seedValue, bytes)));
    const area = publicArea({ ...template, unique: { is: 'keyedhash', value } });
    return { area, key: { type: 'keyedhash', data: secret }, seedValue };
  }
  let key: ObjectKey;
  let publicKey: PublicKey;
  if (parameters.is === 'ecc') {
    const { curveID } = parameters.value;
    // 64 bits more than the order has, to come out even. FIPS 186-5, A.2.1
    const ecKey = ecKeyFrom(crypto, curveID, source.bytes('key', curveWidth(curveID) + 8));
    key = { type: 'ecc', ecKey };
    ({ publicKey } = ecKey.privateKey);
  } else {
    if (parameters.is !== 'rsa' || !isRsaKeySize(parameters.value.keyBits))
      throw new Error('a template that was not checked');
    const privateKey = await source.rsaKey(parameters.value.keyBits);
    key = { type: 'rsa', privateKey };
    ({ publicKey } = privateKey);
  }
  const area = publicArea({ ...template, unique: uniqueOf(publicKey) });
  return { area, key, seedValue: storageKeyBits(template) === undefined ? undefined : seed() };
}

function uniqueOf(key: PublicKey): TpmtPublic['unique'] {
  return key.type === 'rsa' ? { is: 'rsa', value: concat(key.modulus) } : { is: 'ecc', value: pointOf(key) };
}
