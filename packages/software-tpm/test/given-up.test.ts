import { toHex } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { createPrimary, EK_RSA_2048, getRandom, TPM_RH } from '@sekimori/tpm2';
import { expect, it } from 'vitest';
import { crypto, softwareTpm } from './tpms.ts';

it('does not carry out a command that was given up while it waited, and goes on', async () => {
  let isAsked = () => {};
  let isThere = () => {};
  const asked = new Promise<void>((resolve) => (isAsked = resolve));
  const there = new Promise<void>((resolve) => (isThere = resolve));
  const rsaKey = async () => {
    isAsked();
    await there;
    return crypto.generateKey({ type: 'rsa', bits: 2048 });
  };
  const { tpm, transport } = softwareTpm({ rsaKey });
  const underWay = new AbortController();
  const waiting = new AbortController();
  const inPublic = EK_RSA_2048;
  const making = tpm.run('CreatePrimary', {
    handles: { primaryHandle: TPM_RH.endorsement },
    parameters: {
      inSensitive: { userAuth: new Uint8Array(0), data: new Uint8Array(0) },
      inPublic,
      outsideInfo: new Uint8Array(0),
      creationPCR: [],
    },
    signal: underWay.signal,
  });
  await asked;
  const shutdown = Uint8Array.from([0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x45, 0, 0]);
  const given = transport.transmit(shutdown, { signal: waiting.signal }).catch((reason: unknown) => reason);
  const after = getRandom(tpm, 8);
  waiting.abort(new Error('not now'));
  underWay.abort();
  isThere();
  expect(await given).toBe(waiting.signal.reason);
  const made = expectOk(await making);
  await tpm.flush(made.handle);
  expect(expectOk(await after)).toHaveLength(8);
  await expect(transport.transmit(shutdown, { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(DOMException);
  const again = expectOk(await createPrimary(tpm, TPM_RH.endorsement, inPublic));
  expect(toHex(again.name)).toBe(toHex(made.parameters.name));
});
