import { mkdtempDisposable, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concat, fromHex, toBase64, toBase64Url, toHex, u16be, utf8 } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { createSoftwareTpm } from '@sekimori/software-tpm';
import {
  AK_ECC_P256,
  createPrimary,
  EK_RSA_2048,
  encodeCommand,
  encodeResponse,
  nameOf,
  seal,
  SRK_ECC_P256,
  Tpm,
  TPM2B_PUBLIC,
  TPM_ALG,
  TPM_RH,
  TPMA_NV,
  TPMA_SESSION,
  TPMS_NV_PUBLIC,
  TPMT_PUBLIC,
  type TpmTransport,
  unseal,
} from '@sekimori/tpm2';
import { programsMissing } from '@sekimori/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import fuzz from '../fuzz/decode.ts';
import { decodeStructure, STRUCTURE_TYPES, type StructureNode } from '../src/index.ts';
import { refusal, run, shown } from './given.ts';
import { aBench, type Bench } from './tools.ts';

const hex = (text: string) => fromHex(text.replaceAll(' ', ''))!;
const STARTUP = '8001 0000000c 00000144 0000';
const SAMPLE_QUOTE = hex(
  'ff544347 8018 0022 000b97957e9127a3a43844514867b62ec0e5f33653b7c390fc237403b11daa32f7a7 0010 6e6f6e63652d30313233343536373839 0000000000000352 00000003 00000000 00 2019102300163636 00000001 000b 03 810001 0020 ae25db84cdfed73b2e1a3717bafa8f558f6657556b3c0514b36f8060c1630291',
);

/** Where the path of keys leads. */
function at(node: StructureNode, ...path: readonly (string | number)[]): StructureNode {
  return path.reduce((inner, key) => inner.parts.find((part) => part.key === key)!, node);
}

describe('a structure', () => {
  it('is found out, with its offsets, bytes and words', () => {
    const { type, tree, fault, alsoReadsAs } = decodeStructure(SAMPLE_QUOTE);
    expect([type, fault, alsoReadsAs]).toEqual(['TPMS_ATTEST', undefined, []]);
    expect(at(tree, 'magic')).toMatchObject({ offset: 0, length: 4, bytes: 'ff544347', words: 'TPM_GENERATED_VALUE' });
    expect(at(tree, 'type')).toMatchObject({ offset: 4, value: 'quote' });
    expect(at(tree, 'clockInfo', 'resetCount')).toMatchObject({ offset: 0x44, bytes: '00000003', value: 3 });
    expect(at(tree, 'clockInfo', 'clock')).toMatchObject({ value: '850', words: '850 ms, 00:00:00.850' });
    expect(at(tree, 'attested', 'pcrSelect', 0, 'indices')).toMatchObject({ words: 'PCR 0, 7, 16' });
    expect(at(tree, 'attested', 'pcrDigest')).toMatchObject({ length: 34, words: '32 bytes' });
  });
  it('has its Name, where it has one', () => {
    const name = toHex(nameOf(crypto, EK_RSA_2048));
    expect(decodeStructure(encode(TPM2B_PUBLIC, EK_RSA_2048)).tree.parts[1]).toMatchObject({
      type: 'TPMT_PUBLIC',
      name,
    });
    expect(decodeStructure(EK_RSA_2048.bytes)).toMatchObject({ type: 'TPMT_PUBLIC', tree: { name } });
    const index = encode(TPMS_NV_PUBLIC, {
      nvIndex: 0x01c00002,
      nameAlg: 'sha256',
      attributes: TPMA_NV.of('authRead', 'written'),
      authPolicy: new Uint8Array(0),
      dataSize: 800,
    });
    const nv = decodeStructure(index);
    expect(nv).toMatchObject({ type: 'TPMS_NV_PUBLIC', tree: { name: `000b${toHex(crypto.hash('sha256', index))}` } });
    expect(at(nv.tree, 'nvIndex').words).toBe('endorsement certificate, RSA-2048 (L-1)');
    expect(at(nv.tree, 'attributes').words).toBe('kind ordinary, authRead, written');
  });
  it.each(['sha1', 'sha256', 'sha384', 'sha512'] as const)('of a bare Name of %s is a Name first', (hash) => {
    const name = concat(u16be(TPM_ALG[hash]), crypto.hash(hash, utf8('a public area')));
    const { type, tree, alsoReadsAs } = decodeStructure(name);
    expect([type, alsoReadsAs[0]]).toEqual(['Name', 'TPMT_HA']);
    expect(tree.parts).toEqual(decodeStructure(name, { as: 'TPMT_HA' }).tree.parts);
  });
  it('is read with every algorithm of the registry: EK template H-5 has SM2, SM3 and SM4', () => {
    const h5 = hex(
      '0023 0012 000300f2 0020 167860a35f2c5c3567f9c927ac56c032f3b3a6462f8d037998e7a10f77fa454a 0013 0080 0043 0010 0020 0010 0000 0000',
    );
    const { type, fault, tree } = decodeStructure(h5, { as: 'TPMT_PUBLIC' });
    expect([type, fault]).toEqual(['TPMT_PUBLIC', undefined]);
    expect(at(tree, 'nameAlg').value).toBe('sm3_256');
    expect(tree).not.toHaveProperty('name'); // SM3 is not computed here
  });
  it.each([
    ['TPM2B_ATTEST', concat(hex('0081'), SAMPLE_QUOTE)],
    ['TPM2B_DIGEST', concat(hex('0020'), new Uint8Array(32))],
    ['TPM2B_NAME', concat(hex('0022'), nameOf(crypto, EK_RSA_2048))],
    ['Name', nameOf(crypto, EK_RSA_2048)],
    ['TPM2B_PRIVATE', concat(hex('007e'), crypto.random(126))],
    ['TPMT_TK_CREATION', hex('8021 40000007 0000')],
    ['TPML_PCR_SELECTION', hex('00000001 000b 03 810001')],
    ['TPMT_SIGNATURE', concat(hex('0014 000b 0100'), new Uint8Array(256))],
  ])('reads as %s first of all', (type, bytes) => {
    expect(decodeStructure(bytes)).toMatchObject({ type });
  });
  it('with an attested part inside a TPM2B shows it', () => {
    const { tree } = decodeStructure(concat(hex('0081'), SAMPLE_QUOTE), { as: 'TPM2B_ATTEST' });
    expect(at(tree.parts[1]!, 'attested', 'pcrDigest').offset).toBe(SAMPLE_QUOTE.length - 34 + 2);
  });
  it.each([
    ['a cut', SAMPLE_QUOTE.subarray(0, 120), 'malformed', 'TPMS_ATTEST.attested.TPMS_QUOTE_INFO.pcrDigest', 97],
    [
      'another type',
      Uint8Array.from(SAMPLE_QUOTE, (byte, index) => (index === 5 ? 0x99 : byte)),
      'malformed',
      'TPMS_ATTEST.type',
      4,
    ],
    ['a byte more', concat(SAMPLE_QUOTE, new Uint8Array(1)), 'trailing-bytes', 'TPMS_ATTEST', 129],
  ])('with %s is shown as far as it goes, with the place', (_, bytes, code, field, offset) => {
    const { type, tree, fault } = decodeStructure(bytes);
    expect(type).toBe('TPMS_ATTEST');
    expect(fault).toMatchObject({ code, at: `${field}@${offset}`, offset });
    expect(at(tree, 'magic').bytes).toBe('ff544347');
  });
  it('that nothing is known of is shown as bytes', () => {
    expect(decodeStructure(utf8('nothing of a TPM'))).toMatchObject({
      type: 'unknown',
      tree: { length: 16, bytes: toHex(utf8('nothing of a TPM')) },
      fault: { code: 'structure-unknown' },
    });
    expect(decodeStructure(new Uint8Array(0)).type).toBe('unknown');
  });
  it('with secrets is read on request alone, and marked', () => {
    const sensitive = hex('0008 0000 0000 0004 deadbeef');
    expect(decodeStructure(sensitive).type).not.toBe('TPMT_SENSITIVE');
    expect(decodeStructure(sensitive).alsoReadsAs).not.toContain('TPMT_SENSITIVE');
    const read = decodeStructure(sensitive, { as: 'TPMT_SENSITIVE' });
    expect(read).toMatchObject({ secret: true });
    expect(read).not.toHaveProperty('fault');
    expect(decodeStructure(SAMPLE_QUOTE).secret).toBe(false);
  });
  it('stays inside its bytes, whatever is cut off or changed', () => {
    const inputs = [SAMPLE_QUOTE, encode(TPM2B_PUBLIC, AK_ECC_P256), hex(STARTUP), hex('8021 40000007 0000')];
    for (const input of inputs) {
      fuzz(input);
      for (const index of input.keys()) {
        fuzz(input.subarray(0, index));
        fuzz(Uint8Array.from(input, (byte, place) => (place === index ? byte ^ 0xff : byte)));
      }
    }
    for (const size of ['ffff', 'ffffffff', '00000000', '8001ffffffff00000144', '8002ffffffff0000014400000000'])
      fuzz(hex(size));
  }, 120_000);
});

const PUBLIC_P256 = toHex(encode(TPM2B_PUBLIC, AK_ECC_P256));

describe('commands and responses', () => {
  it('show handles, sessions and parameters by name', () => {
    const { type, tree, fault } = decodeStructure(
      hex(
        '8002 00000039 00000158 80000001 00000009 400000090000000000 0010 6e6f6e63652d30313233343536373839 0010 00000001 000b 03 810001',
      ),
    );
    expect([type, fault]).toEqual(['command', undefined]);
    expect(at(tree, 'commandCode').value).toBe('Quote');
    expect(at(tree, 'signHandle')).toMatchObject({ offset: 10, words: 'transient object' });
    expect(tree.parts.find(({ type: each }) => each === 'authorizations')?.parts[0]?.parts[0]).toMatchObject({
      words: 'password',
    });
    expect(at(tree, 'PCRselect', 0, 'indices').words).toBe('PCR 0, 7, 16');
  });
  it('tell what a response says, and with the command what is in it', () => {
    const bytes = hex('8001 0000001b 00000000 00 00000006 00000001 00000105 49424d00');
    expect(decodeStructure(bytes)).toMatchObject({ type: 'response' });
    const { type, tree } = decodeStructure(bytes, { responseTo: 'GetCapability' });
    expect(type).toBe('response to GetCapability');
    expect(at(tree, 'capabilityData', 'properties', 0, 'property')).toMatchObject({
      words: 'manufacturer',
      offset: 0x13,
    });
    const refused = decodeStructure(hex('8001 0000000a 000009a2'));
    expect(refused).toMatchObject({ type: 'response' });
    expect(refused).not.toHaveProperty('fault');
    expect(at(refused.tree, 'responseCode').words).toBe('TPM_RC_BAD_AUTH, session 1');
  });
  it('that were cut off show what is there, and a wrong size is told', () => {
    const cut = decodeStructure(hex('8001 00000016 0000017a 00000006 0000'));
    expect(cut).toMatchObject({ type: 'command', fault: { code: 'malformed', offset: 14 } });
    expect(at(cut.tree, 'capability').value).toBe('tpmProperties');
    const wrong = decodeStructure(hex('8001 0000000d 00000144 0000'));
    expect(wrong).toMatchObject({ type: 'command', fault: { code: 'malformed', offset: 2 } });
    expect(decodeStructure(hex('8001 0000000a 0000ffff'))).toMatchObject({ type: 'response' });
  });
  it('with a password, or something to seal, are marked; without, they are not', () => {
    const authorization = {
      sessionHandle: TPM_RH.password,
      nonce: new Uint8Array(0),
      sessionAttributes: TPMA_SESSION.of(),
    };
    const clear = (hmac: Uint8Array) =>
      encodeCommand({
        name: 'Clear',
        handles: [TPM_RH.lockout],
        authorizations: [{ ...authorization, hmac }],
        parameters: new Uint8Array(0),
      });
    expect(decodeStructure(clear(utf8('swordfish'))).secret).toBe(true);
    expect(decodeStructure(clear(new Uint8Array(0))).secret).toBe(false);
  });
  it.each([
    ['Unseal', '0004deadbeef', '0000'],
    ['ActivateCredential', '0004deadbeef', '0000'],
    ['RSA_Decrypt', '0004deadbeef', '0000'],
    ['ECDH_ZGen', '0008 0002aaaa 0002bbbb', undefined],
    ['Duplicate', '000411223344 0000 0000', '0000 0004deadbeef 0000'],
    ['GetRandom', undefined, '0004deadbeef'],
    ['RSA_Encrypt', undefined, '0004deadbeef'],
    ['GetTestResult', undefined, '0004deadbeef 00000000'],
  ] as const)('that answer %s are marked where a secret stands in them', (responseTo, secret, other) => {
    const clear = (parameters: string) =>
      encodeResponse(responseTo, { responseCode: 0, authorizations: [], parameters: hex(parameters) });
    const shownBy = (parameters: string) => {
      const read = decodeStructure(clear(parameters), { responseTo });
      expect(read).not.toHaveProperty('fault');
      return read.secret;
    };
    if (secret !== undefined) expect(shownBy(secret)).toBe(true);
    if (other !== undefined) expect(shownBy(other)).toBe(false);
    const authorizations = [
      { nonce: new Uint8Array(16), sessionAttributes: TPMA_SESSION.of('encrypt'), hmac: new Uint8Array(32) },
    ];
    const parameters = hex(secret ?? other);
    const closed = encodeResponse(responseTo, { responseCode: 0, authorizations, parameters });
    expect(decodeStructure(closed, { responseTo }).secret).toBe(false);
  });
  it.each([
    ['MakeCredential', [1], '0004deadbeef 0000', '0000 0000'],
    ['RSA_Encrypt', [1], '0004deadbeef 0010 0000', '0000 0010 0000'],
    ['Duplicate', [1, 2], '0004deadbeef 0010', '0000 0010'],
    ['Import', [1], '0004deadbeef 0000 0000 0000 0010', undefined],
    [
      'LoadExternal',
      [],
      `0018 0023 0000 0000 0010 ${'11'.repeat(16)} ${PUBLIC_P256} 40000007`,
      `0000 ${PUBLIC_P256} 40000007`,
    ],
  ] as const)('of %s are marked where a secret stands in them', (name, handles, secret, other) => {
    const shownBy = (parameters: string) =>
      decodeStructure(encodeCommand({ name, handles, authorizations: [], parameters: hex(parameters) })).secret;
    expect(shownBy(secret)).toBe(true);
    if (other !== undefined) expect(shownBy(other)).toBe(false);
  });
  it('of a real conversation are read one and all; what a session encrypts stays closed', async () => {
    const { transport } = createSoftwareTpm({ crypto });
    const talk: { readonly command: Uint8Array; readonly response: Uint8Array }[] = [];
    const listening: TpmTransport = {
      transmit: async (command) => {
        const response = await transport.transmit(command);
        talk.push({ command: Uint8Array.from(command), response });
        return response;
      },
      close: () => transport.close(),
    };
    const tpm = new Tpm(listening, crypto);
    const parent = expectOk(await createPrimary(tpm, TPM_RH.owner, SRK_ECC_P256));
    const secret = utf8('a secret that nobody may read');
    const policy = new Uint8Array(32);
    const sealed = expectOk(await seal(tpm, parent, policy, new Secret(secret)));
    await unseal(tpm, parent, sealed, async () => ({ ok: true, value: undefined }));
    const names = new Set<string>();
    for (const { command, response } of talk) {
      const asked = decodeStructure(command);
      expect(asked).toMatchObject({ type: 'command', secret: false });
      expect(asked).not.toHaveProperty('fault');
      const name = at(asked.tree, 'commandCode').value as 'Create';
      names.add(name);
      const answered = decodeStructure(response, { responseTo: name });
      expect(answered).not.toHaveProperty('fault');
      if (name === 'Create') expect(at(asked.tree, 'inSensitive').type).toBe('encrypted TPM2B');
    }
    expect([...names]).toEqual(expect.arrayContaining(['CreatePrimary', 'StartAuthSession', 'Create', 'Load']));
    expect(talk.length).toBeGreaterThan(5);
  });
});

describe('tpm decode', () => {
  it.each([
    ['hex', toHex(hex(STARTUP))],
    ['hex in capitals, with colons', '80:01:00:00:00:0C:00:00:01:44:00:00'],
    ['hex with 0x and spaces', `0x${STARTUP}`],
    ['base64', toBase64(hex(STARTUP))],
    ['base64url', toBase64Url(hex(STARTUP))],
  ])('takes %s', async (_, text) => {
    const { document, lines, bad } = await shown('decode', { args: [text] });
    expect(bad).toBe(false);
    expect(document).toMatchObject({ type: 'command', length: 12 });
    expect(lines).toContain('0006  00000144                          commandCode: TPM_CC = Startup');
    expect((await shown('decode', { args: ['-'], stdin: utf8(`${text}\n`) })).document).toEqual(document);
  });
  it('takes files: bytes, and texts of bytes', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'tpm-decode-'));
    const file = join(folder.path, 'quote');
    const expected = decodeStructure(SAMPLE_QUOTE);
    for (const content of [SAMPLE_QUOTE, utf8(`${toHex(SAMPLE_QUOTE)}\n`), utf8(`${toBase64(SAMPLE_QUOTE)}\n`)]) {
      await writeFile(file, content);
      expect((await shown('decode', { args: [file] })).document).toEqual(expected);
      expect((await shown('decode', { args: ['-'], stdin: content })).document).toEqual(expected);
    }
    expect(await refusal('decode', { args: [folder.path] })).toBe('file');
    await writeFile(file, new Uint8Array(300_000));
    expect(await refusal('decode', { args: [file] })).toBe('structure-too-large');
    await writeFile(file, new Uint8Array(65_537));
    expect(await refusal('decode', { args: [file] })).toBe('structure-too-large');
    expect(await refusal('decode', { args: ['-'], stdin: new Uint8Array(300_000) })).toBe('structure-too-large');
  });
  it.each([
    ['nothing', { args: [] }],
    ['no bytes', { args: ['-'] }],
    ['odd hex', { args: ['abc'] }],
    ['odd hex that would be base64url', { args: ['8001000'] }],
    ['odd hex with colons', { args: ['80:01:00:00:0'] }],
    ['odd hex on standard input', { args: ['-'], stdin: utf8('0x8001000\n') }],
    ['a file that is not there', { args: ['no-such-file.bin'] }],
    ['a type that is none', { args: ['00'], options: { as: 'TPMT_PUBLIK' } }],
    ['a command that is none', { args: ['00'], options: { responseTo: 'Guess' } }],
    ['a type and a command', { args: ['00'], options: { as: 'TPMT_HA', responseTo: 'Quote' } }],
  ])('refuses %s as wrong usage', async (_, given) => {
    expect(await refusal('decode', given)).toBe('usage');
  });
  it('tells malformed bytes as bad news: tree, fault and place', async () => {
    const { bad, lines, document } = await shown('decode', { args: [toHex(SAMPLE_QUOTE.subarray(0, 120))] });
    expect(bad).toBe(true);
    expect(document.fault).toMatchObject({ code: 'malformed', offset: 97 });
    expect(lines).toContain('0004  8018                              type: TPMI_ST_ATTEST = quote');
    expect(lines.at(-1)).toBe('  at 0061, in TPMS_ATTEST.attested.TPMS_QUOTE_INFO.pcrDigest');
  });
  it('says of what nothing is known of no more than that', async () => {
    const { notes = [] } = await shown('decode', { args: ['-'], stdin: utf8('nothing of a TPM') });
    expect(notes).toEqual([expect.stringContaining("'--as TYPE' says what they are")]);
    const cut = await shown('decode', { args: [toHex(SAMPLE_QUOTE.subarray(0, 120))] });
    expect(cut.notes).toEqual([expect.stringContaining('this one got furthest')]);
  });
  it('says what is wrong with hex that lost a digit', async () => {
    const outcome = await run('decode', { args: ['8001000'] });
    expect(outcome).toMatchObject({ ok: false, fault: { detail: 'the argument is hex with an odd number of digits' } });
  });
  it('warns of secrets on stderr', async () => {
    const { notes = [] } = await shown('decode', {
      args: ['0008 0000 0000 0004 deadbeef'],
      options: { as: 'TPMT_SENSITIVE' },
    });
    expect(notes.join()).toContain('WARNING');
    expect((await shown('decode', { args: [STARTUP] })).notes).toEqual([]);
  });
  it('lists the types: what @sekimori/tpm2 exports, and the files of tpm2-tools', async () => {
    const { lines, document } = await shown('decode', { options: { as: 'help' } });
    expect(document.types).toEqual(lines);
    for (const name of [
      'TPM2B_PUBLIC',
      'TPMS_ATTEST',
      'TPMT_SIGNATURE',
      'TPMS_CONTEXT',
      'TPML_DIGEST',
      'TPM2B_NV_PUBLIC',
      'Name',
      'tpm2-tools-credential',
    ])
      expect(lines).toContain(name);
    expect(lines.filter((name) => name.startsWith('ANY_'))).toEqual([]);
    expect(STRUCTURE_TYPES.get('TPMT_PUBLIC')?.codec.name).toBe(TPMT_PUBLIC.name);
  });
  it('lets nothing from the bytes steer a terminal', async () => {
    const { lines } = await shown('decode', { args: [`ff544347${'1b5b'.repeat(40)}`] });
    // oxlint-disable-next-line no-control-regex
    expect(lines.join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });
});

describe.skipIf(programsMissing('swtpm', 'swtpm_setup', 'tpm2_createek', 'tpm2_print'))('files of tpm2-tools', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await aBench();
    const flush = () => bench.tool('tpm2_flushcontext -t');
    await bench.tool('tpm2_createek -Q -c ek.ctx -G rsa -u ek.pub');
    await bench.tool('tpm2_createak -Q -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -n ak.name -r ak.priv');
    await flush();
    await bench.tool('tpm2_quote -Q -c ak.ctx -l sha256:0,7 -q 00112233 -m quote.msg -s quote.sig');
    await flush();
    await bench.tool('tpm2_createprimary -Q -C o -c srk.ctx --creation-data creation -t ticket -d creation.hash');
    await bench.tool('tpm2_certify -Q -c srk.ctx -C ak.ctx -g sha256 -o certify.msg -s certify.sig');
    await flush();
    await bench.tool('tpm2_create -Q -C srk.ctx -G rsa -u key.pub -r key.priv');
    await flush();
    await bench.tool('tpm2_startauthsession -S session.ctx');
    await bench.tool('tpm2_flushcontext session.ctx');
    await writeFile(bench.file('secret'), 'swordfish');
    const akName = decodeStructure(new Uint8Array(await readBytes('ak.pub'))).tree.parts[1]!.name!;
    await bench.tool(`tpm2_makecredential -Q -u ek.pub -s secret -n ${akName} -o credential`);
  });
  afterAll(() => bench.end());

  async function readBytes(name: string): Promise<Uint8Array> {
    return Uint8Array.from(await readFile(bench.file(name)));
  }

  it.each([
    ['ek.pub', 'TPM2B_PUBLIC'],
    ['ak.pub', 'TPM2B_PUBLIC'],
    ['ak.priv', 'TPM2B_PRIVATE'],
    ['key.priv', 'TPM2B_PRIVATE'],
    ['ak.name', 'Name'],
    ['quote.msg', 'TPMS_ATTEST'],
    ['quote.sig', 'TPMT_SIGNATURE'],
    ['certify.msg', 'TPMS_ATTEST'],
    ['certify.sig', 'TPMT_SIGNATURE'],
    ['creation', 'TPM2B_CREATION_DATA'],
    ['creation.hash', 'TPM2B_DIGEST'],
    ['ticket', 'TPMT_TK_CREATION'],
    ['credential', 'tpm2-tools-credential'],
    ['ek.ctx', 'tpm2-tools-context'],
    ['session.ctx', 'tpm2-tools-session'],
  ])('%s is a %s', async (name, type) => {
    const { document, bad } = await shown('decode', { args: [bench.file(name)] });
    expect([document.type, bad, document.secret]).toEqual([type, false, false]);
  });
  it('have the Name that the tools compute', async () => {
    const { document } = await shown('decode', { args: [bench.file('ak.pub')] });
    expect(document.tree.parts[1].name).toBe(toHex(await readBytes('ak.name')));
  });
  it('say what tpm2_print says of a quote', async () => {
    const theirs = await bench.tool('tpm2_print -t TPMS_ATTEST quote.msg');
    const said = (field: string) => new RegExp(`^ *${field}: *(\\S+)$`, 'm').exec(theirs)?.[1];
    const { tree } = decodeStructure(await readBytes('quote.msg'));
    expect(at(tree, 'clockInfo', 'clock').value).toBe(said('clock'));
    expect(at(tree, 'clockInfo', 'resetCount').value).toBe(Number(said('resetCount')));
    expect(at(tree, 'qualifiedSigner').bytes).toBe(`0022${said('qualifiedSigner')}`);
    expect(at(tree, 'extraData').bytes).toBe(`0004${said('extraData')}`);
    expect(at(tree, 'attested', 'pcrDigest').bytes).toBe(`0020${said('pcrDigest')}`);
  });
});
