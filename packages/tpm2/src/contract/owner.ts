import { toHex } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { expect, it } from 'vitest';
import { TPM_RH } from '../structures/handles.ts';
import { readNv } from '../client/operations.ts';
import { changeHierarchyAuth, removeNv, writeNvOnce } from '../keys/owner.ts';
import { AK_ECC_P256, SRK_ECC_P256 } from '../keys/templates.ts';
import { type Bench, DIGEST } from './bench.ts';

const AUTHORITY = new Secret(new Uint8Array(32).fill(0xa7));
const EMPTY = new Secret(new Uint8Array(0));

export function ownerContract({ tpm, ask, done, withMeddling, withSrk }: Bench): void {
  it("has an owner's authorization, and an index that nobody writes twice or removes without it", async () => {
    const index = 0x01500f00;
    await withSrk(async (srk) => {
      const owner = { auth: AUTHORITY, saltTo: srk };
      const wrong = { auth: new Secret(DIGEST), saltTo: srk };
      const nobody = { auth: EMPTY, saltTo: srk };
      const frames: string[] = [];
      const note = (command: Uint8Array, response: Uint8Array) => {
        frames.push(toHex(command));
        return response;
      };
      expectOk(await withMeddling(note, () => changeHierarchyAuth(tpm, 'owner', nobody, AUTHORITY)));
      expect(frames.filter((frame) => AUTHORITY.use((bytes) => frame.includes(toHex(bytes))))).toEqual([]);
      try {
        const badAuth = { fault: { response: { name: 'TPM_RC_BAD_AUTH' } } };
        expect(await writeNvOnce(tpm, nobody, index, DIGEST)).toMatchObject(badAuth);
        expectOk(await writeNvOnce(tpm, owner, index, DIGEST));
        expect(toHex(expectOk(await readNv(tpm, index)))).toBe(toHex(DIGEST));
        expect(await writeNvOnce(tpm, owner, index, DIGEST)).toMatchObject({
          fault: { response: { name: 'TPM_RC_NV_DEFINED' } },
        });
        expect(await removeNv(tpm, wrong, index)).toMatchObject(badAuth);
        const rewritten = await tpm.run('NV_Write', {
          handles: { authHandle: TPM_RH.owner, nvIndex: index },
          parameters: { data: DIGEST, offset: 0 },
          authorize: [{ password: AUTHORITY }],
        });
        expect(rewritten).toMatchObject({ fault: { response: { name: 'TPM_RC_NV_LOCKED' } } });
      } finally {
        await removeNv(tpm, owner, index);
        expectOk(await changeHierarchyAuth(tpm, 'owner', owner, EMPTY));
      }
    });
  });

  it('has an authorization for each hierarchy that lasts, and for no other', async () => {
    const change = (handle: number, newAuth: Uint8Array) => ({ handles: [handle], parameters: { newAuth } });
    // not the platform's: a firmware gives it one that nobody knows
    for (const name of ['owner', 'endorsement', 'lockout'] as const)
      expect(await ask('HierarchyChangeAuth', change(TPM_RH[name], new Uint8Array(0)))).toBe('TPM_RC_SUCCESS');
    expect(await ask('HierarchyChangeAuth', change(TPM_RH.null, DIGEST))).toBe('TPM_RC_VALUE handle 1');
  });

  it('has a lockout that its own authorization ends', async () => {
    await done('DictionaryAttackLockReset', { handles: [TPM_RH.lockout], parameters: {} });
    expect(await ask('DictionaryAttackLockReset', { handles: [TPM_RH.owner], parameters: {} })).toBe(
      'TPM_RC_VALUE handle 1',
    );
  });
}

/** The last thing that happens to a TPM in the suite. */
export function clearContract({ ask, done, flush, primary }: Bench): void {
  it('forgets its owner when it is cleared, and stays the TPM that was certified', async () => {
    const names = async () => {
      const [srk, ak] = [await primary(SRK_ECC_P256), await primary(AK_ECC_P256, TPM_RH.endorsement)];
      for (const { handle } of [srk, ak]) await flush(handle);
      return [toHex(srk.parameters.name), toHex(ak.parameters.name)];
    };
    expect(await ask('Clear', { handles: [TPM_RH.owner], parameters: {} })).toBe('TPM_RC_VALUE handle 1');
    const loaded = await primary(SRK_ECC_P256);
    const handles = [TPM_RH.owner, loaded.handle];
    await done('EvictControl', { handles, parameters: { persistentHandle: KEPT } });
    await flush(loaded.handle);
    const [srk, ak] = await names();
    await done('Clear', { handles: [TPM_RH.lockout], parameters: {} });
    expect(await ask('ReadPublic', { handles: [KEPT], parameters: {} })).toBe('TPM_RC_HANDLE handle 1');
    const [srkAfter, akAfter] = await names();
    expect([srkAfter === srk, akAfter === ak]).toEqual([false, true]);
    const { clockInfo } = (await done('ReadClock', { parameters: {} })).parameters.currentTime;
    expect([clockInfo.resetCount, clockInfo.restartCount]).toEqual([0, 0]);
  });
}

const KEPT = 0x81000f02;
