import { stripLeadingZeros } from '@sekimori/bytes';
import { type Crypto, type HashName, hashLength, type RsaPublicKey } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { publicKeyOf, type RequestOf } from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import type { TpmObject } from '../objects.ts';
import { type Answer, inHandle, inParameter, RC, refuse } from '../response-codes.ts';
import { numbersOf, pkcs1Decrypt, pkcs1Encrypt, privateOperation, publicOperation } from '../rsa.ts';

type Scheme = RequestOf<'RSA_Encrypt'>['inScheme'];

/** Part 3, 14.2 and 14.3. */
export const encryption = {
  RSA_Encrypt: handler<'RSA_Encrypt'>()({
    handles: ['object'],
    run: ({ crypto }, [{ object }], { message, inScheme, label }) => {
      const { parameters, objectAttributes } = object.area.value;
      const key = publicKeyOf(crypto, object.area);
      if (parameters.is !== 'rsa' || !key.ok || key.value.type !== 'rsa') return inHandle(1, RC.key);
      if (!objectAttributes.decrypt) return inHandle(1, RC.attributes);
      if (!endsWithNul(label)) return inParameter(3, RC.value);
      const scheme = schemeOf(object, inScheme);
      if (!scheme.ok) return scheme;
      const outData = encrypt(crypto, key.value, scheme.value, message, label);
      return outData ? ok({ response: { outData } }) : refuse(RC.value);
    },
  }),
  RSA_Decrypt: handler<'RSA_Decrypt'>()({
    handles: ['object'],
    run: async (_machine, [{ object }], { cipherText, inScheme, label }) => {
      const { parameters, objectAttributes } = object.area.value;
      const { key } = object;
      if (parameters.is !== 'rsa' || key?.type !== 'rsa') return inHandle(1, RC.key);
      if (objectAttributes.restricted || !objectAttributes.decrypt) return inHandle(1, RC.attributes);
      if (!endsWithNul(label)) return inParameter(3, RC.value);
      const scheme = schemeOf(object, inScheme);
      if (!scheme.ok) return scheme;
      if (8 * cipherText.length !== parameters.value.keyBits) return refuse(RC.size);
      if (scheme.value.scheme === 'oaep') {
        const opened = await key.privateKey.decrypt(scheme.value.hashAlg, label, cipherText);
        return opened ? ok({ response: { message: opened.use((bytes) => bytes.slice()) } }) : refuse(RC.value);
      }
      const open = scheme.value.scheme === 'null' ? privateOperation : pkcs1Decrypt;
      const message = open(key.privateKey, cipherText);
      return message ? ok({ response: { message } }) : refuse(RC.value);
    },
  }),
};

/** A label is a text of C. Part 3, 14.2.1. */
function endsWithNul(label: Uint8Array): boolean {
  return label.length === 0 || label.at(-1) === 0;
}

/** A key with a scheme has that one alone. Part 3, 14.2.1, table 38. */
function schemeOf(object: TpmObject, asked: Scheme): Answer<Scheme> {
  const { parameters } = object.area.value;
  const own = parameters.is === 'rsa' ? parameters.value.scheme : undefined;
  if (!own || own.scheme === 'null') return ok(asked);
  if (own.scheme !== 'rsaes' && own.scheme !== 'oaep') return inParameter(2, RC.scheme);
  if (asked.scheme === 'null') return ok(own);
  const isSame = asked.scheme === own.scheme && hashIn(asked) === hashIn(own);
  return isSame ? ok(own) : inParameter(2, RC.scheme);
}

function hashIn(scheme: Scheme): HashName | undefined {
  return scheme.scheme === 'oaep' ? scheme.hashAlg : undefined;
}

function encrypt(
  crypto: Crypto,
  key: RsaPublicKey,
  scheme: Scheme,
  message: Uint8Array,
  label: Uint8Array,
): Uint8Array | undefined {
  const numbers = numbersOf(key);
  if (scheme.scheme === 'rsaes') return pkcs1Encrypt(crypto, numbers, message);
  if (scheme.scheme === 'oaep') {
    const room = numbers.width - 2 * hashLength(scheme.hashAlg) - 2;
    return message.length <= room ? crypto.rsaOaepEncrypt(key, scheme.hashAlg, label, message) : undefined;
  }
  return stripLeadingZeros(message).length <= numbers.width ? publicOperation(numbers, message) : undefined;
}
