import { expect, it } from 'vitest';
import type { TpmsContext } from '../structures/objects.ts';
import { TPM_RH, WELL_KNOWN } from '../structures/handles.ts';
import { SRK_ECC_P256 } from '../keys/templates.ts';
import { eccKey, FIXED } from './areas.ts';
import { type Bench, SUCCESS } from './bench.ts';

/** Objects and sessions put aside and taken back. A resource manager keeps these commands for itself: it does just that. */
export function contextsContract({ ask, done, flush, primary, startSession, reset }: Bench): void {
  const save = async (handle: number) =>
    (await done('ContextSave', { handles: [handle], parameters: {} })).parameters.context;
  const load = (context: TpmsContext) => ({ parameters: { context } });
  const changed = (context: TpmsContext): TpmsContext => ({
    ...context,
    contextBlob: context.contextBlob.map((byte, i) => (i === context.contextBlob.length - 1 ? byte ^ 1 : byte)),
  });

  it('has room for three objects, and takes back one that was put aside', async () => {
    const made = [];
    for (let n = 0; n < 3; n++) made.push(await primary(SRK_ECC_P256));
    const fourth = { inSensitive: { userAuth: new Uint8Array(0), data: new Uint8Array(0) }, inPublic: SRK_ECC_P256 };
    const create = {
      handles: [TPM_RH.owner],
      parameters: { ...fourth, outsideInfo: new Uint8Array(0), creationPCR: [] },
    };
    expect(await ask('CreatePrimary', create)).toBe('TPM_RC_OBJECT_MEMORY');
    const context = await save(made[0]!.handle);
    expect([context.savedHandle, context.hierarchy]).toEqual([0x80000000, TPM_RH.owner]);
    expect(await ask('ContextLoad', load(context))).toBe('TPM_RC_OBJECT_MEMORY');
    for (const { handle } of made) await flush(handle);
    const gone = { parameters: { flushHandle: made[0]!.handle } };
    expect(await ask('FlushContext', gone)).toBe('TPM_RC_HANDLE parameter 1');
    expect(await ask('ContextLoad', load(changed(context)))).toBe('TPM_RC_INTEGRITY parameter 1');
    const again = await done('ContextLoad', load(context));
    const read = (await done('ReadPublic', { handles: [again.handle], parameters: {} })).parameters;
    expect(read.name).toEqual(made[0]!.parameters.name);
    const kept = WELL_KNOWN.rsa2048EndorsementKey;
    expect(await ask('ContextSave', { handles: [kept], parameters: {} })).toBe('TPM_RC_VALUE handle 1');
    // and once more: an object's context is good as long as the boot
    expect(await ask('ContextLoad', load(context))).toBe(SUCCESS);
  });

  it('takes back a child of a key with its secrets', async () => {
    const srk = await primary(SRK_ECC_P256);
    const inPublic = eccKey({ scheme: 'ecdsa', hashAlg: 'sha256' }, ...FIXED, 'sign');
    const create = {
      inSensitive: { userAuth: new Uint8Array(0), data: new Uint8Array(0) },
      inPublic,
      outsideInfo: new Uint8Array(0),
      creationPCR: [],
    };
    const { outPublic, outPrivate } = (await done('Create', { handles: [srk.handle], parameters: create })).parameters;
    const parameters = { inPrivate: outPrivate, inPublic: outPublic };
    const key = await done('Load', { handles: [srk.handle], parameters });
    const context = await save(key.handle);
    await flush(key.handle);
    const again = await done('ContextLoad', load(context));
    const quote = { qualifyingData: new Uint8Array(0), inScheme: { scheme: 'null' }, PCRselect: [] } as const;
    await done('Quote', { handles: [again.handle], parameters: quote });
  });

  it('takes back a session once, where it was', async () => {
    const session = await startSession('policy');
    await done('PolicyAuthValue', { handles: [session.handle], parameters: {} });
    const digest = () => done('PolicyGetDigest', { handles: [session.handle], parameters: {} });
    const before = await digest();
    const context = await save(session.handle);
    expect([context.savedHandle, context.hierarchy]).toEqual([session.handle, TPM_RH.null]);
    expect(await ask('PolicyGetDigest', { handles: [session.handle], parameters: {} })).toBe('TPM_RC_REFERENCE_H0');
    const saved = await done('GetCapability', {
      parameters: { capability: 'handles', property: 0x03000000, propertyCount: 8 },
    });
    // of those put aside a TPM does not tell the kind
    const handles = [0x02000000 + (session.handle & 0xffffff)];
    expect(saved.parameters.capabilityData).toEqual({ capability: 'handles', handles });
    expect(await ask('ContextLoad', load(changed(context)))).toBe('TPM_RC_INTEGRITY parameter 1');
    expect((await done('ContextLoad', load(context))).handle).toBe(session.handle);
    expect((await digest()).parameters).toEqual(before.parameters);
    expect(await ask('ContextLoad', load(context))).toBe('TPM_RC_HANDLE parameter 1');
  });

  it('has room for three sessions, and for more that were put aside', async () => {
    const contexts = [];
    for (let n = 0; n < 5; n++) contexts.push(await save((await startSession('hmac')).handle));
    for (let n = 0; n < 3; n++) await done('ContextLoad', load(contexts[n]!));
    expect(await ask('ContextLoad', load(contexts[3]!))).toBe('TPM_RC_SESSION_MEMORY');
    for (const { savedHandle } of contexts) await flush(savedHandle);
    expect(await ask('ContextLoad', load(contexts[4]!))).toBe('TPM_RC_HANDLE parameter 1');
  });

  it('takes nothing back after a reset', async () => {
    const { handle } = await primary(SRK_ECC_P256);
    const [object, session] = [await save(handle), await save((await startSession('policy')).handle)];
    await reset();
    expect(await ask('ContextLoad', load(object))).toBe('TPM_RC_INTEGRITY parameter 1');
    expect(await ask('ContextLoad', load(session))).toBe('TPM_RC_INTEGRITY parameter 1');
  });
}
