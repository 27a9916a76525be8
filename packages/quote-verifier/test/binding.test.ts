import { toHex } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { describe, expect, it } from 'vitest';
import { activationProof, evidenceBinding } from '../src/index.ts';
import { crypto, NONCE } from './forger.ts';

describe('evidenceBinding', () => {
  const context = {
    challenge: NONCE,
    serviceId: 'service',
    hostId: 'host',
    healthKeyName: Uint8Array.of(0, 11, 1),
    clientKey: Uint8Array.of(9),
  };
  it('is another for each part that differs, also where bytes move from one part to the next', () => {
    const variants = [
      context,
      { ...context, challenge: NONCE.subarray(1) },
      { ...context, serviceId: 'services' },
      { ...context, serviceId: 'servic', hostId: 'ehost' },
      { ...context, hostId: 'host2' },
      { ...context, healthKeyName: Uint8Array.of(0, 11, 2) },
      { ...context, clientKey: Uint8Array.of(8) },
    ];
    expect(new Set(variants.map((each) => toHex(evidenceBinding(crypto, each)))).size).toBe(variants.length);
    expect(evidenceBinding(crypto, context)).toHaveLength(32);
  });
});

describe('activationProof', () => {
  it('is another for each secret, host and key', () => {
    const [secret, other] = [new Secret(NONCE), new Secret(new Uint8Array(32))];
    const proofs = [
      activationProof(crypto, [secret], 'host', NONCE),
      activationProof(crypto, [other], 'host', NONCE),
      activationProof(crypto, [secret, other], 'host', NONCE),
      activationProof(crypto, [other, secret], 'host', NONCE),
      activationProof(crypto, [secret], 'host2', NONCE),
      activationProof(crypto, [secret], 'host', NONCE.subarray(1)),
    ];
    expect(new Set(proofs.map(toHex)).size).toBe(proofs.length);
    expect(secret.use(toHex)).toBe(toHex(NONCE));
  });
});
