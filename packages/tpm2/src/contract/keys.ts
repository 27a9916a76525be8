import { concat, equal, stripLeadingZeros, utf8 } from '@sekimori/bytes';
import { der, type PrivateKey } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { expect, it } from 'vitest';
import type { RequestOf } from '../commands/table.ts';
import { TPM_RH } from '../structures/handles.ts';
import { publicKeyOf, pointOf } from '../structures/names.ts';
import { NO_HASHCHECK, NO_SENSITIVE, type TpmtSensitive } from '../structures/objects.ts';
import type { PublicArea } from '../structures/public-area.ts';
import { verifySignature } from '../structures/signature.ts';
import { AK_ECC_P256, AK_RSA_2048, SRK_ECC_P256 } from '../keys/templates.ts';
import { altered, eccKey, FIXED, hmacKey, rsaKey, sealedData } from './areas.ts';
import { type Bench, DIGEST, NONE, SUCCESS } from './bench.ts';

const MESSAGE = utf8('what is signed');
const HASHED = crypto.hash('sha256', MESSAGE);
const ECDSA = { scheme: 'ecdsa', hashAlg: 'sha256' } as const;
const PERSISTENT = 0x81000f01;

/** Keys below a parent and keys from outside: signatures, ciphertexts, shared points. */
export function keysContract({ ask, done, flush, primary }: Bench): void {
  const create = (parent: number, inPublic: PublicArea, data: Uint8Array = NONE) => ({
    handles: [parent],
    parameters: { inSensitive: { ...NO_SENSITIVE, data }, inPublic, outsideInfo: NONE, creationPCR: [] },
  });
  /** A key below the storage root key, and nothing else loaded. */
  async function child(inPublic: PublicArea, data?: Uint8Array) {
    const srk = await primary(SRK_ECC_P256);
    const { outPublic, outPrivate } = (await done('Create', create(srk.handle, inPublic, data))).parameters;
    const parameters = { inPrivate: outPrivate, inPublic: outPublic };
    const { handle } = await done('Load', { handles: [srk.handle], parameters });
    await flush(srk.handle);
    return { handle, area: outPublic };
  }
  const sign = (handle: number, change: Partial<RequestOf<'Sign'>> = {}) => ({
    handles: [handle],
    parameters: { digest: HASHED, inScheme: { scheme: 'null' }, validation: NO_HASHCHECK, ...change } as const,
  });
  const hash = (data: Uint8Array, hierarchy: number) =>
    done('Hash', { parameters: { data, hashAlg: 'sha256', hierarchy } });

  it.each([
    ['ecdsa', eccKey(ECDSA, ...FIXED, 'sign')],
    ['rsassa', rsaKey({ scheme: 'rsassa', hashAlg: 'sha256' }, ...FIXED, 'sign')],
    ['rsapss', rsaKey({ scheme: 'rsapss', hashAlg: 'sha256' }, ...FIXED, 'sign')],
  ] as const)('signs a digest below a parent, and verifies it (%s)', async (scheme, template) => {
    const { handle, area } = await child(template);
    const { signature } = (await done('Sign', sign(handle))).parameters;
    const publicKey = expectOk(publicKeyOf(crypto, area));
    expect(verifySignature(crypto, publicKey, { scheme, hashAlg: 'sha256' }, MESSAGE, signature.value)).toBe(true);
    const verify = (digest: Uint8Array) => ({
      handles: [handle],
      parameters: { digest, signature: signature.value },
    });
    const { validation } = (await done('VerifySignature', verify(HASHED))).parameters;
    expect([validation.hierarchy, validation.digest.length > 0]).toEqual([TPM_RH.owner, true]);
    expect(await ask('VerifySignature', verify(DIGEST))).toBe('TPM_RC_SIGNATURE parameter 2');
    expect(await ask('Sign', sign(handle, { digest: DIGEST.subarray(1) }))).toBe('TPM_RC_SIZE parameter 1');
    const other = { scheme, hashAlg: 'sha384' } as const;
    expect(await ask('Sign', sign(handle, { inScheme: other }))).toBe('TPM_RC_SCHEME parameter 2');
  });

  it('makes an HMAC with a key that came from outside', async () => {
    const secret = crypto.random(32);
    const { handle } = await child(hmacKey('sha256', 'fixedTPM', 'fixedParent', 'userWithAuth', 'noDA'), secret);
    const { signature } = (await done('Sign', sign(handle))).parameters;
    expect(signature.value).toEqual({
      sigAlg: 'hmac',
      hashAlg: 'sha256',
      digest: crypto.hmac('sha256', secret, HASHED),
    });
    const parameters = { digest: HASHED, signature: signature.value };
    await done('VerifySignature', { handles: [handle], parameters });
  });

  it('signs with a restricted key what it hashed itself, unless that looks like a statement of its own', async () => {
    const { handle } = await primary(AK_ECC_P256, TPM_RH.endorsement);
    expect(await ask('Sign', sign(handle))).toBe('TPM_RC_TICKET parameter 3');
    const { outHash, validation } = (await hash(MESSAGE, TPM_RH.endorsement)).parameters;
    expect(outHash).toEqual(HASHED);
    await done('Sign', sign(handle, { validation }));
    expect(await ask('Sign', sign(handle, { digest: DIGEST, validation }))).toBe('TPM_RC_TICKET parameter 3');
    const forged = await hash(concat(Uint8Array.of(0xff, 0x54, 0x43, 0x47), MESSAGE), TPM_RH.endorsement);
    expect(forged.parameters.validation).toEqual(NO_HASHCHECK);
    const unvouched = { digest: forged.parameters.outHash, validation: forged.parameters.validation };
    expect(await ask('Sign', sign(handle, unvouched))).toBe('TPM_RC_TICKET parameter 3');
    expect(await ask('Hash', { parameters: { data: MESSAGE, hashAlg: 'sha256', hierarchy: TPM_RH.lockout } })).toBe(
      'TPM_RC_VALUE parameter 3',
    );
  });

  it('does not sign with a key that is for something else', async () => {
    const { handle } = await primary(SRK_ECC_P256);
    expect(await ask('Sign', sign(handle, { inScheme: ECDSA }))).toBe('TPM_RC_KEY handle 1');
  });

  it('creates nothing below a key that is no parent, and loads nothing that was changed', async () => {
    const [ak, srk] = [await primary(AK_ECC_P256), await primary(SRK_ECC_P256)];
    const template = eccKey(ECDSA, ...FIXED, 'sign');
    expect(await ask('Create', create(ak.handle, template))).toBe('TPM_RC_TYPE handle 1');
    const { outPublic, outPrivate } = (await done('Create', create(srk.handle, template))).parameters;
    const changed = outPrivate.map((byte, i) => (i === outPrivate.length - 1 ? byte ^ 1 : byte));
    const load = (inPrivate: Uint8Array, inPublic: PublicArea) =>
      ask('Load', { handles: [srk.handle], parameters: { inPrivate, inPublic } });
    expect(await load(changed, outPublic)).toBe('TPM_RC_INTEGRITY parameter 1');
    const renamed = altered(outPublic, { authPolicy: DIGEST });
    expect(await load(outPrivate, renamed)).toBe('TPM_RC_INTEGRITY parameter 1');
    expect(await load(outPrivate, outPublic)).toBe(SUCCESS);
  });

  it.each([
    ['a key from nowhere', 'TPM_RC_ATTRIBUTES parameter 2', eccKey(ECDSA, 'fixedTPM', 'fixedParent', 'sign')],
    [
      'a key that half stays',
      'TPM_RC_ATTRIBUTES parameter 2',
      eccKey(ECDSA, 'fixedTPM', 'sensitiveDataOrigin', 'sign'),
    ],
    ['a key for nothing', 'TPM_RC_ATTRIBUTES parameter 2', eccKey({ scheme: 'null' }, ...FIXED)],
    ['data from nowhere', 'TPM_RC_ATTRIBUTES parameter 2', sealedData(...FIXED)],
  ] as const)('does not create %s: %s', async (_what, refusal, template) => {
    const srk = await primary(SRK_ECC_P256);
    expect(await ask('Create', create(srk.handle, template))).toBe(refusal);
    expect(await ask('CreatePrimary', create(TPM_RH.owner, template))).toBe(refusal);
    expect(await ask('CreatePrimary', create(TPM_RH.lockout, template))).toBe('TPM_RC_VALUE handle 1');
  });

  it('signs with a key pair that came from outside', async () => {
    for (const { area, sensitive, scheme } of [await foreignEcKey(), await foreignRsaKey()]) {
      const load = (hierarchy: number, inPublic = area, inPrivate: TpmtSensitive = sensitive) => ({
        parameters: { inPrivate, inPublic, hierarchy },
      });
      const { handle } = await done('LoadExternal', load(TPM_RH.null));
      const { signature } = (await done('Sign', sign(handle, { inScheme: scheme }))).parameters;
      const publicKey = expectOk(publicKeyOf(crypto, area));
      expect(verifySignature(crypto, publicKey, scheme, MESSAGE, signature.value)).toBe(true);
      // where it has been cannot be known, so it belongs to no hierarchy that lasts
      expect(await ask('LoadExternal', load(TPM_RH.owner))).toBe('TPM_RC_HIERARCHY parameter 3');
      const restricted = { ...area.value.objectAttributes, restricted: true };
      expect(await ask('LoadExternal', load(TPM_RH.null, altered(area, { objectAttributes: restricted })))).toBe(
        'TPM_RC_ATTRIBUTES parameter 2',
      );
      await flush(handle);
    }
    const [one, other] = [await foreignEcKey(), await foreignEcKey()];
    const parameters = { inPrivate: other.sensitive, inPublic: one.area, hierarchy: TPM_RH.null };
    expect(await ask('LoadExternal', { parameters })).toBe('TPM_RC_BINDING');
  });

  it.each([
    ['RSAES', { scheme: 'rsaes' }, NONE],
    ['OAEP', { scheme: 'oaep', hashAlg: 'sha256' }, utf8('label\0')],
  ] as const)('encrypts to an RSA key and decrypts (%s)', async (_name, inScheme, label) => {
    const { handle } = await child(rsaKey({ scheme: 'null' }, ...FIXED, 'decrypt'));
    const message = crypto.random(32);
    const encrypt = { message, inScheme, label };
    const { outData } = (await done('RSA_Encrypt', { handles: [handle], parameters: encrypt })).parameters;
    const decrypt = (cipherText: Uint8Array) => ({
      handles: [handle],
      parameters: { cipherText, inScheme, label },
    });
    const opened = (await done('RSA_Decrypt', decrypt(outData))).parameters.message;
    expect(equal(opened, message)).toBe(true);
    expect(await ask('RSA_Decrypt', decrypt(outData.subarray(1)))).toBe('TPM_RC_SIZE');
    // below the modulus, and no padding. TPMs that leave the padding to OpenSSL do not say what was wrong
    const unsaid = /^TPM_RC_(VALUE|FAILURE)$/;
    expect(await ask('RSA_Decrypt', decrypt(new Uint8Array(256).fill(1)))).toMatch(unsaid);
    const endless = { handles: [handle], parameters: { cipherText: outData, inScheme, label: DIGEST } };
    expect(await ask('RSA_Decrypt', endless)).toBe('TPM_RC_VALUE parameter 3');
    const long = { ...encrypt, message: new Uint8Array(255).fill(1) };
    expect(await ask('RSA_Encrypt', { handles: [handle], parameters: long })).toMatch(unsaid);
  });

  it('computes with a bare RSA key, without padding', async () => {
    const { handle, area } = await child(rsaKey({ scheme: 'null' }, ...FIXED, 'decrypt'));
    const message = concat(Uint8Array.of(0), crypto.random(255));
    const none = { inScheme: { scheme: 'null' }, label: NONE } as const;
    const { outData } = (await done('RSA_Encrypt', { handles: [handle], parameters: { message, ...none } })).parameters;
    const decrypt = { handles: [handle], parameters: { cipherText: outData, ...none } };
    expect((await done('RSA_Decrypt', decrypt)).parameters.message).toEqual(message);
    expect(area.value.unique.is).toBe('rsa');
  });

  it('does not decrypt with a key that is for something else', async () => {
    const { handle } = await primary(AK_RSA_2048);
    const parameters = { cipherText: new Uint8Array(256), inScheme: { scheme: 'null' }, label: NONE } as const;
    expect(await ask('RSA_Decrypt', { handles: [handle], parameters })).toBe('TPM_RC_ATTRIBUTES handle 1');
    const encrypt = { message: DIGEST, inScheme: { scheme: 'null' }, label: NONE } as const;
    expect(await ask('RSA_Encrypt', { handles: [handle], parameters: encrypt })).toBe('TPM_RC_ATTRIBUTES handle 1');
    const srk = await primary(SRK_ECC_P256);
    expect(await ask('RSA_Encrypt', { handles: [srk.handle], parameters: encrypt })).toBe('TPM_RC_KEY handle 1');
  });

  it('shares a point by ECDH', async () => {
    const { handle, area } = await child(eccKey({ scheme: 'ecdh', hashAlg: 'sha256' }, ...FIXED, 'decrypt'));
    const key = expectOk(publicKeyOf(crypto, area));
    if (key.type !== 'ec') throw new Error('an EC key was asked for');
    const { publicKey, sharedSecret } = crypto.agreeEphemeral(key);
    const inPoint = pointOf(publicKey);
    const shared = await done('ECDH_ZGen', { handles: [handle], parameters: { inPoint } });
    expect(shared.parameters.outPoint.x).toEqual(sharedSecret.use((bytes) => Uint8Array.from(bytes)));
    const off = { x: inPoint.y, y: inPoint.x };
    expect(await ask('ECDH_ZGen', { handles: [handle], parameters: { inPoint: off } })).toBe(
      'TPM_RC_ECC_POINT parameter 1',
    );
  });

  it('unseals with a password, and no key', async () => {
    const data = crypto.random(32);
    const sealed = await child(sealedData('fixedTPM', 'fixedParent', 'userWithAuth', 'noDA'), data);
    const unseal = (handle: number) => ({ handles: [handle], parameters: {} });
    expect((await done('Unseal', unseal(sealed.handle))).parameters.outData).toEqual(data);
    const key = await child(hmacKey('sha256', ...FIXED));
    expect(await ask('Unseal', unseal(key.handle))).toBe('TPM_RC_ATTRIBUTES handle 1');
  });

  it('keeps a key over flushing, and gives it back', async () => {
    const evict = (objectHandle: number, persistentHandle: number) => ({
      handles: [TPM_RH.owner, objectHandle],
      parameters: { persistentHandle },
    });
    const { handle, parameters } = await primary(SRK_ECC_P256);
    expect(await ask('EvictControl', evict(handle, 0x81800000))).toBe('TPM_RC_RANGE parameter 1');
    await done('EvictControl', evict(handle, PERSISTENT));
    await flush(handle);
    const read = await done('ReadPublic', { handles: [PERSISTENT], parameters: {} });
    expect(read.parameters.name).toEqual(parameters.name);
    await done('EvictControl', evict(PERSISTENT, PERSISTENT));
    expect(await ask('ReadPublic', { handles: [PERSISTENT], parameters: {} })).toBe('TPM_RC_HANDLE handle 1');
  });
}

type Foreign = {
  readonly area: PublicArea;
  readonly sensitive: TpmtSensitive;
  readonly scheme: { readonly scheme: 'ecdsa' | 'rsassa'; readonly hashAlg: 'sha256' };
};

/** ECPrivateKey of RFC 5915 holds the scalar second. */
async function foreignEcKey(): Promise<Foreign> {
  const key = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
  if (key.publicKey.type !== 'ec') throw new Error('an EC key was asked for');
  const area = altered(eccKey({ scheme: 'null' }, 'userWithAuth', 'noDA', 'sign'), {
    unique: { is: 'ecc', value: pointOf(key.publicKey) },
  });
  const sensitive = { is: 'ecc', value: partOf(key, 1) } as const;
  return { area, sensitive: { sensitiveType: 'ecc', authValue: NONE, seedValue: NONE, sensitive }, scheme: ECDSA };
}

/** RSAPrivateKey of RFC 8017 holds the first prime fifth. */
async function foreignRsaKey(): Promise<Foreign> {
  const key = await crypto.generateKey({ type: 'rsa', bits: 2048 });
  if (key.publicKey.type !== 'rsa') throw new Error('an RSA key was asked for');
  const area = altered(rsaKey({ scheme: 'null' }, 'userWithAuth', 'noDA', 'sign'), {
    unique: { is: 'rsa', value: key.publicKey.modulus },
  });
  const sensitive = { is: 'rsa', value: stripLeadingZeros(partOf(key, 4)) } as const;
  const scheme = { scheme: 'rsassa', hashAlg: 'sha256' } as const;
  return { area, sensitive: { sensitiveType: 'rsa', authValue: NONE, seedValue: NONE, sensitive }, scheme };
}

/** The nth number of the private key inside PKCS#8. */
function partOf(key: PrivateKey, n: number): Uint8Array {
  return key.export().use((bytes) => {
    const wrapped = expectOk(der.children(expectOk(der.readDer(bytes))))[2];
    const parts = expectOk(der.children(expectOk(der.readDer(wrapped!.content))));
    return Uint8Array.from(parts[n]!.content);
  });
}
