import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concat, fromHex, toBase64, toHex } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import {
  activateCredential,
  approvalOf,
  authorizedPolicy,
  changeHierarchyAuth,
  createAttestationKey,
  createPrimary,
  extendPcr,
  makeCredential,
  makePersistent,
  nameOf,
  openEndorsementKey,
  pcrDigestOf,
  PolicyDigest,
  policySigner,
  publicKeyOf,
  qualifiedNameOf,
  quoteWithPcrs,
  readPcrs,
  readPublic,
  seal,
  SRK_ECC_P256,
  Tpm,
  TPM2B_PUBLIC,
  TPM_RH,
  TPMS_ATTEST,
  TPMT_SIGNATURE,
  verifySignature,
  WELL_KNOWN,
  writeNvOnce,
} from '@sekimori/tpm2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manufactureSwtpm, startSwtpm, type Swtpm } from '../src/swtpm.ts';
import { missing } from './programs.ts';
import { tpm2Tool } from './tpm2-tool.ts';

const SELECTION = { bank: 'sha256', indices: [0, 7, 16] } as const;
const PCRS = 'sha256:0,7,16';
const NONCE = crypto.hash('sha256', Uint8Array.of(1));

describe.skipIf(missing('swtpm', 'swtpm_setup', 'tpm2_checkquote'))('tpm2-tools agree', () => {
  let folder: string;
  let swtpm: Swtpm;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
    await manufactureSwtpm({ stateDir: join(folder, 'tpm'), caDir: join(folder, 'ca') });
    swtpm = await startSwtpm({ stateDir: join(folder, 'tpm') });
    await ours(async (tpm) => {
      for (const index of SELECTION.indices) expectOk(await extendPcr(tpm, index, 'sha256', NONCE));
    });
  });
  afterAll(async () => {
    await swtpm.stop();
    await rm(folder, { recursive: true });
  });

  /** swtpm takes one connection at a time: ours is open while `work` runs, and theirs otherwise. */
  async function ours<T>(work: (tpm: Tpm) => Promise<T>): Promise<T> {
    const tpm = new Tpm(await swtpm.open(), crypto);
    try {
      return await work(tpm);
    } finally {
      await tpm.close();
    }
  }
  const file = (name: string) => join(folder, name);
  const read = async (name: string) => Uint8Array.from(await readFile(file(name)));
  async function tool(...command: readonly string[]): Promise<string> {
    const place = { cwd: folder, tcti: `swtpm:path=${swtpm.socketPath}` };
    return (await tpm2Tool(place, command.join(' '))).toString();
  }
  /** tpm2-tools leave objects in the TPM, which has room for three. */
  const clear = () => tool('tpm2_flushcontext --transient-object');

  it.each(['ecc-p256', 'rsa-2048'] as const)('tpm2_checkquote accepts our quote (%s)', async (kind) => {
    await ours(async (tpm) => {
      const ak = expectOk(await createAttestationKey(tpm, kind));
      const { attest, signature, pcrs } = expectOk(await quoteWithPcrs(tpm, ak, SELECTION, NONCE));
      const { spki } = expectOk(publicKeyOf(crypto, ak.publicArea));
      await writeFile(file('ak.pem'), `-----BEGIN PUBLIC KEY-----\n${toBase64(spki)}\n-----END PUBLIC KEY-----\n`);
      await writeFile(file('our.attest'), attest);
      await writeFile(file('our.signature'), signature);
      await writeFile(file('our.pcrs'), concat(...SELECTION.indices.map((index) => pcrs.get(index)!)));
      await tpm.flush(ak.handle);
    });
    const check = (nonce: string) =>
      tool(
        'tpm2_checkquote -u ak.pem -m our.attest -s our.signature -g sha256',
        `-f our.pcrs -F values -l ${PCRS} -q ${nonce}`,
      );
    expect(await check(toHex(NONCE))).toContain('pcrs:');
    await expect(check('00'.repeat(32))).rejects.toThrow();
  });

  it('our verification accepts a quote of tpm2_quote', async () => {
    await tool('tpm2_createek -c 0x81010003 -G rsa -u ek.pub');
    await tool('tpm2_createak -C 0x81010003 -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -n ak.name');
    await clear();
    await tool(`tpm2_quote -c ak.ctx -l ${PCRS} -q ${toHex(NONCE)} -g sha256 -m quote.attest -s quote.signature`);
    await clear();
    const ak = expectOk(decode(TPM2B_PUBLIC, await read('ak.pub')));
    expect(toHex(nameOf(crypto, ak))).toBe(toHex(await read('ak.name')));
    const attest = await read('quote.attest');
    const signature = expectOk(decode(TPMT_SIGNATURE, await read('quote.signature')));
    const key = expectOk(publicKeyOf(crypto, ak));
    const scheme = { scheme: 'ecdsa', hashAlg: 'sha256' } as const;
    expect(verifySignature(crypto, key, scheme, attest, signature)).toBe(true);
    await ours(async (tpm) => {
      const ek = expectOk(await openEndorsementKey(tpm));
      expect(toHex(await read('ek.pub'))).toBe(toHex(ek.tpm2bPublic));
      const values = expectOk(await readPcrs(tpm, SELECTION));
      const pcrDigest = pcrDigestOf(crypto, 'sha256', [...values.values()]);
      expect(expectOk(decode(TPMS_ATTEST, attest))).toMatchObject({
        extraData: NONCE,
        qualifiedSigner: qualifiedNameOf(crypto, ak, ek.qualifiedName),
        attested: { is: 'quote', value: { pcrSelect: [SELECTION], pcrDigest } },
      });
    });
  });

  it.each(['rsa-2048', 'ecc-p384'] as const)('we activate a credential of tpm2_makecredential (%s)', async (kind) => {
    await ours(async (tpm) => {
      const ek = expectOk(await openEndorsementKey(tpm, kind));
      const ak = expectOk(await createAttestationKey(tpm));
      await writeFile(file('ek.public'), ek.tpm2bPublic);
      await writeFile(file('secret'), NONCE);
      const name = toHex(ak.name);
      await tool(`tpm2_makecredential -T none -u ek.public -s secret -n ${name} -o their.credential`);
      const credential = fromFile(await read('their.credential'));
      expect(expectOk(await activateCredential(tpm, ek, ak, credential)).use(toHex)).toBe(toHex(NONCE));
      await tpm.flush(ak.handle);
    });
  });

  it('tpm2_activatecredential activates a credential of ours', async () => {
    const ak = expectOk(decode(TPM2B_PUBLIC, await read('ak.pub')));
    const ek = expectOk(decode(TPM2B_PUBLIC, await read('ek.pub')));
    const { credentialBlob, encryptedSecret } = expectOk(
      makeCredential(crypto, ek, nameOf(crypto, ak), new Secret(NONCE)),
    );
    await writeFile(file('our.credential'), concat(FILE_HEADER, credentialBlob, encryptedSecret));
    await tool('tpm2_startauthsession --policy-session -S session');
    await tool('tpm2_policysecret -S session -c e');
    await tool('tpm2_activatecredential -c ak.ctx -C 0x81010003 -P session:session', '-i our.credential -o activated');
    await tool('tpm2_flushcontext session');
    expect(toHex(await read('activated'))).toBe(toHex(NONCE));
  });
});

describe.skipIf(missing('swtpm', 'swtpm_setup', 'tpm2_policyauthorize'))('tpm2-tools, sealed data and an owner', () => {
  let folder: string;
  let swtpm: Swtpm;
  const INDEX = 0x01500f00;
  const POLICY_REF = crypto.hash('sha256', Uint8Array.of(2));
  const SECRET = crypto.hash('sha256', Uint8Array.of(3));
  const AUTH = new Secret(crypto.hash('sha256', Uint8Array.of(4)));
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
    await manufactureSwtpm({ stateDir: join(folder, 'tpm'), caDir: join(folder, 'ca') });
    swtpm = await startSwtpm({ stateDir: join(folder, 'tpm') });
    const key = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
    if (key.publicKey.type !== 'ec') throw new Error('an EC key was asked for');
    const signer = policySigner(key.publicKey);
    const tpm = new Tpm(await swtpm.open(), crypto);
    const srk = expectOk(await createPrimary(tpm, TPM_RH.owner, SRK_ECC_P256));
    expectOk(await makePersistent(tpm, srk, WELL_KNOWN.storageRootKey));
    await tpm.flush(srk.handle);
    const parent = expectOk(await readPublic(tpm, WELL_KNOWN.storageRootKey));
    const policy = authorizedPolicy(crypto, signer, POLICY_REF);
    const sealed = expectOk(await seal(tpm, parent, policy, new Secret(SECRET)));
    const owner = { auth: new Secret(new Uint8Array(0)), saltTo: parent };
    expectOk(await changeHierarchyAuth(tpm, 'owner', owner, AUTH));
    expectOk(await writeNvOnce(tpm, { ...owner, auth: AUTH }, INDEX, NONCE));
    const pcrDigest = pcrDigestOf(crypto, 'sha256', [...expectOk(await readPcrs(tpm, SELECTION)).values()]);
    const approved = PolicyDigest.start(crypto, 'sha256').pcr([SELECTION], pcrDigest).digest;
    const message = approvalOf(approved, POLICY_REF);
    const bytes = await key.sign('ecdsa-sha256', message);
    const [signatureR, signatureS] = [bytes.subarray(0, 32), bytes.subarray(32)];
    const signature = encode(TPMT_SIGNATURE, { sigAlg: 'ecdsa', hash: 'sha256', signatureR, signatureS });
    const files = {
      'sealed.pub': sealed.tpm2bPublic,
      'sealed.priv': sealed.tpm2bPrivate,
      'signer.pub': encode(TPM2B_PUBLIC, signer),
      'signer.name': nameOf(crypto, signer),
      policyref: POLICY_REF,
      approved,
      message,
      signature,
    };
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
    await tpm.close();
  });
  afterAll(async () => {
    await swtpm.stop();
    await rm(folder, { recursive: true });
  });
  const tool = (line: string) => tpm2Tool({ cwd: folder, tcti: `swtpm:path=${swtpm.socketPath}` }, line);

  it('tpm2_unseal opens what we sealed, under the policy that the signer approved', async () => {
    await tool('tpm2_load -Q -C 0x81000001 -u sealed.pub -r sealed.priv -c sealed.ctx');
    await tool('tpm2_loadexternal -Q -C o -u signer.pub -c signer.ctx -n their.name');
    expect(await readFile(join(folder, 'their.name'))).toEqual(await readFile(join(folder, 'signer.name')));
    await tool('tpm2_verifysignature -Q -c signer.ctx -g sha256 -m message -s signature -t ticket');
    await tool('tpm2_flushcontext --transient-object');
    await tool('tpm2_startauthsession --policy-session --tpmkey-context 0x81000001 -S session');
    await tool('tpm2_sessionconfig session --enable-encrypt');
    await tool(`tpm2_policypcr -Q -S session -l ${PCRS} -L reached`);
    expect(await readFile(join(folder, 'reached'))).toEqual(await readFile(join(folder, 'approved')));
    await tool('tpm2_policyauthorize -Q -S session -i approved -q policyref -n signer.name -t ticket');
    expect(toHex(Uint8Array.from(await tool('tpm2_unseal -c sealed.ctx -p session:session')))).toBe(toHex(SECRET));
    await tool('tpm2_flushcontext session');
  });

  it('tpm2_nvread reads what the owner wrote, and nobody else removes it', async () => {
    expect(toHex(Uint8Array.from(await tool(`tpm2_nvread ${INDEX} -C ${INDEX}`)))).toBe(toHex(NONCE));
    await expect(tool(`tpm2_nvundefine -C o ${INDEX}`)).rejects.toThrow();
    await expect(tool(`tpm2_nvwrite -C o -i message ${INDEX}`)).rejects.toThrow();
  });
});

/** How tpm2-tools store a credential: magic, version, then both TPM2B. */
const FILE_HEADER = fromHex('badcc0de00000001')!;

function fromFile(bytes: Uint8Array) {
  const body = bytes.subarray(FILE_HEADER.length);
  const end = 2 + ((body[0]! << 8) | body[1]!);
  return { credentialBlob: body.subarray(0, end), encryptedSecret: body.subarray(end) };
}
