import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concat, toHex, u16be } from '@sekimori/bytes';
import { blob, type Codec, decode, encode, u16 } from '@sekimori/codec';
import { type EcPublicKey, Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import {
  duplicateTo,
  nameOf,
  openDuplicate,
  policyAuthValue,
  policyCommandCode,
  policyCpHash,
  policyDigestOf,
  policyDuplicationSelect,
  policyLocality,
  policyNvWritten,
  policyOr,
  policyPassword,
  policySecret,
  type PolicyStep,
  publicArea,
  sealedData,
  SRK_ECC_P256,
  TPM_ALG,
  TPM2B_DIGEST,
  TPM2B_ENCRYPTED_SECRET,
  TPM2B_PRIVATE,
  TPM2B_PUBLIC,
  TPM_RH,
  TPMS_ATTEST,
  TPMS_CREATION_DATA,
  TPMT_PUBLIC,
  TPMT_SIGNATURE,
  TPMT_TK_CREATION,
  TPMT_TK_HASHCHECK,
  TPMT_TK_VERIFIED,
} from '@sekimori/tpm2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manufactureSwtpm, startSwtpm, type Swtpm } from '../src/swtpm.ts';
import { missing } from './programs.ts';
import { tpm2Tool } from './tpm2-tool.ts';

const DATA = Uint8Array.from({ length: 32 }, (_, at) => at + 1);
const POLICY_REF = Uint8Array.of(0xca, 0xfe);

describe.skipIf(missing('swtpm', 'swtpm_setup', 'tpm2_duplicate'))('files of tpm2-tools', () => {
  let folder: string;
  let swtpm: Swtpm;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
    await manufactureSwtpm({ stateDir: join(folder, 'tpm'), caDir: join(folder, 'ca') });
    swtpm = await startSwtpm({ stateDir: join(folder, 'tpm') });
    await put('data', DATA);
    await tools('tpm2_createprimary -Q -C o -G ecc -c srk.ctx', 'tpm2_evictcontrol -Q -C o -c srk.ctx 0x81000001');
  });
  afterAll(async () => {
    await swtpm.stop();
    await rm(folder, { recursive: true });
  });

  const put = (name: string, bytes: Uint8Array) => writeFile(join(folder, name), bytes);
  const get = async (name: string) => Uint8Array.from(await readFile(join(folder, name)));
  async function tools(...lines: readonly string[]): Promise<Uint8Array> {
    const place = { cwd: folder, tcti: `swtpm:path=${swtpm.socketPath}` };
    let out: Uint8Array = new Uint8Array(0);
    for (const line of lines) {
      out = await tpm2Tool(place, line);
      // They leave what they loaded in the TPM, which has room for three objects.
      await tpm2Tool(place, 'tpm2_flushcontext --transient-object');
    }
    return Uint8Array.from(out);
  }
  async function expectSame<T>(name: string, codec: Codec<T>): Promise<T> {
    const bytes = await get(name);
    const value = expectOk(decode(codec, bytes));
    expect(toHex(encode(codec, value)), name).toBe(toHex(bytes));
    return value;
  }

  it.each([
    ['rsa2048:rsassa-sha256:null', 'sign'],
    ['rsa3072:rsapss-sha384:null', 'sign'],
    ['ecc256:ecdsa-sha256:null', 'sign'],
    ['ecc384:ecdsa-sha384:null', 'sign'],
    ['rsa2048:oaep-sha256:null', 'decrypt'],
    ['rsa2048:rsaes:null', 'decrypt'],
    ['ecc256:ecdh-sha256:null', 'decrypt'],
    ['ecc256:ecdaa4-sha256:null', 'sign'],
    ['hmac:sha256', 'sign'],
    ['xor:sha256', 'decrypt'],
    ['aes128cfb', 'sign|decrypt'],
    ['aes256ctr', 'sign|decrypt'],
  ])('an object of tpm2_create -G %s reads and writes to the same bytes', async (algorithm, use) => {
    const attributes = `fixedtpm|fixedparent|sensitivedataorigin|userwithauth|${use}`;
    await tools(`tpm2_create -Q -C 0x81000001 -G ${algorithm} -a ${attributes} -u key.pub -r key.priv -c key.ctx`);
    const area = await expectSame('key.pub', TPM2B_PUBLIC);
    await expectSame('key.priv', TPM2B_PRIVATE);
    expect(toHex(encode(TPMT_PUBLIC, area.value))).toBe(toHex(area.bytes));
    await tools('tpm2_readpublic -Q -c key.ctx -n key.name');
    expect(toHex(nameOf(crypto, area))).toBe(toHex(await get('key.name')));
  });

  it('every attestation, its signature, creation data and tickets read and write to the same bytes', async () => {
    await tools(
      'tpm2_create -Q -C 0x81000001 -G ecc256:ecdsa-sha256:null -u ak.pub -r ak.priv --creation-data ak.creation -t ak.ticket -d ak.hash -q cafe -l sha256:0,16 -a fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign',
      'tpm2_load -Q -C 0x81000001 -u ak.pub -r ak.priv -c ak.ctx',
      'tpm2_quote -Q -c ak.ctx -l sha256:0,7+sha384:1 -q cafe -m quote.attest -s quote.sig',
      'tpm2_certify -Q -c ak.ctx -C ak.ctx -g sha256 -o certify.attest -s certify.sig',
      'tpm2_gettime -Q -c ak.ctx -q cafe --attestation time.attest -o time.sig',
      'tpm2_certifycreation -Q -C ak.ctx -c ak.ctx -d ak.hash -t ak.ticket -g sha256 --attestation creation.attest -o creation.sig',
      'tpm2_nvdefine -Q -C o -s 32 -a ownerread|ownerwrite|authread|authwrite 0x01500020',
      'tpm2_nvwrite -Q -C o -i data 0x01500020',
      'tpm2_nvcertify -Q -C ak.ctx -c o -g sha256 --size 16 --offset 2 --attestation nv.attest -o nv.sig 0x01500020',
      'tpm2_hash -Q -C o -g sha256 -t hash.ticket -o digest data',
      'tpm2_sign -Q -c ak.ctx -g sha256 -d digest -t hash.ticket -o sign.sig',
      'tpm2_verifysignature -Q -c ak.ctx -g sha256 -m data -s sign.sig -t verified.ticket',
    );
    for (const name of ['quote', 'certify', 'time', 'creation', 'nv']) {
      expect((await expectSame(`${name}.attest`, TPMS_ATTEST)).attested.is).toBe(name);
      expect((await expectSame(`${name}.sig`, TPMT_SIGNATURE)).sigAlg).toBe('ecdsa');
    }
    await expectSame('sign.sig', TPMT_SIGNATURE);
    const creation = await expectSame('ak.creation', sized(TPMS_CREATION_DATA));
    expect(creation).toMatchObject({ outsideInfo: POLICY_REF, pcrSelect: [{ bank: 'sha256', indices: [0, 16] }] });
    const hashed = crypto.hash('sha256', encode(TPMS_CREATION_DATA, creation));
    expect(toHex(await expectSame('ak.hash', TPM2B_DIGEST))).toBe(toHex(hashed));
    await expectSame('ak.ticket', TPMT_TK_CREATION);
    await expectSame('hash.ticket', TPMT_TK_HASHCHECK);
    await expectSame('verified.ticket', TPMT_TK_VERIFIED);
  });

  it('tpm2_print shows what we wrote', async () => {
    await put('our.pub', encode(TPM2B_PUBLIC, SRK_ECC_P256));
    const printed = Buffer.from(await tools('tpm2_print -t TPM2B_PUBLIC our.pub')).toString();
    expect(printed).toContain('fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt');
  });

  it('we open what tpm2_duplicate gives to a key of ours', async () => {
    const privateKey = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
    const { x, y } = privateKey.publicKey as EcPublicKey;
    const { fixedTPM: _, fixedParent: __, ...attributes } = SRK_ECC_P256.value.objectAttributes;
    const parent = publicArea({
      ...SRK_ECC_P256.value,
      objectAttributes: { ...attributes, fixedTPM: false, fixedParent: false },
      unique: { is: 'ecc', value: { x, y } },
    });
    const policy = policyDigestOf(crypto, 'sha256', [policyCommandCode('Duplicate')]);
    await put('policy', policy);
    await put('parent.pub', encode(TPM2B_PUBLIC, parent));
    await tools(
      'tpm2_create -Q -C 0x81000001 -i data -L policy -u moved.pub -r moved.priv -c moved.ctx -a userwithauth',
      'tpm2_loadexternal -Q -C o -u parent.pub -c parent.ctx',
      'tpm2_startauthsession --policy-session -S session',
      'tpm2_policycommandcode -Q -S session TPM2_CC_Duplicate',
      'tpm2_duplicate -Q -C parent.ctx -c moved.ctx -G null -p session:session -r moved.dup -s moved.seed',
      'tpm2_flushcontext session',
    );
    const sent = {
      encryptionKey: new Uint8Array(0),
      objectPublic: await expectSame('moved.pub', TPM2B_PUBLIC),
      duplicate: await expectSame('moved.dup', TPM2B_PRIVATE),
      inSymSeed: await expectSame('moved.seed', TPM2B_ENCRYPTED_SECRET),
      symmetricAlg: { algorithm: 'null' },
    } as const;
    const opened = expectOk(await openDuplicate(crypto, { publicArea: parent, privateKey }, sent));
    expect(opened.sensitive).toEqual({ is: 'keyedhash', value: DATA });
  });

  it('tpm2_import takes what we sealed to a key of its TPM without it, and tpm2_unseal opens it', async () => {
    await tools('tpm2_readpublic -Q -c 0x81000001 -o srk.pub');
    const srk = expectOk(decode(TPM2B_PUBLIC, await get('srk.pub')));
    const policy = policyDigestOf(crypto, 'sha256', [policyLocality(0)]);
    const object = sealedData(crypto, { data: new Secret(DATA), authPolicy: policy });
    const sent = expectOk(duplicateTo(crypto, srk, object));
    await put('sent.pub', encode(TPM2B_PUBLIC, sent.objectPublic));
    await put('sent.dup', encode(TPM2B_PRIVATE, sent.duplicate));
    await put('sent.seed', encode(TPM2B_ENCRYPTED_SECRET, sent.inSymSeed));
    await tools(
      'tpm2_import -Q -C 0x81000001 -u sent.pub -i sent.dup -s sent.seed -r sent.priv',
      'tpm2_load -Q -C 0x81000001 -u sent.pub -r sent.priv -c sent.ctx',
      'tpm2_startauthsession --policy-session -S session',
      'tpm2_policylocality -Q -S session zero',
    );
    expect(toHex(await tools('tpm2_unseal -c sent.ctx -p session:session'))).toBe(toHex(DATA));
    await tools('tpm2_flushcontext session');
  });

  const name = (fill: number) => concat(u16be(TPM_ALG.sha256), new Uint8Array(32).fill(fill));
  it.each<readonly [string, string, () => readonly PolicyStep[]]>([
    ['tpm2_policyauthvalue', 'tpm2_policyauthvalue', () => [policyAuthValue()]],
    ['tpm2_policypassword', 'tpm2_policypassword', () => [policyPassword()]],
    ['tpm2_policycommandcode', 'tpm2_policycommandcode TPM2_CC_Sign', () => [policyCommandCode('Sign')]],
    ['tpm2_policylocality', 'tpm2_policylocality three', () => [policyLocality(3)]],
    ['tpm2_policynvwritten', 'tpm2_policynvwritten s', () => [policyNvWritten(true)]],
    ['tpm2_policysecret', 'tpm2_policysecret -c e', () => [policySecret(TPM_RH.endorsement)]],
    [
      'tpm2_policysecret -q',
      'tpm2_policysecret -c o -q cafe',
      () => [policySecret(TPM_RH.owner, { policyRef: POLICY_REF })],
    ],
    ['tpm2_policycphash', 'tpm2_policycphash --cphash cphash', () => [policyCpHash(new Uint8Array(32).fill(1))]],
    [
      'tpm2_policyduplicationselect',
      'tpm2_policyduplicationselect -N name.2 -n name.1',
      () => [policyDuplicationSelect(name(1), name(2), false)],
    ],
    [
      'tpm2_policyor',
      'tpm2_policyor -l sha256:one,two',
      () => [policyOr([new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)], 0)],
    ],
  ])('%s gives the digest that we compute', async (_, line, steps) => {
    for (const [file, fill] of [
      ['one', 1],
      ['two', 2],
    ] as const) {
      await put(file, new Uint8Array(32).fill(fill));
      await put(`name.${fill}`, name(fill));
    }
    await put('cphash', encode(TPM2B_DIGEST, new Uint8Array(32).fill(1)));
    await tools('tpm2_startauthsession -S trial', `${line} -Q -S trial -L digest`, 'tpm2_flushcontext trial');
    expect(toHex(await get('digest'))).toBe(toHex(policyDigestOf(crypto, 'sha256', steps())));
  });
});

/** As TPM2B_CREATION_DATA is written to a file: with its size. */
function sized<T>(inner: Codec<T>): Codec<T> {
  const outer = blob(u16, 512);
  return {
    name: `TPM2B of ${inner.name}`,
    read: (reader) => expectOk(decode(inner, outer.read(reader))),
    write: (writer, value) => outer.write(writer, encode(inner, value)),
  };
}
