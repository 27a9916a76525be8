import { toBase64Url, utf8 } from '@sekimori/bytes';
import { expect, it } from 'vitest';
import { signCompactJws, verifyCompactJws } from '../src/index.ts';
import { nodeCrypto } from '../src/node/index.ts';

const key = await nodeCrypto.generateKey({ type: 'ec', curve: 'P-256' });
const other = await nodeCrypto.generateKey({ type: 'ec', curve: 'P-256' });
const sign = (data: Uint8Array) => key.sign('ecdsa-sha256', data);
const HEAD = { typ: 'test+jws', kid: 'a' };
const verify = (jws: string, more: { readonly maxLength?: number } = {}) =>
  verifyCompactJws(nodeCrypto, jws, {
    typ: HEAD.typ,
    maxLength: 1000,
    keyOf: (kid) => ({ a: key, b: other })[String(kid)]?.publicKey,
    ...more,
  });
const codeOf = (jws: string) => {
  const outcome = verify(jws);
  return outcome.ok ? 'ok' : outcome.fault.code;
};
/** Parts of any content, with a signature that holds. */
const signed = async (header: unknown, payload: string) => {
  const content = `${toBase64Url(utf8(JSON.stringify(header)))}.${toBase64Url(utf8(payload))}`;
  return `${content}.${toBase64Url(await sign(utf8(content)))}`;
};

it('gives back what was signed', async () => {
  expect(verify(await signCompactJws(HEAD, { n: 1 }, sign))).toEqual({ ok: true, value: { n: 1 } });
});

it('tells whose key is missing from whose signature is wrong', async () => {
  expect(codeOf(await signCompactJws({ ...HEAD, kid: 'nobody' }, { n: 1 }, sign))).toBe('jws-key');
  expect(codeOf(await signCompactJws({ ...HEAD, kid: 'b' }, { n: 1 }, sign))).toBe('jws-signature');
});

it.each([
  ['another algorithm', { ...HEAD, alg: 'none' }],
  ['another type', { ...HEAD, alg: 'ES256', typ: 'JWT' }],
  ['a further member (crit)', { ...HEAD, alg: 'ES256', crit: [] }],
  ['no key', { alg: 'ES256', typ: HEAD.typ }],
  ['a list', [HEAD]],
])('refuses a header with %s, though its signature holds', async (_, header) => {
  expect(codeOf(await signed(header, '{}'))).toBe('jws-malformed');
});

it.each(['[]', 'null', '"text"', '{"n":1', '\u{fffd}{}'])(
  'refuses the payload %s, though its signature holds',
  async (payload) => {
    expect(codeOf(await signed({ alg: 'ES256', ...HEAD }, payload))).toBe('jws-malformed');
  },
);

it('refuses other numbers of parts, empty ones, and one that is too long', async () => {
  const jws = await signCompactJws(HEAD, { n: 1 }, sign);
  const [header, payload, signature] = jws.split('.');
  for (const text of ['', '.', '..', `${header}.${payload}`, `${jws}.`, `${jws}.x.y`, `.${payload}.${signature}`])
    expect(codeOf(text)).toBe('jws-malformed');
  expect(verify(jws, { maxLength: jws.length })).toMatchObject({ ok: true });
  expect(verify(jws, { maxLength: jws.length - 1 })).toMatchObject({ fault: { code: 'jws-malformed' } });
});

it('does not read the payload before its signature holds', async () => {
  const [header, , signature] = (await signCompactJws(HEAD, { n: 1 }, sign)).split('.');
  expect(codeOf(`${header}.${toBase64Url(utf8('no JSON'))}.${signature}`)).toBe('jws-signature');
});
