import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { checkChallenge, issueChallenge } from '../src/challenge/challenge.ts';

const hostId = '6a3e8f0e-8f7b-4a52-9f5a-0d6a0b3f1c2d';
const other = '6a3e8f0e-8f7b-4a52-9f5a-0d6a0b3f1c2e';
const key = { crypto, macKey: new Secret(crypto.random(32)), serviceId: 'hgs.example' };
const at = new Date('2026-11-22T12:00:00Z');
const expiresAt = new Date('2026-11-22T12:02:00Z');
const life = { issuedAt: new Date('2026-11-22T11:59:00Z'), expiresAt };

describe('challenge', () => {
  it('holds for its host until it ends, also after a restart with the same key', () => {
    const challenge = issueChallenge(key, hostId, life);
    const checked = expectOk(checkChallenge({ ...key }, challenge.bytes, { hostId, at }));
    expect(checked).toEqual(challenge);
    expect(checked).toMatchObject(life);
    expect(challenge.bytes.length).toBeLessThanOrEqual(128); // as the protocol takes it
  });
  it('is random: a thousand are all different', () => {
    const ids = Array.from({ length: 1000 }, () => issueChallenge(key, hostId, life).id);
    expect(new Set(ids).size).toBe(1000);
  });
  it.each([
    ['for another host', { hostId: other, at }, key],
    ['that has ended', { hostId, at: expiresAt }, key],
    ['of another service', { hostId, at }, { ...key, serviceId: 'other.example' }],
    ['under another key', { hostId, at }, { ...key, macKey: new Secret(crypto.random(32)) }],
  ])('refuses one %s', (_, expected, withKey) => {
    const challenge = issueChallenge(key, hostId, life);
    expect(checkChallenge(withKey, challenge.bytes, expected)).toMatchObject({
      ok: false,
      fault: { code: 'challenge-refused' },
    });
  });
  it('refuses every truncation, every flipped bit of a byte, and a byte added', () => {
    const { bytes } = issueChallenge(key, hostId, life);
    for (let length = 0; length < bytes.length; length++)
      expect(checkChallenge(key, bytes.subarray(0, length), { hostId, at }).ok).toBe(false);
    for (let i = 0; i < bytes.length; i++) {
      const changed = Uint8Array.from(bytes);
      changed[i]! ^= 0x10;
      expect(checkChallenge(key, changed, { hostId, at }).ok).toBe(false);
    }
    expect(checkChallenge(key, Uint8Array.from([...bytes, 0]), { hostId, at }).ok).toBe(false);
  });
});
