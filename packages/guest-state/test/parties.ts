import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { Secret } from '@sekimori/crypto-core';
import { createGuardian } from '@sekimori/key-protector';
import { type GuestState, parseVmId } from '../src/index.ts';

export { crypto };
const at = new Date('2026-11-28T00:00:00Z');
export const { keys: owner } = await createGuardian(crypto, 'Owner', at);
export const { keys: stranger } = await createGuardian(crypto, 'Stranger', at);
export const vmId = parseVmId('0190b5a2-0000-7000-8000-000000000001')!;
export const otherVm = parseVmId('0190b5a2-0000-7000-8000-000000000002')!;
export const secretOf = (byte: number) => new Secret(new Uint8Array(32).fill(byte));
export const state: GuestState = {
  owner: owner.guardian.digest,
  securityPolicy: new Uint8Array(32).fill(7),
  vtpmStateKey: secretOf(1),
  diskKeys: new Map([
    ['data', secretOf(2)],
    ['swap', secretOf(3)],
  ]),
  nvram: new Uint8Array(540_672).fill(0xff),
};
