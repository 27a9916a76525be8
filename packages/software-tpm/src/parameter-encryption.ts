import { ok } from '@sekimori/result';
import { cipherParameter } from '@sekimori/tpm2';
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
  if (parameters.length < 2) return inParameter(1, RC.insufficient);
  const decrypted = cipher(machine, 'decrypt', authorization, parameters);
  return decrypted ? ok(decrypted) : inParameter(1, RC.size);
}

/** The response's first parameter, which is a TPM2B. */
export function encryptParameter(machine: Machine, authorization: Authorization, parameters: Uint8Array): Uint8Array {
  const encrypted = cipher(machine, 'encrypt', authorization, parameters);
  if (!encrypted) throw new Error('a response that begins with no TPM2B');
  return encrypted;
}

function cipher(
  { crypto }: Machine,
  direction: 'encrypt' | 'decrypt',
  authorization: Authorization,
  parameters: Uint8Array,
): Uint8Array | undefined {
  const { hash, symmetric, nonceTpm } = authorization.session as Session;
  const { nonce } = authorization.sent;
  const [newer, older] = direction === 'decrypt' ? [nonce, nonceTpm] : [nonceTpm, nonce];
  const by = { hash, symmetric, sessionValue: sessionValue(authorization), newer, older };
  return cipherParameter(crypto, direction, by, parameters);
}
