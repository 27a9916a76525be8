import { decode } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { afterAll, beforeAll, expect } from 'vitest';
import { type TpmsAttest, TPMS_ATTEST } from '../attest.ts';
import { createAttestationKey, createHealthKey } from '../attester.ts';
import { Tpm } from '../client.ts';
import { openEndorsementKey } from '../endorsement.ts';
import { TPM_RH } from '../handles.ts';
import { publicKeyOf } from '../names.ts';
import { createPrimary, type LoadedKey } from '../operations.ts';
import { TPMT_SIGNATURE, verifySignature } from '../signature.ts';
import { SRK_ECC_P256 } from '../templates.ts';
import type { TpmTransport } from '../transport.ts';

/** A TPM for the suite: manufactured (RSA-2048 endorsement key and its certificate in NV) and started. */
export interface TpmUnderTest {
  readonly transport: TpmTransport;
  /** A TPM reset: power off, power on, TPM2_Startup(CLEAR). The transport stays. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export const FIRMWARE = { bank: 'sha256', indices: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14] } as const;
export const PCR = 16;
export const PCR_SELECTION = { bank: 'sha256', indices: [PCR] } as const;
export const DIGEST = new Uint8Array(32).fill(0xd1);

export type Bench = ReturnType<typeof tpmBench>;

/** One TPM for all tests of a suite, and what they do with it again and again. */
export function tpmBench(open: () => Promise<TpmUnderTest>) {
  let under: TpmUnderTest;
  /** Sees each exchange, and may change it. */
  let meddle: ((command: Uint8Array, response: Uint8Array) => Uint8Array | Promise<Uint8Array>) | undefined;
  const meddled: TpmTransport = {
    transmit: async (command) => {
      const response = await under.transport.transmit(command);
      return meddle ? meddle(command, response) : response;
    },
    close: () => under.transport.close(),
  };
  const tpm = new Tpm(meddled, crypto);

  beforeAll(async () => {
    under = await open();
  });
  afterAll(() => under.close());

  async function keeping<T>(key: LoadedKey, work: (key: LoadedKey) => Promise<T>): Promise<T> {
    try {
      return await work(key);
    } finally {
      await tpm.flush(key.handle);
    }
  }
  async function withMeddling<T>(how: NonNullable<typeof meddle>, work: () => Promise<T>): Promise<T> {
    meddle = how;
    try {
      return await work();
    } finally {
      meddle = undefined;
    }
  }
  return {
    tpm,
    under: () => under,
    keeping,
    withMeddling,
    withAk: async <T>(work: (ak: LoadedKey) => Promise<T>, kind?: 'ecc-p256' | 'rsa-2048') =>
      keeping(expectOk(await createAttestationKey(tpm, kind)), work),
    withHealthKey: async <T>(work: (key: LoadedKey) => Promise<T>, selection = PCR_SELECTION) =>
      keeping(expectOk(await createHealthKey(tpm, selection)), work),
    withSrk: async <T>(work: (srk: LoadedKey) => Promise<T>) =>
      keeping(expectOk(await createPrimary(tpm, TPM_RH.owner, SRK_ECC_P256)), work),
    endorsementKey: async () => expectOk(await openEndorsementKey(tpm)),
  };
}

export const attestOf = (bytes: Uint8Array): TpmsAttest => expectOk(decode(TPMS_ATTEST, bytes));

export function expectSigned(
  key: LoadedKey,
  attestation: { readonly attest: Uint8Array; readonly signature: Uint8Array },
): void {
  const { parameters } = key.publicArea.value;
  const scheme =
    parameters.is === 'ecc'
      ? ({ scheme: 'ecdsa', hashAlg: 'sha256' } as const)
      : ({ scheme: 'rsassa', hashAlg: 'sha256' } as const);
  const signature = expectOk(decode(TPMT_SIGNATURE, attestation.signature));
  const publicKey = expectOk(publicKeyOf(crypto, key.publicArea));
  expect(verifySignature(crypto, publicKey, scheme, attestation.attest, signature)).toBe(true);
}

export function commandCode(command: Uint8Array): number {
  return new DataView(command.buffer, command.byteOffset).getUint32(6);
}
