import { fromBase64Url } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { attestationRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { extendPcr, healthKeyPolicy, Tpm, TPM2B_PUBLIC } from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { attest, collectEvidence, releaseKeys } from '../src/index.ts';
import { startHgs } from './support/hgs.ts';
import { anActiveHost, type TestHost } from './support/host.ts';
import { aProtector, hexOf } from './support/protector.ts';

const hgs = await startHgs();

/** Command codes: TPM 2.0 Library Part 2, 6.5.2. */
const [ECDH_ZGEN, QUOTE] = [0x154, 0x158];
const GROWING_PCR = 10;

const extend = async ({ machine, deps }: TestHost, pcr: number) =>
  expectOk(await extendPcr(machine.tpm, pcr, 'sha256', deps.crypto.random(32)));

/** The TPM of a host, with something done before each command of this code; and how many of them there were. */
function tpmWith({ machine, deps }: TestHost, code: number, before: (nth: number) => Promise<void>) {
  const { transport } = machine.software;
  let count = 0;
  const transmit = async (command: Uint8Array) => {
    if (new DataView(command.buffer, command.byteOffset).getUint32(6) === code) await before(++count);
    return transport.transmit(command);
  };
  return { tpm: new Tpm({ transmit, close: async () => {} }, deps.crypto), count: () => count };
}

async function collectedWith(host: TestHost & { readonly id: string }, tpm: Tpm, change: { pcrs?: number[] } = {}) {
  const body = { hostId: host.id };
  const challenge = expectOk(await host.deps.attestation.call(attestationRoutes.challenge, { body }));
  return collectEvidence({ ...host.deps, tpm }, { ...challenge, ...change });
}

describe('the health key', () => {
  it('has no policy over the PCR that grows, also where that is quoted', async () => {
    const host = await anActiveHost(hgs);
    host.machine.run('/usr/bin/true'); // there is a list of IMA to send
    const pcrs = [0, 7, GROWING_PCR, 11];
    const { healthKey, pcrs: quoted } = expectOk(await collectedWith(host, host.deps.tpm, { pcrs }));
    expect(quoted.map(({ index }) => index)).toEqual(pcrs);
    const values = new Map(quoted.map(({ index, value }) => [index, fromBase64Url(value)!]));
    const policy = healthKeyPolicy(host.deps.crypto, { bank: 'sha256', indices: [0, 7, 11] }, values);
    expect(expectOk(decode(TPM2B_PUBLIC, fromBase64Url(healthKey)!)).value.authPolicy).toEqual(policy);
  });

  it('is the same after the PCR that grows has grown', async () => {
    const host = await anActiveHost(hgs);
    const { traceId } = expectOk(await attest(host.deps));
    await extend(host, GROWING_PCR);
    const { protector, transportKey } = await aProtector(host.deps);
    expect(hexOf(expectOk(await releaseKeys(host.pair(), protector)).keys.ingress)).toBe(transportKey);
    expect(expectOk(await host.deps.state.health())?.certificate?.traceId).toBe(traceId);
  });

  it('is not there any more once another PCR has changed', async () => {
    const host = await anActiveHost(hgs);
    expectOk(await attest(host.deps));
    await extend(host, 12);
    const { protector } = await aProtector(host.deps);
    expect(await releaseKeys(host.pair(), protector)).toMatchObject({ fault: { code: 'policy-denied' } });
  });

  it('is used in another policy session where a PCR was extended in between (TPM_RC_PCR_CHANGED)', async () => {
    const host = await anActiveHost(hgs);
    expectOk(await attest(host.deps));
    const { protector, transportKey } = await aProtector(host.deps);
    const busy = tpmWith(host, ECDH_ZGEN, async (nth) => (nth <= 3 ? extend(host, GROWING_PCR) : undefined));
    const released = expectOk(await releaseKeys(host.pair({ tpm: busy.tpm }), protector));
    expect(hexOf(released.keys.ingress)).toBe(transportKey);
    expect(busy.count()).toBe(4);
  });

  it('but not for ever', async () => {
    const host = await anActiveHost(hgs);
    expectOk(await attest(host.deps));
    const { protector } = await aProtector(host.deps);
    const busy = tpmWith(host, ECDH_ZGEN, async () => extend(host, GROWING_PCR));
    expect(await releaseKeys(host.pair({ tpm: busy.tpm }), protector)).toMatchObject({
      fault: { code: 'tpm-error', response: { name: 'TPM_RC_PCR_CHANGED' } },
    });
    expect(busy.count()).toBeLessThan(10);
  });
});

describe('evidence', () => {
  it('is made anew where a PCR was extended between health key and quote', async () => {
    const host = await anActiveHost(hgs);
    const busy = tpmWith(host, QUOTE, async (nth) => (nth === 1 ? extend(host, 12) : undefined));
    expectOk(await collectedWith(host, busy.tpm));
    expect(busy.count()).toBeGreaterThan(1);
  });

  it('but not for ever', async () => {
    const host = await anActiveHost(hgs);
    const busy = tpmWith(host, QUOTE, async () => extend(host, 12));
    expect(await collectedWith(host, busy.tpm)).toMatchObject({ ok: false, fault: { code: 'pcr-unstable' } });
    expect(busy.count()).toBeLessThan(50);
  });

  it('is not made anew because PCR 10 grew: the log is cut at the quote', async () => {
    const host = await anActiveHost(hgs);
    const busy = tpmWith(host, QUOTE, async (nth) => (nth === 1 ? extend(host, GROWING_PCR) : undefined));
    expectOk(await collectedWith(host, busy.tpm));
    expect(busy.count()).toBe(1);
  });
});

it('work of several at once takes its turns: a TPM holds three objects', async () => {
  const host = await anActiveHost(hgs);
  expectOk(await attest(host.deps));
  const { protector, transportKey } = await aProtector(host.deps);
  const pair = host.pair();
  const released = await Promise.all(Array.from({ length: 6 }, () => releaseKeys(pair, protector)));
  for (const each of released) expect(hexOf(expectOk(each).keys.ingress)).toBe(transportKey);
});
