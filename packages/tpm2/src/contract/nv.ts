import { toHex, u64be } from '@sekimori/bytes';
import { encode, type Infer } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expect, it } from 'vitest';
import { type NvKind, type TpmaNv, TPMA_NV } from '../structures/attributes.ts';
import { COMMANDS } from '../commands/table.ts';
import { TPM_RH } from '../structures/handles.ts';
import { TPMS_NV_PUBLIC } from '../structures/objects.ts';
import { PolicyDigest } from '../policy/digest.ts';
import { AK_ECC_P256 } from '../keys/templates.ts';
import { attestOf, authorization, type Bench, DIGEST, expectSignedBy, NONE, PASSWORD, SUCCESS } from './bench.ts';

const INDEX = 0x01500f10;
const AUTH = new Uint8Array(16).fill(0x5a);
type Attributes = readonly Exclude<keyof TpmaNv, 'kind'>[];
const READABLE: Attributes = ['ownerRead', 'ownerWrite', 'authRead', 'authWrite', 'noDA'];

/** Ordinary indices and counters: who may read and write, locks, what is certified. */
export function nvContract({ ask, done, primary, startSession, reset }: Bench): void {
  const of = (kind: NvKind, ...attributes: Attributes) => ({ ...TPMA_NV.of(...attributes), kind });
  const define = (change: Partial<Infer<typeof TPMS_NV_PUBLIC>> = {}, auth: Uint8Array = NONE) => {
    const usual = { nvIndex: INDEX, nameAlg: 'sha256', authPolicy: NONE, dataSize: 8 } as const;
    const value = { ...usual, attributes: TPMA_NV.of(...READABLE), ...change };
    const publicInfo = { value, bytes: encode(TPMS_NV_PUBLIC, value) };
    return { handles: [TPM_RH.owner], parameters: { auth, publicInfo } };
  };
  const by = (authHandle: number) => ({ handles: [authHandle, INDEX], parameters: {} });
  const write = (data: Uint8Array, offset = 0, authHandle: number = TPM_RH.owner) => ({
    handles: [authHandle, INDEX],
    parameters: { data, offset },
  });
  const read = (size = 8, offset = 0, authHandle: number = TPM_RH.owner) => ({
    handles: [authHandle, INDEX],
    parameters: { size, offset },
  });
  const publicOf = async () => (await done('NV_ReadPublic', { handles: [INDEX], parameters: {} })).parameters;
  /** With an index, whatever comes of it. */
  async function withIndex(call: ReturnType<typeof define>, work: () => Promise<void>): Promise<void> {
    await done('NV_DefineSpace', call);
    try {
      await work();
    } finally {
      await ask('NV_UndefineSpace', by(TPM_RH.owner));
    }
  }

  it('keeps data in an index, and its Name says that it was written', () =>
    withIndex(define(), async () => {
      const { nvName } = await publicOf();
      expect(await ask('NV_Read', read())).toBe('TPM_RC_NV_UNINITIALIZED');
      await done('NV_Write', write(DIGEST.subarray(0, 4), 2));
      const { data } = (await done('NV_Read', read(4, 2))).parameters;
      expect(toHex(data)).toBe('d1d1d1d1');
      const after = await publicOf();
      expect([toHex(after.nvName) === toHex(nvName), after.nvPublic.value.attributes.written]).toEqual([false, true]);
      expect(await ask('NV_Write', write(DIGEST.subarray(0, 8), 1))).toBe('TPM_RC_NV_RANGE');
      expect(await ask('NV_Read', read(8, 1))).toBe('TPM_RC_NV_RANGE');
      expect(await ask('NV_DefineSpace', define())).toBe('TPM_RC_NV_DEFINED');
      // without the attribute there is no lock
      expect(await ask('NV_WriteLock', by(TPM_RH.owner))).toBe('TPM_RC_ATTRIBUTES handle 2');
    }));

  it('lets in who has its password, where its attributes allow that', () =>
    withIndex(define({}, AUTH), async () => {
      const data = DIGEST.subarray(0, 8);
      const right = authorization(TPM_RH.password, AUTH);
      expect(await ask('NV_Write', { ...write(data, 0, INDEX), authorize: [right] })).toBe(SUCCESS);
      expect(await ask('NV_Read', { ...read(8, 0, INDEX), authorize: [right] })).toBe(SUCCESS);
      expect(await ask('NV_Read', { ...read(8, 0, INDEX), authorize: [PASSWORD] })).toBe('TPM_RC_BAD_AUTH session 1');
    }));

  it('does not let in its owner where its attributes do not', () =>
    withIndex(define({ attributes: TPMA_NV.of('ownerWrite', 'authRead', 'noDA') }), async () => {
      await done('NV_Write', write(DIGEST.subarray(0, 8)));
      expect(await ask('NV_Read', read())).toBe('TPM_RC_NV_AUTHORIZATION');
      expect(await ask('NV_Read', read(8, 0, INDEX))).toBe(SUCCESS);
    }));

  it('is written once and for all, or until the next start', async () => {
    const data = DIGEST.subarray(0, 8);
    const beside = INDEX + 1;
    const locked = async (nvIndex: number, attribute: 'writeDefine' | 'writeStClear') => {
      const handles = [TPM_RH.owner, nvIndex];
      await done('NV_DefineSpace', define({ nvIndex, attributes: TPMA_NV.of(...READABLE, attribute) }));
      await done('NV_Write', { ...write(data), handles });
      await done('NV_WriteLock', { handles, parameters: {} });
      expect(await ask('NV_Write', { ...write(data), handles })).toBe('TPM_RC_NV_LOCKED');
      return { ...write(data), handles };
    };
    try {
      const [forGood, untilStart] = [await locked(INDEX, 'writeDefine'), await locked(beside, 'writeStClear')];
      await reset();
      expect(await ask('NV_Write', forGood)).toBe('TPM_RC_NV_LOCKED');
      expect((await publicOf()).nvPublic.value.attributes).toMatchObject({ written: true, writeLocked: true });
      expect(await ask('NV_Write', untilStart)).toBe(SUCCESS);
    } finally {
      for (const nvIndex of [INDEX, beside])
        await ask('NV_UndefineSpace', { handles: [TPM_RH.owner, nvIndex], parameters: {} });
    }
  });

  it('counts up and never back, also when the counter is made anew', async () => {
    const counter = define({ attributes: of('counter', ...READABLE) });
    const count = async () => new DataView(Uint8Array.from((await done('NV_Read', read())).parameters.data).buffer);
    let last = 0n;
    await withIndex(counter, async () => {
      expect(await ask('NV_Read', read())).toBe('TPM_RC_NV_UNINITIALIZED');
      await done('NV_Increment', by(TPM_RH.owner));
      const first = (await count()).getBigUint64(0);
      await done('NV_Increment', by(INDEX));
      last = (await count()).getBigUint64(0);
      expect(last).toBe(first + 1n);
      expect(await ask('NV_Write', write(u64be(0n)))).toBe('TPM_RC_ATTRIBUTES');
    });
    await withIndex(counter, async () => {
      await done('NV_Increment', by(TPM_RH.owner));
      expect((await count()).getBigUint64(0)).toBe(last + 1n);
    });
    expect(await ask('NV_DefineSpace', define({ attributes: of('counter', ...READABLE), dataSize: 4 }))).toBe(
      'TPM_RC_SIZE parameter 2',
    );
    await withIndex(define(), async () => {
      expect(await ask('NV_Increment', by(TPM_RH.owner))).toBe('TPM_RC_ATTRIBUTES handle 2');
    });
    expect(await ask('NV_UndefineSpace', by(TPM_RH.owner))).toBe('TPM_RC_HANDLE handle 2');
    expect(await ask('NV_ReadPublic', { handles: [INDEX], parameters: {} })).toBe('TPM_RC_HANDLE handle 1');
  });

  it('certifies what an index holds', () =>
    withIndex(define(), async () => {
      const ak = await primary(AK_ECC_P256, TPM_RH.endorsement);
      const certify = (size: number, offset: number) => ({
        handles: [ak.handle, TPM_RH.owner, INDEX],
        parameters: { qualifyingData: DIGEST, inScheme: { scheme: 'null' }, size, offset } as const,
      });
      expect(await ask('NV_Certify', certify(8, 0))).toBe('TPM_RC_NV_UNINITIALIZED');
      const data = crypto.random(8);
      await done('NV_Write', write(data));
      const { attest, signature } = (await done('NV_Certify', certify(4, 2))).parameters;
      expectSignedBy(ak.parameters.outPublic, { attest, signature: signature.bytes });
      const indexName = (await publicOf()).nvName;
      expect(attestOf(attest)).toMatchObject({
        extraData: DIGEST,
        attested: { is: 'nv', value: { indexName, offset: 2, nvContents: data.subarray(2, 6) } },
      });
      const whole = attestOf((await done('NV_Certify', certify(0, 0))).parameters.attest);
      expect(whole.attested).toEqual({ is: 'nvDigest', value: { indexName, nvDigest: crypto.hash('sha256', data) } });
      expect(await ask('NV_Certify', certify(8, 1))).toBe('TPM_RC_NV_RANGE');
    }));

  it('certifies as much as an index of a kilobyte holds', () =>
    withIndex(define({ dataSize: 1024 }), async () => {
      const ak = await primary(AK_ECC_P256, TPM_RH.endorsement);
      const data = crypto.random(1024);
      for (const offset of [0, 512]) await done('NV_Write', write(data.subarray(offset, offset + 512), offset));
      const { attest } = (
        await done('NV_Certify', {
          handles: [ak.handle, TPM_RH.owner, INDEX],
          parameters: { qualifyingData: DIGEST, inScheme: { scheme: 'null' }, size: 1024, offset: 0 },
        })
      ).parameters;
      expect(attestOf(attest).attested).toMatchObject({ is: 'nv', value: { nvContents: data } });
    }));

  it('is read under a policy', async () => {
    const { code } = COMMANDS.NV_Read;
    const authPolicy = PolicyDigest.start(crypto, 'sha256').commandCode(code).digest;
    const attributes = TPMA_NV.of('ownerWrite', 'policyRead', 'noDA');
    await withIndex(define({ attributes, authPolicy }), async () => {
      await done('NV_Write', write(DIGEST.subarray(0, 8)));
      const { handle } = await startSession('policy');
      const reading = { ...read(8, 0, INDEX), authorize: [authorization(handle)] };
      expect(await ask('NV_Read', reading)).toBe('TPM_RC_POLICY_FAIL session 1');
      await done('PolicyCommandCode', { handles: [handle], parameters: { code } });
      expect(await ask('NV_Read', reading)).toBe(SUCCESS);
      // nobody said that a policy may write
      const writing = { ...write(DIGEST.subarray(0, 8), 0, INDEX), authorize: [authorization(handle)] };
      expect(await ask('NV_Write', writing)).toBe('TPM_RC_AUTH_UNAVAILABLE');
    });
  });
}
