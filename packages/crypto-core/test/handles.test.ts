import { toHex, utf8 } from '@sekimori/bytes';
import { describe, expect, it } from 'vitest';
import { agreementKeyOf, signingKeyOf } from '../src/index.ts';
import { nodeCrypto } from '../src/node/index.ts';

describe('key handles', () => {
  it('sign and agree as the key does', async () => {
    const key = await nodeCrypto.generateKey({ type: 'ec', curve: 'P-256' });
    const signing = signingKeyOf(key);
    expect(signing.algorithm).toBe('ecdsa-sha256');
    const signature = await signing.sign(utf8('data'));
    expect(nodeCrypto.verify(signing.publicKey, signing.algorithm, utf8('data'), signature)).toBe(true);
    const agreement = agreementKeyOf(key);
    const { publicKey, sharedSecret } = nodeCrypto.agreeEphemeral(agreement.publicKey);
    expect((await agreement.agree(publicKey)).use(toHex)).toBe(sharedSecret.use(toHex));
  });
  it('refuse what does not fit', async () => {
    const rsa = await nodeCrypto.generateKey({ type: 'rsa', bits: 2048 });
    expect(() => agreementKeyOf(rsa)).toThrow(RangeError);
    expect(() => signingKeyOf(rsa, 'ecdsa-sha256')).toThrow(RangeError);
    expect(signingKeyOf(rsa).algorithm).toBe('rsapss-sha256');
  });
});
