import { readFileSync } from 'node:fs';
import { fromHex, toHex } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { parseEventLog, parseImaList, replay, replayIma } from '@sekimori/event-log';
import { checkEndorsementCertificate, parseCertificate } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { agreeWithHealthKey, publicKeyOf, readPcrs, TPM2B_PUBLIC, TPMS_ATTEST } from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { boot, bootFile, type BootName, QUOTED_PCRS, START, virtualHost } from '../src/index.ts';

const rsa = crypto.generateKey({ type: 'rsa', bits: 2048 });
const hostOf = (name: BootName) => virtualHost({ crypto, boot: boot(name), rsaKey: () => rsa });
const BOOTS = [
  'uki-plain',
  'uki-cmdline-changed',
  'uki-initrd-changed',
  'uki-plain-3banks',
  'uki-snakeoil',
  'shim-ms',
] as const;

const WITH_IMA = [...QUOTED_PCRS, 10].toSorted((a, b) => a - b);

describe('a virtual host', () => {
  it.each(BOOTS)('of %s has the PCRs that the recorded machine had', async (name) => {
    const { tpm } = await hostOf(name);
    const values = expectOk(await readPcrs(tpm, { bank: 'sha256', indices: QUOTED_PCRS }));
    const recorded = new Map(
      [...readFileSync(bootFile(name, 'pcrs_sha256.txt'), 'utf8').matchAll(/^\s+(\d+)\s*: 0x([0-9A-F]+)/gm)].map(
        ([, index, hex]) => [Number(index), fromHex(hex as string) as Uint8Array],
      ),
    );
    for (const index of QUOTED_PCRS)
      expect(toHex(values.get(index)!), `PCR ${index}`).toBe(toHex(recorded.get(index)!));
  });

  it('has an endorsement key its vendor vouches for', async () => {
    const { vendorCa, endorsementKey } = await hostOf('uki-plain');
    const certificate = expectOk(parseCertificate((await endorsementKey()).certificate));
    const roots = [vendorCa.certificate];
    expectOk(checkEndorsementCertificate(crypto, certificate, { roots, intermediates: [], at: START }));
  });

  it('keeps its attestation key and loses its health key when it boots again', async () => {
    const host = await hostOf('uki-plain');
    const [ak, key] = [await host.attestationKey(), await host.healthKey()];
    await host.boot(boot('uki-cmdline-changed'));
    expect(toHex((await host.attestationKey()).name)).toBe(toHex(ak.name));
    expect(toHex((await host.healthKey()).name)).not.toBe(toHex(key.name));
    const values = expectOk(await readPcrs(host.tpm, host.selection));
    const replayed = expectOk(replay(crypto, expectOk(parseEventLog(host.eventLog)), 'sha256'));
    expect(toHex(values.get(11)!)).toBe(toHex(replayed.get(11)!));
  });

  it('opens what was sealed to its health key', async () => {
    const host = await hostOf('uki-plain');
    const [key, ek] = [await host.healthKey(), await host.endorsementKey()];
    const publicKey = expectOk(publicKeyOf(crypto, key.publicArea));
    if (publicKey.type !== 'ec') throw new Error('the health key is an EC key');
    const peer = crypto.agreeEphemeral(publicKey);
    const agreed = await agreeWithHealthKey(host.tpm, ek, key, host.selection, peer.publicKey);
    expect(expectOk(agreed).use(toHex)).toBe(peer.sharedSecret.use(toHex));
  });
});

describe('a virtual host with IMA', () => {
  it('has a list that replays to what it quotes, and a new one after each boot', async () => {
    const host = await virtualHost({ crypto, boot: boot('uki-plain-3banks'), pcrs: WITH_IMA, rsaKey: () => rsa });
    const replayed = async (bank: 'sha256' | 'sha384') => {
      const pcr10 = expectOk(await readPcrs(host.tpm, { bank, indices: [10] })).get(10)!;
      return expectOk(replayIma(crypto, expectOk(parseImaList(host.imaList)), bank, pcr10));
    };
    host.run('/usr/bin/true');
    host.run('/tmp/log', { violation: true });
    for (const bank of ['sha256', 'sha384'] as const)
      expect(await replayed(bank)).toMatchObject({ cut: 0, violations: 1, entries: { length: 3 } });
    const evidence = await host.evidence({ extraData: crypto.random(32) });
    expect(evidence.imaList).toEqual(host.imaList);
    await host.boot();
    expect(await replayed('sha256')).toMatchObject({ cut: 0, violations: 0, entries: { length: 1 } });
  });
});

describe('Evidence', () => {
  it('is bound to its request and its health key', async () => {
    const host = await hostOf('uki-plain');
    const { name } = await host.healthKey();
    const evidence = await host.evidence({ extraData: (healthKeyName) => crypto.hash('sha256', healthKeyName) });
    for (const part of ['quote', 'certify'] as const) {
      const attest = expectOk(decode(TPMS_ATTEST, evidence[part].attest));
      expect(attest.type).toBe(part);
      expect(toHex(attest.extraData)).toBe(toHex(crypto.hash('sha256', name)));
    }
    expect(expectOk(decode(TPM2B_PUBLIC, evidence.healthKey)).value.type).toBe('ecc');
    expect(evidence.pcrs.map(({ index }) => index)).toEqual(QUOTED_PCRS);
  });
});
