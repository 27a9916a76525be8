import { concat, equal, fromHex, toHex, utf8 } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { expect, it } from 'vitest';
import type { TpmsCapabilityData } from '../structures/capabilities.ts';
import { COMMANDS } from '../commands/table.ts';
import { encodeCommand } from '../commands/framing.ts';
import { TPM_RH } from '../structures/handles.ts';
import { extendPcr, getRandom, readNv, readPcrs, readPublic, startup, tpmProperties } from '../client/operations.ts';
import { type Bench, DIGEST, PCR, PCR_SELECTION } from './bench.ts';

/** Start, random bytes, PCRs, and whom a refusal blames. */
export function basicsContract(
  { tpm, under, ask, done, transmit }: Bench,
  options: { readonly resourceManager?: true },
): void {
  it('is started, and says so when it is started again', async () => {
    expect(await startup(tpm)).toMatchObject({ ok: true });
    expect(await tpm.run('Startup', { parameters: { startupType: 'clear' } })).toMatchObject({
      fault: { code: 'tpm-error', response: { name: 'TPM_RC_INITIALIZE' } },
    });
  });

  it('tells its family and its number of PCRs', async () => {
    const properties = expectOk(await tpmProperties(tpm, 0x100, 0x20));
    expect(properties.get(0x100)).toBe(0x322e3000);
    expect(properties.get(0x112)).toBeGreaterThanOrEqual(24);
  });

  it('gives random bytes, more than a digest of them too', async () => {
    const [one, two] = [expectOk(await getRandom(tpm, 100)), expectOk(await getRandom(tpm, 100))];
    expect([one.length, two.length]).toEqual([100, 100]);
    expect(equal(one, two)).toBe(false);
  });

  it('extends a PCR and reads it', async () => {
    const before = expectOk(await readPcrs(tpm, PCR_SELECTION)).get(PCR)!;
    expectOk(await extendPcr(tpm, PCR, 'sha256', DIGEST));
    const after = expectOk(await readPcrs(tpm, PCR_SELECTION)).get(PCR)!;
    expect(toHex(after)).toBe(toHex(crypto.hash('sha256', concat(before, DIGEST))));
  });

  it('reads all PCRs of a bank, eight at a time', async () => {
    const indices = Array.from({ length: 24 }, (_, index) => index);
    expect(expectOk(await readPcrs(tpm, { bank: 'sha256', indices })).size).toBe(24);
  });

  it('says which bank it has not', async () => {
    expect(await readPcrs(tpm, { bank: 'sha512', indices: [0] })).toMatchObject({
      fault: { code: 'pcr-unavailable' },
    });
  });

  it.skipIf(options.resourceManager)('names what it blames', async () => {
    expect(await readPublic(tpm, 0x80fffffe)).toMatchObject({
      fault: { code: 'tpm-error', command: 'ReadPublic', response: { about: { part: 'handle', number: 1 } } },
    });
    expect(await readNv(tpm, 0x01beef00)).toMatchObject({
      fault: { response: { name: 'TPM_RC_HANDLE', about: { part: 'handle', number: 1 } } },
    });
    const unknown = await under().transport.transmit(Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 0x0f, 0xff));
    expect(toHex(unknown)).toBe('80010000000a00000143');
  });

  it('has tested itself', async () => {
    for (const fullTest of [true, false]) await done('SelfTest', { parameters: { fullTest } });
    expect((await done('GetTestResult', { parameters: {} })).parameters.testResult).toBe(0);
  });

  it.each([
    ['Shutdown', '0000'],
    ['SelfTest', '01'],
    ['GetTestResult', ''],
    ['GetRandom', '0008'],
    ['ReadClock', ''],
    ['PCR_Read', '00000000'],
  ] as const)('does not take %s with a byte too many', async (name, request) => {
    const parameters = concat(fromHex(request)!, Uint8Array.of(0));
    const response = await transmit(encodeCommand({ name, handles: [], authorizations: [], parameters }));
    expect(toHex(response)).toBe('80010000000a00000095'); // TPM_RC_SIZE
  });

  it('takes randomness, but not too much at once', async () => {
    await done('StirRandom', { parameters: { inData: DIGEST } });
    expect(await ask('StirRandom', { parameters: { inData: new Uint8Array(129) } })).toBe('TPM_RC_SIZE parameter 1');
  });

  it('turns a clock that does not go back', async () => {
    const read = async () => (await done('ReadClock', { parameters: {} })).parameters.currentTime;
    const [before, after] = [await read(), await read()];
    expect(after.time >= before.time && after.clockInfo.clock >= before.clockInfo.clock).toBe(true);
    expect(after.clockInfo.resetCount).toBe(before.clockInfo.resetCount);
  });

  it('can be told that power will go, and goes on until then', async () => {
    for (const shutdownType of ['state', 'clear'] as const) await done('Shutdown', { parameters: { shutdownType } });
    await done('ReadClock', { parameters: {} });
  });

  it('hashes an event into each bank of a PCR', async () => {
    const event = utf8('event');
    await done('PCR_Reset', { handles: [PCR], parameters: {} });
    const { digests } = (await done('PCR_Event', { handles: [PCR], parameters: { eventData: event } })).parameters;
    expect(digests).toContainEqual({ hashAlg: 'sha256', digest: crypto.hash('sha256', event) });
    const value = expectOk(await readPcrs(tpm, PCR_SELECTION)).get(PCR)!;
    const zeros = new Uint8Array(32);
    expect(toHex(value)).toBe(toHex(crypto.hash('sha256', concat(zeros, crypto.hash('sha256', event)))));
    expect(await ask('PCR_Reset', { handles: [0], parameters: {} })).toBe('TPM_RC_LOCALITY');
    expect(await ask('PCR_Extend', { handles: [17], parameters: { digests: [] } })).toBe('TPM_RC_LOCALITY');
    expect(await ask('PCR_Event', { handles: [24], parameters: { eventData: event } })).toBe('TPM_RC_VALUE handle 1');
  });

  it('has every command of the table, with as many handles as the table says', async () => {
    const { capabilityData } = await capability('commands', 0, 256);
    const all = new Map(capabilityData.commandAttributes.map((each) => [each.code, each]));
    for (const [name, { code, handles, returnsHandle }] of Object.entries(COMMANDS)) {
      // a resource manager counts the handle of this one, which is a parameter
      if (options.resourceManager && name === 'FlushContext') continue;
      expect(all.get(code), name).toMatchObject({ handles: handles.length, returnsHandle });
    }
  });

  it('lists algorithms, curves, banks and what a PCR allows', async () => {
    const { algorithms } = (await capability('algorithms', 0, 127)).capabilityData;
    const byName = new Map(algorithms.map(({ alg, algProperties }) => [alg, algProperties]));
    expect(byName.get('rsa')).toMatchObject({ asymmetric: true, object: true });
    expect(byName.get('sha256')).toMatchObject({ hash: true, symmetric: false });
    expect((await capability('eccCurves', 0, 16)).capabilityData.eccCurves).toEqual(
      expect.arrayContaining(['P-256', 'P-384']),
    );
    const { banks } = (await capability('pcrs', 0, 1)).capabilityData;
    expect(banks).toContainEqual({ bank: 'sha256', indices: Array.from({ length: 24 }, (_, index) => index) });
    const { pcrProperties } = (await capability('pcrProperties', 0, 32)).capabilityData;
    const resettable = pcrProperties.find(({ tag }) => tag === RESET_L0)?.pcrs;
    expect([resettable?.includes(PCR), resettable?.includes(0)]).toEqual([true, false]);
  });

  it('lists what there is from a number on, and says when there is more', async () => {
    const first = await capability('tpmProperties', 0x100, 1);
    expect(first).toMatchObject({ moreData: true, capabilityData: { properties: [{ property: 0x100 }] } });
    const { algorithms } = (await capability('algorithms', 0xb, 1)).capabilityData;
    expect(algorithms.map(({ alg }) => alg)).toEqual(['sha256']);
    for (const kind of ['ppCommands', 'auditCommands'] as const)
      expect((await capability(kind, 0, 64)).capabilityData.capability).toBe(kind);
    await capability('authPolicies', TPM_RH.owner, 8);
    const noHierarchy = { capability: 'authPolicies', property: 0, propertyCount: 8 } as const;
    expect(await ask('GetCapability', { parameters: noHierarchy })).toBe('TPM_RC_VALUE parameter 2');
    const unknown = '8001000000160000017a000000ff0000000000000001';
    const refused = await under().transport.transmit(fromHex(unknown)!);
    expect(toHex(refused.subarray(6))).toBe('000001c4');
  });

  async function capability<K extends TpmsCapabilityData['capability']>(
    kind: K,
    property: number,
    propertyCount: number,
  ) {
    const got = await done('GetCapability', { parameters: { capability: kind, property, propertyCount } });
    const { moreData, capabilityData } = got.parameters;
    expect(capabilityData.capability).toBe(kind);
    return { moreData, capabilityData: capabilityData as Extract<TpmsCapabilityData, { readonly capability: K }> };
  }
}

/** TPM_PT_PCR_RESET_L0. Part 2, 6.14. */
const RESET_L0 = 0x02;
