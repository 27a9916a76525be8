import { concat } from '@sekimori/bytes';
import { ok } from '@sekimori/result';
import { kdfa } from '@sekimori/tpm2';
import { type Authorization, sessionValue } from './authorization.ts';
import type { Machine } from './machine.ts';
import { type Answer, inParameter, RC } from './response-codes.ts';
import type { Session } from './sessions.ts';

/** The command's first parameter, as it was before the caller encrypted it. Part 1, 21. */
export function decryptParameter(
  machine: Machine,
  authorization: Authorization,
  parameters: Uint8Array,
): Answer<Uint8Array> {
  const length = ((parameters[0] ?? 0) << 8) | (parameters[1] ?? 0);
  if (parameters.length < 2) return inParameter(1, RC.insufficient);
  if (parameters.length < 2 + length) return inParameter(1, RC.size);
  return ok(cipher(machine, 'decrypt', authorization, parameters));
}

export function encryptParameter(machine: Machine, authorization: Authorization, parameters: Uint8Array): Uint8Array {
  return cipher(machine, 'encrypt', authorization, parameters);
}

const IV_LENGTH = 16;

function cipher(
  machine: Machine,
  direction: 'encrypt' | 'decrypt',
  authorization: Authorization,
  parameters: Uint8Array,
): Uint8Array {
  const session = authorization.session as Session;
  const nonces = [authorization.sent.nonce, session.nonceTpm] as const;
  const [newer, older] = direction === 'decrypt' ? nonces : [nonces[1], nonces[0]];
  const end = 2 + (((parameters[0] as number) << 8) | (parameters[1] as number));
  const data = parameters.subarray(2, end);
  const { symmetric } = session;
  const derive = (label: string, length: number) =>
    kdfa(machine.crypto, session.hash, sessionValue(authorization), label, newer, older, 8 * length);
  let changed = data;
  if (symmetric.algorithm === 'aes') {
    const keyLength = symmetric.keyBits / 8;
    changed = derive('CFB', keyLength + IV_LENGTH).use((bytes) =>
      machine.crypto.aesCfb(direction, bytes.subarray(0, keyLength), bytes.subarray(keyLength), data),
    );
  } else if (symmetric.algorithm === 'xor') {
    changed = derive('XOR', data.length).use((mask) => data.map((byte, i) => byte ^ (mask[i] as number)));
  }
  return concat(parameters.subarray(0, 2), changed, parameters.subarray(end));
}
