import { toHex } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import { Secret } from '@sekimori/crypto-core';
import { expectOk, ok } from '@sekimori/result';
import {
  AK_ECC_P256,
  changeHierarchyAuth,
  createAttestationKey,
  createPrimary,
  extendPcr,
  makePersistent,
  NO_SENSITIVE,
  openEndorsementKey,
  PolicyDigest,
  type PublicArea,
  quote,
  readNv,
  readPcrs,
  readPublic,
  seal,
  shutdown,
  SRK_ECC_P256,
  type Tpm,
  TPM_RH,
  TPMA_NV,
  TPMS_ATTEST,
  type TpmsContext,
  TPMS_NV_PUBLIC,
  tpmProperties,
  unseal,
  WELL_KNOWN,
} from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { createVendorCa } from '../src/index.ts';
import { AT, crypto, softwareTpm } from './tpms.ts';

const PCRS = { bank: 'sha256', indices: [0, 8, 17] } as const;
const DIGEST = new Uint8Array(32).fill(1);

async function countersOf(tpm: Tpm) {
  const ak = expectOk(await createAttestationKey(tpm));
  const { attest } = expectOk(await quote(tpm, ak, PCRS, DIGEST));
  await tpm.flush(ak.handle);
  return expectOk(decode(TPMS_ATTEST, attest)).clockInfo;
}
const pcr8 = async (tpm: Tpm) => toHex(expectOk(await readPcrs(tpm, PCRS)).get(8)!);

describe('power', () => {
  it('comes back as a reset after TPM2_Shutdown(CLEAR) or none', async () => {
    const { tpm, reset } = softwareTpm();
    const before = await countersOf(tpm);
    expect(before).toMatchObject({ resetCount: 1, restartCount: 0, safe: true });
    reset();
    expect(await countersOf(tpm)).toMatchObject({ resetCount: 2, restartCount: 0, safe: false });
    expectOk(await shutdown(tpm));
    reset();
    expect(await countersOf(tpm)).toMatchObject({ resetCount: 3, safe: true });
  });

  it('comes back as a resume after TPM2_Shutdown(STATE) and TPM2_Startup(STATE): PCRs stay', async () => {
    const { tpm, powerCycle } = softwareTpm();
    expectOk(await extendPcr(tpm, 8, 'sha256', DIGEST));
    const kept = await pcr8(tpm);
    expectOk(await shutdown(tpm, 'state'));
    powerCycle();
    expect(await tpm.run('GetRandom', { parameters: { bytesRequested: 1 } })).toMatchObject({
      fault: { response: { name: 'TPM_RC_INITIALIZE' } },
    });
    expectOk(await tpm.run('Startup', { parameters: { startupType: 'state' } }));
    expect(await pcr8(tpm)).toBe(kept);
    expect(await countersOf(tpm)).toMatchObject({ resetCount: 1, restartCount: 1 });
  });

  it('comes back as a restart after TPM2_Shutdown(STATE) and TPM2_Startup(CLEAR): PCRs go', async () => {
    const { tpm, powerCycle } = softwareTpm();
    expectOk(await extendPcr(tpm, 8, 'sha256', DIGEST));
    expectOk(await shutdown(tpm, 'state'));
    powerCycle();
    expectOk(await tpm.run('Startup', { parameters: { startupType: 'clear' } }));
    expect(await pcr8(tpm)).toBe('00'.repeat(32));
    expect(await countersOf(tpm)).toMatchObject({ resetCount: 1, restartCount: 1 });
  });

  it.each(['state', 'clear'] as const)(
    'takes back contexts after a start with %s that is no reset',
    async (startupType) => {
      const { tpm, powerCycle, reset } = softwareTpm();
      const srk = expectOk(await createPrimary(tpm, TPM_RH.owner, SRK_ECC_P256));
      const save = async (saveHandle: number) =>
        expectOk(await tpm.run('ContextSave', { handles: { saveHandle }, parameters: {} })).parameters.context;
      const load = (context: TpmsContext) => tpm.run('ContextLoad', { parameters: { context } });
      const started = await tpm.run('StartAuthSession', {
        handles: { tpmKey: TPM_RH.null, bind: TPM_RH.null },
        parameters: {
          nonceCaller: new Uint8Array(16),
          encryptedSalt: new Uint8Array(0),
          sessionType: 'policy',
          symmetric: { algorithm: 'null' },
          authHash: 'sha256',
        },
      });
      const session = expectOk(started).handle;
      const [object, aside] = [await save(srk.handle), await save(session)];
      expectOk(await shutdown(tpm, 'state'));
      powerCycle();
      expectOk(await tpm.run('Startup', { parameters: { startupType } }));
      const again = expectOk(await load(object));
      expect(toHex(expectOk(await readPublic(tpm, again.handle)).name)).toBe(toHex(srk.name));
      expect(expectOk(await load(aside)).handle).toBe(session);
      reset();
      for (const context of [object, aside])
        expect(await load(context)).toMatchObject({ fault: { response: { name: 'TPM_RC_INTEGRITY' } } });
    },
  );

  it('does not resume what was not saved, or has been used since', async () => {
    const { tpm, powerCycle } = softwareTpm();
    expectOk(await shutdown(tpm, 'state'));
    expectOk(await extendPcr(tpm, 8, 'sha256', DIGEST));
    powerCycle();
    expect(await tpm.run('Startup', { parameters: { startupType: 'state' } })).toMatchObject({
      fault: { response: { name: 'TPM_RC_VALUE', about: { part: 'parameter', number: 1 } } },
    });
  });

  it.each([0, 3, 4] as const)('starts PCR 0 at locality %d, DRTM registers at ones', async (locality) => {
    const { tpm, reset } = softwareTpm();
    reset(locality);
    const pcrs = expectOk(await readPcrs(tpm, PCRS));
    expect(toHex(pcrs.get(0)!)).toBe(`${'00'.repeat(31)}0${locality}`);
    expect(toHex(pcrs.get(17)!)).toBe('ff'.repeat(32));
  });

  it('turns a clock that never goes back', async () => {
    let now = AT.getTime();
    const { tpm, reset } = softwareTpm({ now: () => new Date(now) });
    const start = (await countersOf(tpm)).clock;
    now += 5000;
    expect((await countersOf(tpm)).clock).toBe(start + 5000n);
    reset();
    now -= 60_000;
    expect((await countersOf(tpm)).clock).toBe(start + 5000n);
  });
});

describe('saved state', () => {
  it('makes the same TPM again, one reset later', async () => {
    const vendorCa = await createVendorCa(crypto, AT);
    const first = softwareTpm({ vendorCa });
    const srk = expectOk(await createPrimary(first.tpm, TPM_RH.owner, SRK_ECC_P256));
    expectOk(await makePersistent(first.tpm, srk, WELL_KNOWN.storageRootKey));
    const second = softwareTpm({ state: await first.save() });
    for (const kind of ['rsa-2048', 'ecc-p384'] as const) {
      const [one, two] = [await openEndorsementKey(first.tpm, kind), await openEndorsementKey(second.tpm, kind)];
      expect(toHex(expectOk(two).certificate)).toBe(toHex(expectOk(one).certificate));
      expect(toHex(expectOk(two).name)).toBe(toHex(expectOk(one).name));
    }
    const names = [first, second].map(async ({ tpm }) => toHex(expectOk(await createAttestationKey(tpm)).name));
    expect(await names[0]).toBe(await names[1]);
    expect(toHex(expectOk(await readPublic(second.tpm, WELL_KNOWN.storageRootKey)).name)).toBe(toHex(srk.name));
    expect((await countersOf(second.tpm)).resetCount).toBe(2);
    expect(expectOk(await readNv(second.tpm, WELL_KNOWN.rsa2048EndorsementCertificate)).length).toBeGreaterThan(300);
  });

  it("keeps what was sealed, and the owner's authorization", async () => {
    const first = softwareTpm();
    const srk = expectOk(await createPrimary(first.tpm, TPM_RH.owner, SRK_ECC_P256));
    const policy = PolicyDigest.start(crypto, 'sha256').authValue().digest;
    const sealed = expectOk(await seal(first.tpm, srk, policy, new Secret(DIGEST)));
    const auth = new Secret(DIGEST);
    const nobody = { auth: new Secret(new Uint8Array(0)), saltTo: srk };
    expectOk(await changeHierarchyAuth(first.tpm, 'lockout', nobody, auth));
    const { tpm } = softwareTpm({ state: await first.save() });
    const again = expectOk(await createPrimary(tpm, TPM_RH.owner, SRK_ECC_P256));
    const opened = await unseal(tpm, again, sealed, async (session) => {
      const done = await tpm.run('PolicyAuthValue', { handles: { policySession: session.handle }, parameters: {} });
      return done.ok ? ok(undefined) : done;
    });
    expect(expectOk(opened).use(toHex)).toBe(toHex(DIGEST));
    expect(expectOk(await tpmProperties(tpm, 0x200, 1)).get(0x200)).toBe(4);
    expectOk(await changeHierarchyAuth(tpm, 'lockout', { auth, saltTo: again }, new Secret(new Uint8Array(0))));
  });

  it('keeps counters where they were, and keys below a parent with what stands below them', async () => {
    const first = softwareTpm();
    const run = (tpm: Tpm, name: 'NV_Increment' | 'NV_UndefineSpace', nvIndex: number) =>
      tpm.run(name, { handles: { authHandle: TPM_RH.owner, nvIndex }, parameters: {} });
    const count = async (tpm: Tpm, nvIndex: number) => expectOk(await readNv(tpm, nvIndex)).at(-1);
    for (const nvIndex of [COUNTER, COUNTER + 1]) expectOk(await defineCounter(first.tpm, nvIndex));
    for (let n = 0; n < 3; n++) expectOk(await run(first.tpm, 'NV_Increment', COUNTER));
    for (let n = 0; n < 2; n++) expectOk(await run(first.tpm, 'NV_Increment', COUNTER + 1));
    expect([await count(first.tpm, COUNTER), await count(first.tpm, COUNTER + 1)]).toEqual([3, 5]);
    expectOk(await run(first.tpm, 'NV_UndefineSpace', COUNTER + 1));
    const srk = expectOk(await createPrimary(first.tpm, TPM_RH.owner, SRK_ECC_P256));
    const parent = await child(first.tpm, srk.handle, SRK_ECC_P256);
    expectOk(await makePersistent(first.tpm, expectOk(await readPublic(first.tpm, parent.handle)), KEPT));
    const below = await child(first.tpm, KEPT, AK_ECC_P256);
    const { tpm } = softwareTpm({ state: await first.save() });
    expect(await count(tpm, COUNTER)).toBe(3);
    expectOk(await defineCounter(tpm, COUNTER + 1));
    expectOk(await run(tpm, 'NV_Increment', COUNTER + 1));
    expect(await count(tpm, COUNTER + 1)).toBe(6);
    const loaded = expectOk(await tpm.run('Load', { handles: { parentHandle: KEPT }, parameters: below.parts }));
    const again = expectOk(await readPublic(tpm, loaded.handle));
    expect(toHex(again.qualifiedName)).toBe(toHex(expectOk(await readPublic(first.tpm, below.handle)).qualifiedName));
    expectOk(await quote(tpm, again, PCRS, DIGEST));
  });

  it('is a secret, and nothing else is taken for one', async () => {
    const state = await softwareTpm().save();
    expect(JSON.stringify({ state })).toBe('{"state":"[secret]"}');
    const damaged = state.use((bytes) => bytes.slice(0, -2));
    expect(() => softwareTpm({ state: new Secret(damaged) })).toThrow();
  });
});

const COUNTER = 0x01500001;
const KEPT = 0x81000f00;

function defineCounter(tpm: Tpm, nvIndex: number) {
  const attributes = { ...TPMA_NV.of('ownerRead', 'ownerWrite', 'authRead', 'noDA'), kind: 'counter' } as const;
  const value = { nvIndex, nameAlg: 'sha256', attributes, authPolicy: new Uint8Array(0), dataSize: 8 } as const;
  const publicInfo = { value, bytes: encode(TPMS_NV_PUBLIC, value) };
  const parameters = { auth: new Uint8Array(0), publicInfo };
  return tpm.run('NV_DefineSpace', { handles: { authHandle: TPM_RH.owner }, parameters });
}

async function child(tpm: Tpm, parentHandle: number, inPublic: PublicArea) {
  const handles = { parentHandle };
  const creation = { inSensitive: NO_SENSITIVE, inPublic, outsideInfo: new Uint8Array(0), creationPCR: [] };
  const { outPublic, outPrivate } = expectOk(await tpm.run('Create', { handles, parameters: creation })).parameters;
  const parts = { inPublic: outPublic, inPrivate: outPrivate };
  return { parts, handle: expectOk(await tpm.run('Load', { handles, parameters: parts })).handle };
}
