import { concat, u32be } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expect } from 'vitest';
import { policySigner } from '../policy/authorized.ts';
import { type CommandName, COMMANDS, type RequestOf } from '../commands/table.ts';
import { TPM_RH } from '../structures/handles.ts';
import type { TpmtSignature } from '../structures/signature.ts';
import { altered, eccKey, FIXED } from './areas.ts';
import { authorization, type Bench, DIGEST, NONE, type RawCall } from './bench.ts';

const SIGNER = eccKey({ scheme: 'ecdsa', hashAlg: 'sha256' }, ...FIXED, 'sign');
export const REF = crypto.hash('sha256', DIGEST);
/** The policy that nothing was asked of. */
export const START = new Uint8Array(32);
export const QUOTE = { qualifyingData: DIGEST, inScheme: { scheme: 'null' }, PCRselect: [] } as const;

/** H(previous || TPM_CC || parts), written down once more here: the suite believes neither side. Part 3, 23.2.3. */
export function extended(previous: Uint8Array, name: CommandName, ...parts: readonly Uint8Array[]): Uint8Array {
  return crypto.hash('sha256', concat(previous, u32be(COMMANDS[name].code), ...parts));
}

/** Sessions that take the same steps, and keys that ask for them. */
export function policyBench({ done, flush, startSession }: Bench) {
  const digestOf = async (session: number) =>
    (await done('PolicyGetDigest', { handles: [session], parameters: {} })).parameters.policyDigest;
  /** Takes the same step in a trial and in a policy session; the digest must be the one expected. Gives the policy session. */
  async function inBoth(expected: Uint8Array, step: (session: number) => Promise<unknown>): Promise<number> {
    const { handle: trial } = await startSession('trial');
    await step(trial);
    expect(await digestOf(trial)).toEqual(expected);
    await flush(trial);
    const { handle } = await startSession('policy');
    await step(handle);
    expect(await digestOf(handle)).toEqual(expected);
    return handle;
  }
  /** A signing key for a policy alone, unless its password does too. */
  async function keyUnder(authPolicy: Uint8Array, userAuth: Uint8Array = NONE, userWithAuth = false) {
    const inPublic = altered(SIGNER, {
      authPolicy,
      objectAttributes: { ...SIGNER.value.objectAttributes, userWithAuth },
    });
    const made = await done('CreatePrimary', {
      handles: [TPM_RH.owner],
      parameters: { inSensitive: { userAuth, data: NONE }, inPublic, outsideInfo: NONE, creationPCR: [] },
    });
    return made.handle;
  }
  const quoteIn = (key: number, session: number, hmac: Uint8Array = NONE): RawCall<'Quote'> => ({
    handles: [key],
    parameters: QUOTE,
    authorize: [authorization(session, hmac)],
  });
  const inSession =
    <Name extends CommandName>(name: Name, parameters: RequestOf<Name>) =>
    (session: number) =>
      done(name, { handles: [session], parameters });
  return { digestOf, inBoth, keyUnder, quoteIn, inSession };
}

/** Who signs for policies, elsewhere. */
export async function foreignSigner() {
  const key = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
  if (key.publicKey.type !== 'ec') throw new Error('an EC key was asked for');
  const sign = async (message: Uint8Array): Promise<TpmtSignature> => {
    const bytes = await key.sign('ecdsa-sha256', message);
    return { sigAlg: 'ecdsa', hash: 'sha256', signatureR: bytes.subarray(0, 32), signatureS: bytes.subarray(32) };
  };
  return { signer: policySigner(key.publicKey), sign };
}
