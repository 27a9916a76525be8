import { concat, equal, stripLeadingZeros } from '@sekimori/bytes';
import { type Crypto, hashLength, Secret } from '@sekimori/crypto-core';
import { kdfa, type PublicArea, storageKeyBits, type TpmtSensitive } from '@sekimori/tpm2';
import { ecKeyOfBytes, scalarBytes } from './curves.ts';
import type { Machine } from './machine.ts';
import type { ObjectKey, TpmObject } from './objects.ts';
import { primeOf, rsaKeyOf } from './rsa.ts';

const NONE = new Uint8Array(0);

/** The seed of a storage key, under which its children are protected. */
export function seedOf(machine: Machine, object: TpmObject): Secret {
  if (object.seedValue) return object.seedValue;
  const hierarchy = [...machine.hierarchies.values()].find((each) => each.handle === object.hierarchy);
  if (!hierarchy) throw new Error('an object without a hierarchy');
  const { nameAlg } = object.area.value;
  return kdfa(machine.crypto, nameAlg, hierarchy.seed, 'SEED', object.name, NONE, 8 * hashLength(nameAlg));
}

/** TPMT_SENSITIVE. Part 2, 12.3.2.4. Of key pairs storage keys alone have a seed. */
export function sensitiveOf(machine: Machine, object: TpmObject): TpmtSensitive {
  const { key, area } = object;
  if (!key) throw new Error('a public area alone has no sensitive one');
  const hasSeed = key.type === 'keyedhash' || storageKeyBits(area.value) !== undefined;
  return {
    sensitiveType: key.type,
    authValue: object.auth.use(concat),
    seedValue: hasSeed ? seedOf(machine, object).use(concat) : NONE,
    sensitive: { is: key.type, value: sensitiveBytes(key) },
  };
}

function sensitiveBytes(key: ObjectKey): Uint8Array {
  if (key.type === 'rsa') return primeOf(key.privateKey);
  return key.type === 'ecc' ? scalarBytes(key.ecKey) : key.data.use(concat);
}

/** The key of a public and a sensitive area; undefined where the two do not belong together. Part 1, 27.7. */
export function keyOf(crypto: Crypto, area: PublicArea, { sensitive, ...other }: TpmtSensitive): ObjectKey | undefined {
  const { parameters, unique, nameAlg } = area.value;
  const bytes = sensitive.value;
  if (other.sensitiveType !== parameters.is) return undefined;
  if (parameters.is === 'rsa' && unique.is === 'rsa') {
    const privateKey = rsaKeyOf(crypto, unique.value, parameters.value.exponent || 65537, bytes);
    return privateKey && { type: 'rsa', privateKey };
  }
  if (parameters.is === 'ecc' && unique.is === 'ecc') {
    const ecKey = ecKeyOfBytes(crypto, parameters.value.curveID, bytes);
    const publicKey = ecKey?.privateKey.publicKey;
    if (!ecKey || publicKey?.type !== 'ec') return undefined;
    const fits = (['x', 'y'] as const).every((part) =>
      equal(stripLeadingZeros(publicKey[part]), stripLeadingZeros(unique.value[part])),
    );
    return fits ? { type: 'ecc', ecKey } : undefined;
  }
  if (parameters.is !== 'keyedhash' || unique.is !== 'keyedhash') return undefined;
  const expected = crypto.hash(nameAlg, concat(other.seedValue, bytes));
  return equal(expected, unique.value) ? { type: 'keyedhash', data: new Secret(bytes) } : undefined;
}
