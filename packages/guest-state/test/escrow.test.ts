import { toHex, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { openFromGuardian, sealToGuardian } from '../src/index.ts';
import { crypto, owner, secretOf, stranger } from './parties.ts';

const purpose = { label: 'vm recovery', context: utf8('vm') };
const sealed = sealToGuardian(crypto, owner.guardian, purpose, secretOf(4));
const notOpened = { fault: { code: 'escrow-not-opened' } };

describe('an escrow', () => {
  it('opens with the keys of the guardian it is for', async () => {
    expect(expectOk(await openFromGuardian(crypto, owner, purpose, sealed)).use(toHex)).toBe('04'.repeat(32));
  });

  it('does not open for another guardian, another purpose, or another context', async () => {
    expect(await openFromGuardian(crypto, stranger, purpose, sealed)).toMatchObject(notOpened);
    expect(await openFromGuardian(crypto, owner, { ...purpose, label: 'vm' }, sealed)).toMatchObject(notOpened);
    expect(await openFromGuardian(crypto, owner, { ...purpose, context: utf8('v') }, sealed)).toMatchObject(notOpened);
    // the same bytes, divided otherwise
    const shifted = { label: 'vm recoveryvm', context: utf8('') };
    expect(await openFromGuardian(crypto, owner, shifted, sealed)).toMatchObject(notOpened);
  });

  it('is a fault, never a throw, cut anywhere, with a byte more, and with any bit changed', async () => {
    for (let length = 0; length < sealed.length; length++)
      expect((await openFromGuardian(crypto, owner, purpose, sealed.subarray(0, length))).ok).toBe(false);
    expect((await openFromGuardian(crypto, owner, purpose, Uint8Array.of(...sealed, 0))).ok).toBe(false);
    for (let index = 0; index < sealed.length; index++)
      expect((await openFromGuardian(crypto, owner, purpose, sealed.with(index, sealed[index]! ^ 1))).ok).toBe(false);
  });
});
