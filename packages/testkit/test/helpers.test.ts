import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { decode } from '@sekimori/codec';
import { publicKeyOf, TPM2B_PUBLIC, TPMT_SIGNATURE, verifySignature } from '@sekimori/tpm2';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  corpus,
  createFixedClock,
  createForger,
  createIds,
  programsMissing,
  rootMissing,
  START,
} from '../src/index.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe('programsMissing', () => {
  it('is false for what is there', () => {
    expect(programsMissing('node')).toBe(false);
  });
  it('says in one line what is not', () => {
    vi.stubEnv('CI', '');
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    expect(programsMissing('node', 'no-such-program')).toBe(true);
    expect(warn.mock.calls).toEqual([['skipped: no-such-program not installed']]);
  });
  it('throws in CI', () => {
    vi.stubEnv('CI', 'true');
    expect(() => programsMissing('no-such-program')).toThrow('must be installed in CI');
  });
});

describe('rootMissing', () => {
  const as = (uid: number) => vi.spyOn(process, 'getuid').mockReturnValue(uid);
  it('is false for root', () => {
    as(0);
    expect(rootMissing('a test')).toBe(false);
  });
  it('says in one line what others do not see, and throws in CI', () => {
    as(1000);
    vi.stubEnv('CI', '');
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    expect(rootMissing('a test')).toBe(true);
    expect(warn.mock.calls).toEqual([['skipped: a test not run by root']]);
    vi.stubEnv('CI', 'true');
    expect(() => rootMissing('a test')).toThrow('must be run by root in CI');
  });
});

it('corpus names what is there, and nothing else', () => {
  vi.stubEnv('SEKIMORI_CORPUS', 'packages/testkit');
  expect(corpus('README.md')).toMatch(/README\.md$/);
  expect(corpus('no-such-file')).toBeUndefined();
});

it('the fixed clock moves when it is told to', () => {
  const clock = createFixedClock();
  expect(clock.now()).toEqual(START);
  clock.advance(1000);
  expect(clock.now().getTime() - START.getTime()).toBe(1000);
});

it('ids are in order and of the form of a UUID', () => {
  const id = createIds();
  expect([id(), id()]).toEqual(['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002']);
});

it('the forger signs anything', async () => {
  const { tpm2bPublic, sign } = await createForger(crypto);
  const data = Uint8Array.of(1, 2, 3);
  const key = expectOk(publicKeyOf(crypto, expectOk(decode(TPM2B_PUBLIC, tpm2bPublic))));
  const signature = expectOk(decode(TPMT_SIGNATURE, await sign(data)));
  expect(verifySignature(crypto, key, { scheme: 'ecdsa', hashAlg: 'sha256' }, data, signature)).toBe(true);
});
