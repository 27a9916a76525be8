import { toHex } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { expect, it } from 'vitest';
import { TPM_RH } from '../handles.ts';
import { readNv } from '../operations.ts';
import { changeHierarchyAuth, removeNv, writeNvOnce } from '../owner.ts';
import { type Bench, DIGEST } from './bench.ts';

const AUTHORITY = new Secret(new Uint8Array(32).fill(0xa7));
const EMPTY = new Secret(new Uint8Array(0));

export function ownerContract({ tpm, withMeddling, withSrk }: Bench): void {
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
}
