import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concat, toHex, u16be } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import { signingKeyOf } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import {
  type CertificateAuthority,
  issueEndorsementAuthority,
  issueEndorsementCertificate,
  writeName,
} from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import {
  AK_RSAPSS_2048,
  createPrimary,
  EK_TEMPLATES,
  type EkTemplateName,
  IAK_TEMPLATES,
  IDEVID_TEMPLATES,
  type LoadedKey,
  nameOf,
  openEndorsementKey,
  type PublicArea,
  publicArea,
  publicKeyOf,
  readEndorsementCertificates,
  readNv,
  SRK_ECC_P256,
  SRK_RSA_2048,
  storeEndorsementCertificate,
  Tpm,
  TPM2B_PUBLIC,
  TPM_RH,
  TPMA_NV,
  TPMS_NV_PUBLIC,
} from '@sekimori/tpm2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSwtpmState, manufactureSwtpm, startSwtpm, type Swtpm } from '../src/swtpm.ts';
import { missing } from './programs.ts';
import { tpm2Tool } from './tpm2-tool.ts';

const NOTHING = new Uint8Array(0);
const NAMES = Object.keys(EK_TEMPLATES) as EkTemplateName[];
/** swtpm 0.7.1 makes no RSA-4096. */
const MADE = NAMES.filter((name) => name !== 'H-7');
const CERTIFICATE = TPMA_NV.of('platformCreate', 'ppRead', 'ownerRead', 'authRead', 'ppWrite', 'writeDefine', 'noDA');
const LIFE = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2120-01-01T00:00:00Z') };
const IDENTITY = { manufacturer: '00001014', model: 'swtpm', version: 'id:00000001' };

let authority: CertificateAuthority;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
  const key = signingKeyOf(await crypto.generateKey({ type: 'ec', curve: 'P-256' }));
  const subject = writeName({ CN: 'maker' });
  authority = { key, certificate: await issueEndorsementAuthority(crypto, { ...LIFE, subject, key }) };
});
afterAll(() => rm(folder, { recursive: true }));

/** A TPM as it leaves the maker, but without a certificate: the platform's authorization is empty. */
async function aSwtpm(): Promise<Swtpm> {
  const blank = join(folder, 'blank');
  await (isMade ??= createSwtpmState({ stateDir: blank }));
  const stateDir = await mkdtemp(join(folder, 'tpm-'));
  await cp(blank, stateDir, { recursive: true });
  return startSwtpm({ stateDir });
}
let isMade: Promise<void> | undefined;

async function withTpm(work: (tpm: Tpm) => Promise<void>): Promise<void> {
  const swtpm = await aSwtpm();
  try {
    await work(new Tpm(await swtpm.open(), crypto));
  } finally {
    await swtpm.stop();
  }
}
/** An NV index with this content, as the platform's maker writes it. */
async function store(tpm: Tpm, nvIndex: number, bytes: Uint8Array, attributes = CERTIFICATE): Promise<void> {
  const handles = { authHandle: TPM_RH.platform, nvIndex };
  const value = {
    nvIndex,
    nameAlg: 'sha256',
    attributes,
    authPolicy: new Uint8Array(0),
    dataSize: bytes.length,
  } as const;
  const publicInfo = { value, bytes: encode(TPMS_NV_PUBLIC, value) };
  const parameters = { auth: new Uint8Array(0), publicInfo };
  expectOk(await tpm.run('NV_DefineSpace', { handles: { authHandle: TPM_RH.platform }, parameters }));
  for (let offset = 0; offset < bytes.length; offset += 512)
    expectOk(
      await tpm.run('NV_Write', { handles, parameters: { data: bytes.subarray(offset, offset + 512), offset } }),
    );
}
async function certify(key: LoadedKey): Promise<Uint8Array> {
  const publicKey = expectOk(publicKeyOf(crypto, key.publicArea));
  return (await issueEndorsementCertificate(crypto, { ...LIFE, publicKey, tpm: IDENTITY, issuer: authority })).der;
}
/** A primary of the endorsement hierarchy, and a certificate for it; the key itself is gone again. */
async function made(
  tpm: Tpm,
  template: PublicArea,
): Promise<{ readonly name: string; readonly certificate: Uint8Array }> {
  const key = expectOk(await createPrimary(tpm, TPM_RH.endorsement, template));
  await tpm.flush(key.handle);
  return { name: toHex(key.name), certificate: await certify(key) };
}
const withUnique = (template: PublicArea, x: Uint8Array, y = x): PublicArea => {
  const isRsa = template.value.unique.is === 'rsa';
  return publicArea({ ...template.value, unique: isRsa ? { is: 'rsa', value: x } : { is: 'ecc', value: { x, y } } });
};

describe.skipIf(missing('swtpm', 'swtpm_setup'))('endorsement keys of a swtpm', () => {
  it.each(MADE)('%s is made from its template and found by its certificate', async (name) => {
    await withTpm(async (tpm) => {
      const { key: template } = EK_TEMPLATES[name];
      const key = await made(tpm, template);
      expect(await openEndorsementKey(tpm, name)).toMatchObject({ fault: { response: { name: 'TPM_RC_HANDLE' } } });
      expectOk(await storeEndorsementCertificate(tpm, name, key.certificate));
      const opened = expectOk(await openEndorsementKey(tpm, name));
      expect(toHex(opened.name)).toBe(key.name);
      expect(opened.certificate).toEqual(key.certificate);
      expect(opened.publicArea.value).toMatchObject({ ...template.value, unique: opened.publicArea.value.unique });
      await opened.release();
      const { certificates, problems } = expectOk(await readEndorsementCertificates(tpm));
      expect(certificates).toEqual([
        { name, index: EK_TEMPLATES[name].certificateIndex, certificate: key.certificate },
      ]);
      expect(problems).toEqual([]);
    });
  });

  it('of a kind that it does not make are refused by it', async () => {
    await withTpm(async (tpm) => {
      const { certificate } = await made(tpm, EK_TEMPLATES['H-1'].key);
      expectOk(await storeEndorsementCertificate(tpm, 'H-7', certificate));
      const refused = { code: 'tpm-error', command: 'CreatePrimary', response: { name: 'TPM_RC_VALUE' } };
      expect(await openEndorsementKey(tpm, 'H-7')).toMatchObject({ fault: refused });
    });
  });

  it.each(['L-1', 'L-2', 'H-1', 'H-2', 'H-3'] as const)('%s with the other `unique` is found too', async (name) => {
    await withTpm(async (tpm) => {
      const { key: template, certificateIndex } = EK_TEMPLATES[name];
      const size = { 'L-1': 0, 'L-2': 0, 'H-1': 256, 'H-2': 32, 'H-3': 48 }[name];
      const other = await made(tpm, withUnique(template, new Uint8Array(size)));
      expect(other.name).not.toBe((await made(tpm, template)).name);
      await store(tpm, certificateIndex, other.certificate);
      const opened = expectOk(await openEndorsementKey(tpm, name));
      expect(toHex(opened.name)).toBe(other.name);
    });
  });

  it.each(['L-1', 'L-2', 'H-2'] as const)('%s is made from the template in NV, where there is one', async (name) => {
    await withTpm(async (tpm) => {
      const { key: template, certificateIndex, templateIndex } = EK_TEMPLATES[name];
      const own = withUnique(template, Uint8Array.of(1, 2, 3));
      const key = await made(tpm, own);
      await store(tpm, certificateIndex, key.certificate);
      expect(await openEndorsementKey(tpm, name)).toMatchObject({ fault: { code: 'endorsement-key-mismatch' } });
      await store(tpm, templateIndex, own.bytes);
      expect(toHex(expectOk(await openEndorsementKey(tpm, name)).name)).toBe(key.name);
    });
  });

  it.each([
    ['L-1', 256],
    ['L-2', 32],
  ] as const)('%s has the nonce in NV at the start of `unique`', async (name, width) => {
    await withTpm(async (tpm) => {
      const { key: template, certificateIndex, nonceIndex } = EK_TEMPLATES[name];
      const nonce = crypto.random(20);
      const start = concat(nonce, new Uint8Array(width - nonce.length));
      const key = await made(tpm, withUnique(template, start, new Uint8Array(width)));
      await store(tpm, certificateIndex, key.certificate);
      await store(tpm, nonceIndex!, nonce);
      expect(toHex(expectOk(await openEndorsementKey(tpm, name)).name)).toBe(key.name);
    });
  });

  it('L-2 is made from a template that stands where the nonce should, and with a nonce that is too long from the usual one', async () => {
    await withTpm(async (tpm) => {
      const { key: template, certificateIndex, nonceIndex } = EK_TEMPLATES['L-2'];
      const own = withUnique(template, Uint8Array.of(9));
      const key = await made(tpm, own);
      await store(tpm, certificateIndex, key.certificate);
      await store(tpm, nonceIndex!, own.bytes);
      expect(toHex(expectOk(await openEndorsementKey(tpm, 'L-2')).name)).toBe(key.name);
    });
    await withTpm(async (tpm) => {
      const key = await made(tpm, EK_TEMPLATES['L-2'].key);
      await store(tpm, EK_TEMPLATES['L-2'].certificateIndex, key.certificate);
      await store(tpm, EK_TEMPLATES['L-2'].nonceIndex!, new Uint8Array(33).fill(7));
      expect(toHex(expectOk(await openEndorsementKey(tpm, 'L-2')).name)).toBe(key.name);
    });
  });

  it('that the certificate is not for are refused, and none is left in the TPM', async () => {
    await withTpm(async (tpm) => {
      const srk = await made(tpm, SRK_ECC_P256);
      await store(tpm, EK_TEMPLATES['H-2'].certificateIndex, srk.certificate);
      // Three transient objects are all that it holds: the third round would find no room.
      for (let round = 0; round < 4; round++)
        expect(await openEndorsementKey(tpm, 'H-2')).toMatchObject({ fault: { code: 'endorsement-key-mismatch' } });
    });
  });
});

describe.skipIf(missing('swtpm', 'swtpm_setup'))('certificates in the NV of a swtpm', () => {
  it('are those of its maker', async () => {
    const stateDir = join(folder, 'manufactured');
    const maker = await manufactureSwtpm({ stateDir, caDir: join(folder, 'ca') });
    const swtpm = await startSwtpm({ stateDir });
    const tpm = new Tpm(await swtpm.open(), crypto);
    expect(expectOk(await readEndorsementCertificates(tpm))).toEqual({
      certificates: [
        { name: 'L-1', index: 0x01c00002, certificate: maker.rsa2048Certificate },
        { name: 'H-3', index: 0x01c00016, certificate: maker.eccP384Certificate },
      ],
      chain: [],
      problems: [],
    });
    await swtpm.stop();
  });

  it('are read as vendors write them, with their chain; what is none is a problem', async () => {
    await withTpm(async (tpm) => {
      const { certificate } = await made(tpm, EK_TEMPLATES['H-2'].key);
      const issuer = authority.certificate.der;
      await store(tpm, 0x01c00002, concat(certificate, new Uint8Array(1600 - certificate.length).fill(0xff)));
      await store(tpm, 0x01c0000a, concat(Uint8Array.of(0x10, 0x01, 0x00), u16be(certificate.length), certificate));
      await store(tpm, 0x01c00012, concat(certificate, new Uint8Array(30)));
      await store(tpm, 0x01c00014, new Uint8Array(40).fill(0xff));
      await store(tpm, 0x01c00013, EK_TEMPLATES['H-1'].key.bytes);
      await store(tpm, 0x01c00070, certificate); // of a vendor's own
      await store(tpm, 0x01c00072, new Uint8Array(4));
      await store(tpm, 0x01c00100, concat(issuer, issuer.subarray(0, 100)));
      await store(tpm, 0x01c00101, issuer.subarray(100));
      await store(tpm, 0x01c001ff, concat(issuer, new Uint8Array(9)));
      const found = expectOk(await readEndorsementCertificates(tpm));
      expect(found.certificates).toEqual([
        { name: 'L-1', index: 0x01c00002, certificate },
        { name: 'L-2', index: 0x01c0000a, certificate },
        { name: 'H-1', index: 0x01c00012, certificate },
        { index: 0x01c00070, certificate },
      ]);
      expect(found.chain).toEqual(
        [0x01c00100, 0x01c00100, 0x01c001ff].map((index) => ({ index, certificate: issuer })),
      );
      expect(found.problems.map(({ index, fault }) => [index, fault.code])).toEqual([
        [0x01c00014, 'endorsement-certificate'],
      ]);
    });
  });

  it('are read as the owner where their own authorization does not do', async () => {
    await withTpm(async (tpm) => {
      const { certificate } = await made(tpm, EK_TEMPLATES['H-2'].key);
      const { certificateIndex } = EK_TEMPLATES['H-2'];
      await store(tpm, certificateIndex, certificate, { ...CERTIFICATE, authRead: false });
      const own = { authHandle: certificateIndex, nvIndex: certificateIndex };
      const refused = await tpm.run('NV_Read', { handles: own, parameters: { size: 1, offset: 0 } });
      expect(refused).toMatchObject({ fault: { code: 'tpm-error' } });
      expect(expectOk(await readNv(tpm, certificateIndex))).toEqual(certificate);
      expect(expectOk(await openEndorsementKey(tpm, 'H-2')).certificate).toEqual(certificate);
    });
  });
});

describe.skipIf(missing('swtpm', 'swtpm_setup', 'tpm2_createek'))('tpm2-tools and our templates', () => {
  /** Each works with the TPM while the other is not connected. */
  async function withTools(
    work: (parts: {
      readonly tool: (input: Uint8Array, program: string, ...args: readonly string[]) => Promise<string>;
      readonly file: (name: string) => string;
      readonly ours: <T>(what: (tpm: Tpm) => Promise<T>) => Promise<T>;
    }) => Promise<void>,
  ): Promise<void> {
    const swtpm = await aSwtpm();
    const place = await mkdtemp(join(folder, 'tools-'));
    const tcti = `swtpm:path=${swtpm.socketPath}`;
    try {
      await work({
        tool: async (input, ...line) => (await tpm2Tool({ cwd: place, tcti }, line.join(' '), input)).toString(),
        file: (name) => join(place, name),
        ours: async (what) => {
          const tpm = new Tpm(await swtpm.open(), crypto);
          try {
            return await what(tpm);
          } finally {
            await tpm.close();
          }
        },
      });
    } finally {
      await swtpm.stop();
    }
  }
  const areaIn = async (path: string) => expectOk(decode(TPM2B_PUBLIC, Uint8Array.from(await readFile(path))));

  it.each([
    ['L-1', 'rsa2048'],
    ['L-2', 'ecc256'],
    ['H-3', 'ecc384'],
    ['H-4', 'ecc521'],
    ['H-6', 'rsa3072'],
  ] as const)('%s is the key of tpm2_createek -G %s', async (name, algorithm) => {
    await withTools(async ({ tool, file, ours }) => {
      const area = await ours(async (tpm) => {
        const key = expectOk(await createPrimary(tpm, TPM_RH.endorsement, EK_TEMPLATES[name].key));
        await tpm.flush(key.handle);
        return key;
      });
      await tool(NOTHING, 'tpm2_createek', '-c', 'ek.ctx', '-G', algorithm, '-u', 'ek.pub');
      await tool(NOTHING, 'tpm2_readpublic', '-c', 'ek.ctx', '-n', 'ek.name');
      const theirs = await areaIn(file('ek.pub'));
      expect(toHex(theirs.bytes)).toBe(toHex(area.publicArea.bytes));
      expect(toHex(nameOf(crypto, theirs))).toBe(toHex(Uint8Array.from(await readFile(file('ek.name')))));
    });
  });

  it.each([
    ['IAK', '49414b', 'rsa2048:rsapss-sha256:null', '|restricted', IAK_TEMPLATES['rsa-2048']],
    ['IDevID', '494445564944', 'rsa2048:null:null', '', IDEVID_TEMPLATES['rsa-2048']],
  ])(
    '%s is the key that tpm2_createprimary makes with the policy and name of it',
    async (_, unique, algorithm, restricted, template) => {
      await withTools(async ({ tool, file, ours }) => {
        await writeFile(file('policy'), template.value.authPolicy);
        const attributes = `fixedtpm|fixedparent|sensitivedataorigin|userwithauth|adminwithpolicy|sign${restricted}`;
        const args = ['-C', 'e', '-g', 'sha256', '-G', algorithm, '-a', attributes, '-L', 'policy', '-u', '-'];
        await tool(Buffer.from(unique, 'hex'), 'tpm2_createprimary', ...args, '-c', 'key.ctx');
        await tool(NOTHING, 'tpm2_readpublic', '-c', 'key.ctx', '-o', 'key.pub');
        await tool(NOTHING, 'tpm2_flushcontext', '-t');
        const key = await ours((tpm) => createPrimary(tpm, TPM_RH.endorsement, template));
        expect(toHex((await areaIn(file('key.pub'))).bytes)).toBe(toHex(expectOk(key).publicArea.bytes));
      });
    },
  );

  it('tpm2_print reads what we write, of every template', async () => {
    await withTools(async ({ tool, file }) => {
      const areas = [
        ...NAMES.map((name) => EK_TEMPLATES[name].key),
        SRK_RSA_2048,
        AK_RSAPSS_2048,
        IAK_TEMPLATES['ecc-p521'],
      ];
      for (const area of areas) {
        await writeFile(file('area.pub'), encode(TPM2B_PUBLIC, area));
        const printed = await tool(NOTHING, 'tpm2_print', '-t', 'TPM2B_PUBLIC', 'area.pub');
        expect(printed).toContain(`value: ${area.value.nameAlg}`);
        const attributes = printed.split('\n').find((line) => line.includes('fixedtpm'));
        const set = Object.entries(area.value.objectAttributes).flatMap(([name, is]) =>
          is ? [name.toLowerCase()] : [],
        );
        expect(attributes?.replace('value:', '').trim().split('|').toSorted()).toEqual(set.toSorted());
        const policy = toHex(area.value.authPolicy);
        expect(printed.includes('authorization policy:') ? printed : '').toContain(policy);
      }
    });
  });
});
