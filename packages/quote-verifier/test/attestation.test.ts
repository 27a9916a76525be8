import { encode } from '@sekimori/codec';
import { expectOk } from '@sekimori/result';
import {
  AK_ECC_P256,
  nameOf,
  publicArea,
  qualifiedNameOfPrimary,
  TPM_RH,
  type TpmsAttest,
  TPMS_ATTEST,
} from '@sekimori/tpm2';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type AttestationKind,
  type Counters,
  type ExpectedCertification,
  VerifiedAttestation,
  VerifiedCertification,
} from '../src/index.ts';
import { crypto, damaged, type Forger, forger, NONCE, quoteBy } from './forger.ts';

let enrolled: Forger;
let other: Forger;
beforeAll(async () => {
  [enrolled, other] = [await forger(), await forger()];
});

const refused = (code: string) => ({ ok: false, fault: { code } });
const now: Counters = { resetCount: 7, restartCount: 1, clock: 1000n, firmwareVersion: 0x2019n };
const BEHIND = [
  ['equal', {}, undefined],
  ['from an earlier boot, its clock ahead', { resetCount: 6, restartCount: 9, clock: 5000n }, undefined],
  ['from a later boot', { resetCount: 8, restartCount: 0, clock: 0n }, 'reset-count'],
  ['from after a later resume', { restartCount: 2, clock: 0n }, 'restart-count'],
  ['from later in this boot', { clock: 1001n }, 'clock'],
] as const satisfies readonly (readonly [string, Partial<Counters>, string | undefined])[];

describe('VerifiedCertification', () => {
  const AREA = publicArea({ ...AK_ECC_P256.value, unique: { is: 'ecc', value: { x: NONCE, y: NONCE } } });
  const name = nameOf(crypto, AREA);
  const qualifiedName = qualifiedNameOfPrimary(crypto, AREA, TPM_RH.owner);
  const expected = (): ExpectedCertification => ({
    attestationKey: enrolled.key,
    extraData: NONCE,
    name,
    qualifiedName,
    previous: undefined,
  });
  const certification = (changes: Partial<TpmsAttest> = {}) =>
    quoteBy(enrolled.key, {
      type: 'certify',
      attested: { is: 'certify', value: { name, qualifiedName } },
      ...changes,
    });
  const verify = async (changes: Partial<TpmsAttest> = {}, more: Partial<ExpectedCertification> = {}, by = enrolled) =>
    VerifiedCertification.verify(crypto, await by.sign(certification(changes)), { ...expected(), ...more });

  it('holds what was certified, and tells of an unsafe clock', async () => {
    const verified = expectOk(await verify());
    expect([verified.name, verified.qualifiedName, verified.extraData]).toEqual([name, qualifiedName, NONCE]);
    expect([verified.counters, verified.clockSafe]).toEqual([now, true]);
    expect(verified.attestationKey).toBe(enrolled.key);
    const clockInfo = { clock: 1n, resetCount: 0, restartCount: 0, safe: false };
    expect(expectOk(await verify({ clockInfo })).clockSafe).toBe(false);
  });
  it('certification-signature: another key, a changed byte, a byte more', async () => {
    expect(await verify({}, {}, other)).toMatchObject(refused('certification-signature'));
    const signed = await enrolled.sign(certification());
    for (const attest of damaged(signed.attest))
      expect(VerifiedCertification.verify(crypto, { ...signed, attest }, expected()).ok).toBe(false);
    for (const signature of damaged(signed.signature))
      expect(VerifiedCertification.verify(crypto, { ...signed, signature }, expected())).toMatchObject(
        refused('certification-signature'),
      );
  });
  it('certification-malformed: another magic, a byte after it, more than a TPM ever signs', async () => {
    const whole = encode(TPMS_ATTEST, certification());
    const cases = [Uint8Array.of(0xfe, ...whole.subarray(1)), Uint8Array.of(...whole, 0), new Uint8Array(1025)];
    for (const bytes of cases)
      expect(VerifiedCertification.verify(crypto, await enrolled.sign(bytes), expected())).toMatchObject(
        refused('certification-malformed'),
      );
  });
  it('certification-type: a quote', async () => {
    const { type, attested } = quoteBy(enrolled.key);
    expect(await verify({ type, attested })).toMatchObject(refused('certification-type'));
  });
  it('certification-type: a creation, which has a Name at the same place', async () => {
    const value = { objectName: name, creationHash: qualifiedName.subarray(0, 32) };
    expect(await verify({ type: 'creation', attested: { is: 'creation', value } })).toMatchObject(
      refused('certification-type'),
    );
  });
  it('certification-signer: the key’s plain Name', async () => {
    expect(await verify({ qualifiedSigner: enrolled.key.name })).toMatchObject(refused('certification-signer'));
  });
  it.each([NONCE.subarray(1), new Uint8Array(0), crypto.hash('sha256', NONCE)])(
    'certification-nonce',
    async (nonce) => {
      expect(await verify({ extraData: nonce })).toMatchObject(refused('certification-nonce'));
    },
  );
  it('certification-name: another object', async () => {
    expect(await verify({}, { name: other.key.name })).toMatchObject(refused('certification-name'));
  });
  it('certification-qualified-name: the same object in another hierarchy', async () => {
    const elsewhere = qualifiedNameOfPrimary(crypto, AREA, TPM_RH.endorsement);
    expect(await verify({}, { qualifiedName: elsewhere })).toMatchObject(refused('certification-qualified-name'));
  });
  it.each(BEHIND)('the last accepted one was %s', async (_, previous, code) => {
    const outcome = await verify({}, { previous: { ...now, ...previous } });
    expect(outcome).toMatchObject(code ? refused(`certification-${code}`) : { ok: true });
  });
  it('a short nonce is a bug, unless policy says otherwise', async () => {
    const extraData = NONCE.subarray(0, 15);
    await expect(verify({ extraData }, { extraData })).rejects.toThrow(RangeError);
    expect((await verify({ extraData }, { extraData, insecureShortNonce: true })).ok).toBe(true);
    expect(await verify({}, { extraData, insecureShortNonce: true })).toMatchObject(refused('certification-nonce'));
  });
});

describe('VerifiedAttestation', () => {
  const DIGEST = NONCE;
  const NAME = Uint8Array.of(0, 11, ...NONCE);
  const KINDS: readonly TpmsAttest['attested'][] = [
    { is: 'creation', value: { objectName: NAME, creationHash: DIGEST } },
    { is: 'nv', value: { indexName: NAME, offset: 0, nvContents: DIGEST } },
    { is: 'nvDigest', value: { indexName: NAME, nvDigest: DIGEST } },
    {
      is: 'time',
      value: {
        time: { time: 5n, clockInfo: { clock: 1000n, resetCount: 7, restartCount: 1, safe: true } },
        firmwareVersion: 0x2019n,
      },
    },
    { is: 'sessionAudit', value: { exclusiveSession: true, sessionDigest: DIGEST } },
    {
      is: 'commandAudit',
      value: { auditCounter: 1n, digestAlg: 'sha256', auditDigest: DIGEST, commandDigest: DIGEST },
    },
    { is: 'certify', value: { name: NAME, qualifiedName: NAME } },
  ];
  const expected = () => ({ attestationKey: enrolled.key, extraData: NONCE, previous: undefined });
  const verify = async (
    kind: AttestationKind,
    attested: TpmsAttest['attested'],
    changes: Partial<TpmsAttest> = {},
    previous?: Counters,
  ) => {
    const signed = await enrolled.sign(quoteBy(enrolled.key, { type: attested.is, attested, ...changes }));
    return VerifiedAttestation.verify(crypto, kind, signed, { ...expected(), previous });
  };

  it.each(KINDS.map((attested) => [attested.is, attested] as const))('%s', async (kind, attested) => {
    const verified = expectOk(await verify(kind, attested));
    expect(verified.attested).toEqual(attested.value);
    expect([verified.counters, verified.clockSafe, verified.extraData]).toEqual([now, true, NONCE]);
    for (const each of KINDS.filter(({ is }) => is !== kind))
      expect(await verify(each.is, attested)).toMatchObject(refused('attestation-type'));
  });
  it.each([1024, 2048])('nv: %i bytes of an index', async (size) => {
    const nvContents = new Uint8Array(size).fill(7);
    const verified = expectOk(await verify('nv', { is: 'nv', value: { indexName: NAME, offset: 0, nvContents } }));
    expect(verified.attested).toMatchObject({ nvContents });
  });
  it('attestation-malformed: more than a TPM ever signs of that kind, before its signature is looked at', async () => {
    const of = (kind: AttestationKind, size: number) =>
      VerifiedAttestation.verify(crypto, kind, { attest: new Uint8Array(size), signature: NONCE }, expected());
    for (const { is } of KINDS) {
      const most = is === 'nv' ? 2304 : 1024;
      expect(of(is, most)).toMatchObject(refused('attestation-signature'));
      expect(of(is, most + 1)).toMatchObject(refused('attestation-malformed'));
    }
  });
  it('attestation-signature: one longer than any is not even read', async () => {
    const { attest } = await enrolled.sign(quoteBy(enrolled.key));
    const read = () => {
      throw new Error('it was read');
    };
    const signature = { length: 1025, [Symbol.iterator]: read } as unknown as Uint8Array;
    expect(VerifiedAttestation.verify(crypto, 'quote', { attest, signature }, expected())).toMatchObject(
      refused('attestation-signature'),
    );
  });
  it('reads the bytes whose signature it checked, where the caller’s change meanwhile', async () => {
    const attested = KINDS[0] as TpmsAttest['attested'];
    const signed = await enrolled.sign(quoteBy(enrolled.key, { type: 'creation', attested }));
    const attest = Uint8Array.from(signed.attest); // as shared memory, which somebody else writes to
    const changing: typeof crypto = {
      ...crypto,
      verify: (...args) => {
        const holds = crypto.verify(...args);
        attest[attest.length - 1]! ^= 1; // of the creationHash
        return holds;
      },
    };
    const verified = expectOk(VerifiedAttestation.verify(changing, 'creation', { ...signed, attest }, expected()));
    expect(attest).not.toEqual(signed.attest);
    expect(verified.attested).toEqual(attested.value);
  });
  it('refused: another key, malformed bytes, another signer, another nonce, what falls behind', async () => {
    const attested = KINDS[0] as TpmsAttest['attested'];
    const signed = await other.sign(quoteBy(enrolled.key, { type: 'creation', attested }));
    expect(VerifiedAttestation.verify(crypto, 'creation', signed, expected())).toMatchObject(
      refused('attestation-signature'),
    );
    const bytes = await enrolled.sign(new Uint8Array(8));
    expect(VerifiedAttestation.verify(crypto, 'creation', bytes, expected())).toMatchObject(
      refused('attestation-malformed'),
    );
    const qualifiedSigner = other.key.qualifiedName;
    expect(await verify('creation', attested, { qualifiedSigner })).toMatchObject(refused('attestation-signer'));
    expect(await verify('creation', attested, { extraData: NAME })).toMatchObject(refused('attestation-nonce'));
    for (const [, previous, code] of BEHIND)
      expect(await verify('creation', attested, {}, { ...now, ...previous })).toMatchObject(
        code ? refused(`attestation-${code}`) : { ok: true },
      );
  });
});
