import { toHex } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import fuzz from '../fuzz/guest-state.ts';
import { openGuestState, readGuestStateBinding, sealGuestState, wipeGuestState } from '../src/index.ts';
import { crypto, otherVm, owner, secretOf, state, vmId } from './parties.ts';

const transportKey = secretOf(9);
const binding = { vmId, generation: 6n };
const small = { ...state, nvram: new Uint8Array(64).fill(5) };
const open = (bytes: Uint8Array, key = transportKey, expected = binding) =>
  openGuestState(crypto, key, expected, bytes);
const notOpened = { fault: { code: 'guest-state-not-opened' } };

describe('a sealed guest state', () => {
  it('opens with the transport key it was sealed under, to what was sealed', () => {
    const opened = expectOk(open(sealGuestState(crypto, transportKey, binding, state)));
    expect(toHex(opened.owner)).toBe(owner.guardian.fingerprint);
    expect(opened.vtpmStateKey.use(toHex)).toBe('01'.repeat(32));
    expect([...opened.diskKeys].map(([name, key]) => [name, key.use(toHex)])).toEqual([
      ['data', '02'.repeat(32)],
      ['swap', '03'.repeat(32)],
    ]);
    expect(toHex(opened.nvram.subarray(-4))).toBe('ffffffff');
    expect(opened.nvram).toHaveLength(540_672);
  });

  it('names its VM and generation in clear, and nothing else', () => {
    const sealed = sealGuestState(crypto, transportKey, binding, small);
    expect(expectOk(readGuestStateBinding(sealed))).toEqual(binding);
    for (const secret of ['01', '02', '03', '05']) expect(toHex(sealed)).not.toContain(secret.repeat(16));
    expect(toHex(sealed)).not.toContain(owner.guardian.fingerprint);
  });

  it('is never sealed alike twice', () => {
    const [one, two] = [1, 2].map(() => toHex(sealGuestState(crypto, transportKey, binding, small)));
    expect(one?.slice(74)).not.toBe(two?.slice(74));
  });

  it('does not open with another transport key, for another VM, or for another generation', () => {
    const sealed = sealGuestState(crypto, transportKey, binding, small);
    expect(open(sealed, secretOf(8))).toMatchObject(notOpened);
    expect(open(sealed, transportKey, { ...binding, vmId: otherVm })).toMatchObject(notOpened);
    expect(open(sealed, transportKey, { ...binding, generation: 7n })).toMatchObject(notOpened);
    // the header of generation 7 in front of the content of generation 6
    const moved = sealed.with(28, 7);
    expect(expectOk(readGuestStateBinding(moved)).generation).toBe(7n);
    expect(open(moved, transportKey, { ...binding, generation: 7n })).toMatchObject(notOpened);
  });

  it('is a fault, never a throw, cut anywhere, with a byte more, and with any bit changed', () => {
    const sealed = sealGuestState(crypto, transportKey, binding, small);
    for (let length = 0; length < sealed.length; length++) expect(open(sealed.subarray(0, length)).ok).toBe(false);
    expect(open(Uint8Array.of(...sealed, 0)).ok).toBe(false);
    for (let index = 0; index < sealed.length; index++) {
      const changed = sealed.with(index, sealed[index]! ^ 1);
      expect(open(changed).ok).toBe(false);
      expect(() => fuzz(changed)).not.toThrow();
    }
  });

  it('shows no key when it is printed, and has none after it was wiped', () => {
    const opened = expectOk(open(sealGuestState(crypto, transportKey, binding, small)));
    expect(JSON.stringify({ key: opened.vtpmStateKey, disks: [...opened.diskKeys] })).toBe(
      '{"key":"[secret]","disks":[["data","[secret]"],["swap","[secret]"]]}',
    );
    wipeGuestState(opened);
    expect([opened.vtpmStateKey, ...opened.diskKeys.values()].map((key) => key.use(toHex))).toEqual(
      Array.from({ length: 3 }, () => '00'.repeat(32)),
    );
  });

  it('is sealed with a transport key of the right size only', () => {
    expect(() => sealGuestState(crypto, new Secret(new Uint8Array(16)), binding, small)).toThrow(RangeError);
  });
});
