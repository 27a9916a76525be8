import { X509Certificate } from 'node:crypto';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concat, toHex, utf8 } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { EndorsementKey } from '@sekimori/quote-verifier';
import { expectOk } from '@sekimori/result';
import { createSoftwareTpm, createVendorCa } from '@sekimori/software-tpm';
import { programsMissing } from '@sekimori/testkit';
import {
  createPrimary,
  EK_TEMPLATES,
  makePersistent,
  openEndorsementKey,
  readPublic,
  SRK_ECC_P256,
  Tpm,
  TPM_RH,
  TPMA_NV,
  TPMS_NV_PUBLIC,
} from '@sekimori/tpm2';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { readEndorsement, readPcrBanks, readTpmInfo } from '../src/index.ts';
import { refusal, run, shown } from './given.ts';
import { aBench, type Bench } from './tools.ts';

/** Transient, persistent, NV. */
async function handlesIn(tpm: Tpm): Promise<readonly unknown[]> {
  const lists: unknown[] = [];
  for (const property of [0x80000000, 0x81000000, 0x01000000]) {
    const parameters = { capability: 'handles', property, propertyCount: 64 } as const;
    lists.push(expectOk(await tpm.run('GetCapability', { parameters })).parameters);
  }
  return lists;
}

/** `TPM2_PT_…:` with the raw value below it, as tpm2_getcap prints properties. */
function properties(text: string): ReadonlyMap<string, number> {
  return new Map(
    [...text.matchAll(/^TPM2_PT_(\w+):(?:\s+(?:raw: )?(0x[0-9A-Fa-f]+|\d+))?/gm)].map(([, name, raw]) => [
      name!,
      Number(raw),
    ]),
  );
}

describe.skipIf(programsMissing('swtpm', 'swtpm_setup', 'tpm2_getcap'))('with a swtpm', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await aBench();
    const tpm = await connected();
    const srk = expectOk(await createPrimary(tpm, TPM_RH.owner, SRK_ECC_P256));
    expectOk(await makePersistent(tpm, srk, 0x81000001));
    await tpm.flush(srk.handle);
    await tpm.close();
    for (const [index, size] of [
      ['0x01500001', 8],
      ['0x01500002', 16],
    ] as const)
      await bench.tool(`tpm2_nvdefine -Q -C o -s ${size} -a ownerread|ownerwrite ${index}`);
    await bench.tool('tpm2_pcrextend 16:sha256=' + '11'.repeat(32));
  });
  afterAll(() => bench.end());

  const connected = async () => new Tpm(await bench.swtpm.open(), crypto);
  const line = () => ({ options: { swtpm: bench.swtpm.socketPath! } });

  describe('info', () => {
    it('tells what tpm2_getcap tells', async () => {
      const { document, notes } = await shown('info', line());
      expect(notes).toEqual([]);
      const fixed = properties(await bench.tool('tpm2_getcap properties-fixed'));
      const changing = properties(await bench.tool('tpm2_getcap properties-variable'));
      expect(fixed.size).toBeGreaterThan(30);
      expect(document.manufacturer).toEqual({
        id: fixed.get('MANUFACTURER')!.toString(16).padStart(8, '0'),
        name: 'IBM',
        software: true,
      });
      expect(document.specification).toMatchObject({ family: '2.0', level: fixed.get('LEVEL') });
      expect(document.limits).toMatchObject({
        maxCommandSize: fixed.get('MAX_COMMAND_SIZE'),
        maxDigest: fixed.get('MAX_DIGEST'),
        nvIndexMax: fixed.get('NV_INDEX_MAX'),
        nvBufferMax: fixed.get('NV_BUFFER_MAX'),
        transientMin: fixed.get('HR_TRANSIENT_MIN'),
        contextGapMax: fixed.get('CONTEXT_GAP_MAX'),
        persistent: changing.get('HR_PERSISTENT'),
        persistentAvailable: changing.get('HR_PERSISTENT_AVAIL'),
        loadedAvailable: changing.get('HR_LOADED_AVAIL'),
      });
      expect(document.lockout).toEqual({
        inLockout: false,
        counter: changing.get('LOCKOUT_COUNTER'),
        maxAuthFail: changing.get('MAX_AUTH_FAIL'),
        interval: changing.get('LOCKOUT_INTERVAL'),
        recovery: changing.get('LOCKOUT_RECOVERY'),
      });
      const algorithms = [...(await bench.tool('tpm2_getcap algorithms')).matchAll(/^(\w+):$/gm)].map(
        ([, name]) => name,
      );
      expect(document.algorithms).toHaveLength(algorithms.length);
      const curves = [...(await bench.tool('tpm2_getcap ecc-curves')).matchAll(/^TPM2_ECC_/gm)];
      expect(document.curves).toHaveLength(curves.length);
      expect(document.missingCommands).toEqual([]);
      const handles = (await bench.tool('tpm2_getcap handles-persistent'))
        .match(/0x[0-9A-F]+/gi)!
        .map((each) => Number(each));
      expect(document.persistentObjects.map(({ handle }: { handle: string }) => Number.parseInt(handle, 16))).toEqual(
        handles,
      );
      const indices = (await bench.tool('tpm2_getcap handles-nv-index'))
        .match(/0x[0-9A-F]+/gi)!
        .map((each) => Number(each));
      expect(document.nvIndices.map(({ index }: { index: string }) => Number.parseInt(index, 16))).toEqual(indices);
    });
    it('knows keys and certificates by their places and templates', async () => {
      const { document } = await shown('info', line());
      expect(document.persistentObjects).toMatchObject([
        { handle: '81000001', usualUse: 'storage root key', template: 'SRK', kind: 'ECC P-256' },
        { handle: '81010001', template: 'EK L-1', kind: 'RSA-2048' },
        { handle: '81010016', template: 'EK H-3', kind: 'ECC P-384' },
      ]);
      expect(document.nvIndices).toContainEqual(
        expect.objectContaining({ index: '01500001', size: 8, written: false, kind: 'ordinary' }),
      );
      expect(document.nvIndices).toContainEqual(
        expect.objectContaining({ index: '01c00002', size: bench.made.rsa2048Certificate.length, written: true }),
      );
      expect(document.pcrBanks).toContainEqual({ bank: 'sha1', pcrs: [], enabled: false });
      expect(document.startupClear).toContain('ehEnable');
      expect(document.clock).toMatchObject({ safe: expect.any(Boolean) as boolean, restartCount: 0 });
    });
    it('changes nothing, and leaves nothing in the TPM', async () => {
      const state = async () => ({
        transient: await bench.tool('tpm2_getcap handles-transient'),
        loaded: await bench.tool('tpm2_getcap handles-loaded-session'),
        nv: await bench.tool('tpm2_nvreadpublic'),
        persistent: await bench.tool('tpm2_getcap handles-persistent'),
        lockout: properties(await bench.tool('tpm2_getcap properties-variable')),
      });
      const before = await state();
      for (const name of ['info', 'pcrs', 'ek']) await shown(name, line());
      expect(await state()).toEqual(before);
    });
    it('tells a locked TPM', async () => {
      await bench.tool('tpm2_dictionarylockout -s -n 1 -t 1000 -l 1000');
      await bench.tool('tpm2_createprimary -Q -C o -p secret -c locked.ctx');
      await expect(bench.tool('tpm2_create -Q -C locked.ctx -P wrong -u no.pub -r no.priv')).rejects.toThrow();
      await bench.tool('tpm2_flushcontext -t');
      const { document, lines } = await shown('info', line());
      expect(document.lockout).toMatchObject({ inLockout: true, counter: 1, maxAuthFail: 1 });
      expect(lines.join('\n')).toMatch(/lockout: +LOCKED/);
      await bench.tool('tpm2_dictionarylockout -c');
    });
  });

  describe('pcrs', () => {
    /** Bank, PCR and value of each line. */
    async function theirs(): Promise<Readonly<Record<string, Readonly<Record<string, string>>>>> {
      const banks: Record<string, Record<string, string>> = {};
      let bank: Record<string, string> = {};
      for (const each of (await bench.tool('tpm2_pcrread')).split('\n')) {
        const title = /^ {2}(\w+):$/.exec(each);
        const value = /^ +(\d+) *: 0x([0-9A-F]+)$/.exec(each);
        if (title) banks[title[1]!] = bank = {};
        if (value) bank[value[1]!] = value[2]!.toLowerCase();
      }
      return Object.fromEntries(Object.entries(banks).filter(([, values]) => Object.keys(values).length > 0));
    }

    it('are those of tpm2_pcrread, of every bank', async () => {
      const { document, lines } = await shown('pcrs', line());
      expect(document.banks).toEqual(await theirs());
      expect(Object.keys(document.banks.sha256)).toHaveLength(24);
      expect(document.banks.sha256['16']).not.toMatch(/^0+$/);
      expect(lines[0]).toBe('sha256:');
      expect(lines).toContain(`  16: ${document.banks.sha256['16']}`);
    });
    it('are those that were named', async () => {
      const { document } = await shown('pcrs', {
        args: ['16', '0-2,7'],
        options: { ...line().options, bank: 'sha256' },
      });
      expect(Object.keys(document.banks.sha256)).toEqual(['0', '1', '2', '7', '16']);
    });
    it.each([
      ['a bank that is switched off', { bank: 'sha1' }, [], 'pcr-unavailable'],
      ['a hash that is none', { bank: 'sha255' }, [], 'usage'],
      ['a PCR that is not there', {}, ['30'], 'pcr-unavailable'],
      ['a PCR that cannot be', {}, ['32'], 'usage'],
      ['a range the wrong way', {}, ['7-0'], 'usage'],
      ['a word', {}, ['a'], 'usage'],
    ])('refuses %s', async (_, options, args, code) => {
      expect(await refusal('pcrs', { args, options: { ...line().options, ...options } })).toBe(code);
    });
    it('are read anew when one was extended meanwhile, five times at most', async () => {
      const transport = await bench.swtpm.open();
      let moves = 1;
      const tpm = new Tpm(
        {
          ...transport,
          close: () => transport.close(),
          transmit: async (command) => {
            const answer = await transport.transmit(command);
            // a PCR moves after each reading of one
            if (command[9] === 0x7e && command.length > 14 && moves-- > 0)
              await transport.transmit(
                Uint8Array.from(
                  Buffer.from(
                    `800200000041000001820000000f0000000940000009000000000000000001000b${'22'.repeat(32)}`,
                    'hex',
                  ),
                ),
              );
            return answer;
          },
        },
        crypto,
      );
      expectOk(await readPcrBanks(tpm));
      moves = 1000;
      const unstable = await readPcrBanks(tpm);
      expect(unstable).toMatchObject({ ok: false, fault: { code: 'pcr-unstable' } });
      await tpm.close();
    });
  });

  describe('ek', () => {
    it('shows both keys, each with its certificate, by the fingerprints of enrolment', async () => {
      const { document, lines, notes } = await shown('ek', line());
      expect(notes).toEqual([]);
      const tpm = await connected();
      for (const [at, kind] of (['rsa-2048', 'ecc-p384'] as const).entries()) {
        const key = expectOk(await openEndorsementKey(tpm, kind));
        const { fingerprint } = expectOk(EndorsementKey.check(crypto, key.tpm2bPublic));
        const certificate = new X509Certificate(key.certificate);
        expect(document.keys[at]).toMatchObject({
          fingerprint,
          name: toHex(key.name),
          certificates: [
            {
              fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
              notAfter: new Date(certificate.validTo).toISOString(),
              tpm: { manufacturer: '00001014', vendor: 'swtpm', software: true },
            },
          ],
        });
        expect(lines.some((each) => each.endsWith(fingerprint))).toBe(true);
        await key.release();
      }
      await tpm.close();
      expect(document).toMatchObject({ otherCertificates: [], unread: [] });
    });
    it('prints the certificates as PEM', async () => {
      const { lines } = await shown('ek', { options: { ...line().options, pem: true } });
      const ders = lines.map((pem) => Uint8Array.from(new X509Certificate(pem).raw));
      expect(ders).toEqual([bench.made.rsa2048Certificate, bench.made.eccP384Certificate]);
    });
    it('makes a key that is not kept, for a moment', async () => {
      await bench.tool('tpm2_evictcontrol -Q -C o -c 0x81010001');
      const { document } = await shown('ek', line());
      const [, made] = document.keys;
      expect(made).toMatchObject({ kind: 'RSA-2048', template: 'EK L-1', certificates: [{ nvIndex: '01c00002' }] });
      expect(made).not.toHaveProperty('handle');
      expect(await bench.tool('tpm2_getcap handles-transient')).toBe('');
    });
    it('shows what certificates there are where no key can be made', async () => {
      await bench.tool('tpm2_changeauth -Q -c e secret');
      const { document, notes = [] } = await shown('ek', line());
      expect(document.otherCertificates).toMatchObject([{ nvIndex: '01c00002' }]);
      expect(notes.join('\n')).toContain('TPM_RC_BAD_AUTH');
      await bench.tool('tpm2_changeauth -Q -c e -p secret');
    });
  });

  it('says what is in the way: nobody, no device, a socket of another kind', async () => {
    const server = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { readonly port: number };
    for (const options of [
      { swtpm: bench.file('nothing') },
      { swtpm: '127.0.0.1:1' },
      { swtpm: `127.0.0.1:${port}` },
      { swtpm: bench.file('ca') },
      { device: '/dev/no-such-tpm' },
      { device: bench.folder },
    ]) {
      const outcome = await run('info', { options });
      expect(outcome).toMatchObject({ ok: false, fault: { code: 'tpm-outage', hint: expect.any(String) as string } });
    }
    server.close();
    for (const options of [
      { swtpm: '', device: '' },
      { swtpm: '' },
      { device: '' },
      { swtpm: 'host:0' },
      { swtpm: ':1' },
    ])
      expect(await refusal('info', { options })).toBe('usage');
  });
});

describe('a socket', () => {
  it.each(['127.0.0.1', '::1', '[::1]', 'localhost'])('of %s, without a port, is wrong usage', async (swtpm) => {
    expect(await run('info', { options: { swtpm } })).toMatchObject({
      ok: false,
      fault: { code: 'usage', detail: `--swtpm names an address without a port: '${swtpm}'` },
    });
  });
  it('that takes the connection and never answers is left after ten seconds', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const sockets: Socket[] = [];
    const asked = Promise.withResolvers<Uint8Array>();
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('data', asked.resolve).on('error', () => {});
    });
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { readonly port: number };
    const outcome = run('info', { options: { swtpm: `127.0.0.1:${port}` } });
    expect(toHex(await asked.promise)).toBe('8001000000160000017a000000060000010500000001'); // GetCapability
    vi.advanceTimersByTime(10_000);
    expect(await outcome).toMatchObject({
      ok: false,
      fault: {
        code: 'tpm-outage',
        detail: `cannot use the TPM at 127.0.0.1:${port}: no answer within 10 s: another client may hold the connection, or this is the control channel`,
        hint: expect.stringContaining('end the other program') as string,
      },
    });
  });
  it.each([
    ['that is not there', 'nothing', 'nobody listens at', 'start swtpm'],
    ['below a file', 'file/sock', 'is no socket', 'name the socket of swtpm'],
  ])('%s is explained', async (_, name, words, hint) => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'tpm-commands-'));
    await writeFile(join(folder.path, 'file'), '');
    const outcome = await run('info', { options: { swtpm: join(folder.path, name) } });
    expect(outcome.ok ? [] : [outcome.fault.code, outcome.fault.detail, outcome.fault.hint]).toEqual([
      'tpm-outage',
      expect.stringContaining(words),
      expect.stringContaining(hint),
    ]);
  });
});

describe('with the software TPM, which tells less', () => {
  it('info, pcrs and ek show what there is', async () => {
    const { transport } = createSoftwareTpm({ crypto, vendorCa: await createVendorCa(crypto, new Date(0)) });
    const tpm = new Tpm(transport, crypto);
    expect(expectOk(await readTpmInfo(tpm))).toMatchObject({
      manufacturer: { name: 'Sekimori software TPM', software: true },
    });
    expect([
      ...expectOk(await readPcrBanks(tpm, { bank: 'sha256' }))
        .get('sha256')!
        .keys(),
    ]).toHaveLength(24);
    const { keys } = expectOk(await readEndorsement(tpm));
    expect(keys).toMatchObject([{ template: 'EK L-1' }, { template: 'EK H-3' }]);
    expect(keys.map(({ certificates }) => certificates.length)).toEqual([1, 1]);
  });
  it('ek shows the key of each certificate, makes those that are not kept, and changes nothing', async () => {
    const vendorCa = await createVendorCa(crypto, new Date(0));
    const endorsementKeys = ['L-1', 'L-2', 'H-2', 'H-4'] as const;
    const { transport } = createSoftwareTpm({ crypto, vendorCa, endorsementKeys });
    const tpm = new Tpm(transport, crypto);
    for (const name of ['L-2', 'H-2'] as const) {
      const key = expectOk(await readPublic(tpm, EK_TEMPLATES[name].persistentHandle));
      const handles = { auth: TPM_RH.owner, objectHandle: key };
      expectOk(await tpm.run('EvictControl', { handles, parameters: { persistentHandle: key.handle } }));
    }
    const before = await handlesIn(tpm);
    const { keys, otherCertificates, unread } = expectOk(await readEndorsement(tpm));
    expect(keys.map(({ template, handle, certificates }) => [template, handle, certificates[0]?.nvIndex])).toEqual([
      ['EK L-1', '81010001', '01c00002'],
      ['EK H-4', '81010018', '01c00018'],
      ['EK L-2', undefined, '01c0000a'],
      ['EK H-2', undefined, '01c00014'],
      ['EK H-3', undefined, undefined],
    ]);
    expect([otherCertificates, unread]).toEqual([[], []]);
    expect(await handlesIn(tpm)).toEqual(before);
  });
  it('ek shows a chain that goes over several indices, and what it could not read', async () => {
    const vendorCa = await createVendorCa(crypto, new Date(0));
    const { transport } = createSoftwareTpm({ crypto, vendorCa });
    const tpm = new Tpm(transport, crypto);
    const { der } = vendorCa.certificate;
    for (const [nvIndex, bytes] of [
      [0x01c0000a, new Uint8Array(40).fill(0xff)],
      [0x01c00100, der.subarray(0, 100)],
      [0x01c00101, concat(der.subarray(100), new Uint8Array(9))],
      [0x01c00105, utf8('no certificate')],
    ] as const) {
      const attributes = TPMA_NV.of('ownerRead', 'ownerWrite', 'authRead');
      const value = { nvIndex, nameAlg: 'sha256', attributes, authPolicy: utf8(''), dataSize: bytes.length } as const;
      const publicInfo = { value, bytes: encode(TPMS_NV_PUBLIC, value) };
      const [authHandle, parameters] = [TPM_RH.owner, { auth: utf8(''), publicInfo }];
      expectOk(await tpm.run('NV_DefineSpace', { handles: { authHandle }, parameters }));
      expectOk(await tpm.run('NV_Write', { handles: { authHandle, nvIndex }, parameters: { data: bytes, offset: 0 } }));
    }
    const { keys, chain, unread } = expectOk(await readEndorsement(tpm));
    expect(keys.map(({ certificates }) => certificates.length)).toEqual([1, 1]);
    expect(chain).toMatchObject([{ nvIndex: '01c00100', fingerprint: vendorCa.certificate.fingerprint(crypto) }]);
    expect(unread).toEqual([
      expect.stringMatching(/^NV index 01c0000a: .+/),
      expect.stringMatching(/^NV index 01c00105: .*14 bytes that are no certificate/),
    ]);
  });
});
