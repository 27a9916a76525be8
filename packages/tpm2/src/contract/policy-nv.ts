import { concat, u16be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import type { HashName } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expect, it } from 'vitest';
import { TPM_ALG } from '../structures/algorithms.ts';
import { TPMA_NV } from '../structures/attributes.ts';
import { type RequestOf } from '../commands/table.ts';
import { TPM_EO } from '../commands/policy.ts';
import { TPM_RH } from '../structures/handles.ts';
import { TPMS_NV_PUBLIC } from '../structures/objects.ts';
import { PolicyDigest } from '../policy/digest.ts';
import { authorization, type Bench, DIGEST, NONE, SUCCESS } from './bench.ts';
import { extended, policyBench, START } from './policy-bench.ts';

const INDEX = 0x01500f20;

/** What a policy asks of an NV index. */
export function policyNvContract(bench: Bench): void {
  const { ask, done, startSession } = bench;
  const { inBoth, inSession } = policyBench(bench);

  it.each([
    ['eq', [1, 2], 'neq', [1, 2]],
    ['neq', [1, 3], 'eq', [1, 3]],
    ['unsignedGt', [1, 1], 'unsignedGt', [1, 2]],
    ['unsignedLt', [1, 3], 'unsignedLt', [1, 2]],
    ['unsignedGe', [1, 2], 'unsignedGe', [1, 3]],
    ['unsignedLe', [1, 2], 'unsignedLe', [1, 1]],
    ['signedGt', [0xff, 0xff], 'signedGt', [1, 2]],
    ['signedLt', [2, 0], 'signedLt', [0xff, 0xff]],
    ['signedGe', [0xff, 0xff], 'signedGe', [2, 0]],
    ['signedLe', [1, 2], 'signedLe', [0x80, 0]],
    ['bitSet', [1, 2], 'bitSet', [1, 4]],
    ['bitClear', [0, 4], 'bitClear', [1, 0]],
  ] as const)('PolicyNV compares what an index holds: %s', async (holds, operand, fails, other) => {
    await withIndex({}, 6, async (indexName) => {
      await done('NV_Write', write(Uint8Array.of(0, 0, 1, 2, 0, 0)));
      const name = await indexName();
      const call = (session: number, operation: RequestOf<'PolicyNV'>['operation'], bytes: readonly number[]) => ({
        handles: [TPM_RH.owner, INDEX, session],
        parameters: { operandB: Uint8Array.from(bytes), offset: 2, operation },
      });
      const terms = concat(Uint8Array.from(operand), u16be(2), encode(TPM_EO, holds));
      const expected = extended(START, 'PolicyNV', crypto.hash('sha256', terms), name);
      const session = await inBoth(expected, (each) => done('PolicyNV', call(each, holds, operand)));
      expect(await ask('PolicyNV', call(session, fails, other))).toBe('TPM_RC_POLICY');
    });
  });

  it('PolicyNV does not compare past the end, or what was never written', async () => {
    await withIndex({}, 6, async () => {
      const { handle } = await startSession('policy');
      const call = (offset: number) => ({
        handles: [TPM_RH.owner, INDEX, handle],
        parameters: { operandB: DIGEST.subarray(0, 4), offset, operation: 'eq' } as const,
      });
      expect(await ask('PolicyNV', call(0))).toBe('TPM_RC_NV_UNINITIALIZED');
      await done('NV_Write', write(DIGEST.subarray(0, 6)));
      expect(await ask('PolicyNV', call(3))).toBe('TPM_RC_SIZE parameter 1');
      expect(await ask('PolicyNV', call(7))).toBe('TPM_RC_VALUE parameter 2');
      expect(await ask('PolicyNV', call(2))).toBe(SUCCESS);
    });
  });

  it('PolicyAuthorizeNV puts the policy that an index holds in the place of what it says', async () => {
    const policy = PolicyDigest.start(crypto, 'sha256').authValue().digest;
    await withIndex({}, 34, async (indexName) => {
      const call = (session: number) => ({ handles: [TPM_RH.owner, INDEX, session], parameters: {} });
      await done('NV_Write', write(concat(u16be(TPM_ALG.sha256), policy)));
      const expected = extended(START, 'PolicyAuthorizeNV', await indexName());
      const session = await inBoth(expected, async (each) => {
        await done('PolicyAuthValue', { handles: [each], parameters: {} });
        await done('PolicyAuthorizeNV', call(each));
      });
      expect(await ask('PolicyAuthorizeNV', call(session))).toBe('TPM_RC_VALUE');
      await done('NV_Write', write(concat(u16be(TPM_ALG.sha384), policy)));
      expect(await ask('PolicyAuthorizeNV', call(session))).toBe('TPM_RC_INSUFFICIENT');
      await done('NV_Write', write(concat(u16be(TPM_ALG.sha1), policy)));
      expect(await ask('PolicyAuthorizeNV', call(session))).toBe('TPM_RC_HASH');
    });
  });

  it('PolicyNvWritten lets an index be written once', async () => {
    const unwritten = extended(START, 'PolicyNvWritten', Uint8Array.of(0));
    const attributes = { policyWrite: true, ownerWrite: false, authWrite: false };
    await withIndex({ ...attributes, authPolicy: unwritten }, 6, async () => {
      const session = await inBoth(unwritten, inSession('PolicyNvWritten', { writtenSet: false }));
      const other = { handles: [session], parameters: { writtenSet: true } };
      expect(await ask('PolicyNvWritten', other)).toBe('TPM_RC_VALUE parameter 1');
      const writing = { ...write(DIGEST.subarray(0, 6), INDEX), authorize: [authorization(session)] };
      await done('NV_Write', writing);
      await done('PolicyNvWritten', { handles: [session], parameters: { writtenSet: false } });
      expect(await ask('NV_Write', writing)).toBe('TPM_RC_POLICY_FAIL session 1');
    });
  });

  const write = (data: Uint8Array, authHandle: number = TPM_RH.owner) => ({
    handles: [authHandle, INDEX],
    parameters: { data, offset: 0 },
  });
  interface IndexOptions {
    readonly policyWrite?: boolean;
    readonly ownerWrite?: boolean;
    readonly authWrite?: boolean;
    readonly authPolicy?: Uint8Array;
  }
  async function withIndex(
    { authPolicy = NONE, ...attributes }: IndexOptions,
    dataSize: number,
    work: (name: () => Promise<Uint8Array>) => Promise<void>,
  ): Promise<void> {
    const usual = TPMA_NV.of('ownerRead', 'ownerWrite', 'authRead', 'authWrite', 'noDA');
    const nameAlg: HashName = 'sha256';
    const value = { nvIndex: INDEX, nameAlg, attributes: { ...usual, ...attributes }, authPolicy, dataSize };
    const publicInfo = { value, bytes: encode(TPMS_NV_PUBLIC, value) };
    await done('NV_DefineSpace', { handles: [TPM_RH.owner], parameters: { auth: NONE, publicInfo } });
    try {
      await work(async () => (await done('NV_ReadPublic', { handles: [INDEX], parameters: {} })).parameters.nvName);
    } finally {
      await ask('NV_UndefineSpace', { handles: [TPM_RH.owner, INDEX], parameters: {} });
    }
  }
}
