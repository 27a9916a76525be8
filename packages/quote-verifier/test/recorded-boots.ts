import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { qualifiedNameOf, qualifiedNameOfPrimary, TPM2B_PUBLIC, TPM_RH } from '@sekimori/tpm2';
import type { PcrValue } from '../src/index.ts';

/** Boots that the lab recorded, each with a quote over `RECORDED_PCRS`. */
export const RECORDED_BOOTS = [
  'uki-plain',
  'uki-plain-reboot',
  'uki-plain-host2',
  'uki-plain-3banks',
  'uki-cmdline-changed',
  'uki-initrd-changed',
  'uki-snakeoil',
  'shim-ms',
  'shim-ms-ima',
  'shim-ms-ima-rootkit',
  'shim-plain',
  'direct-plain',
] as const;

export const RECORDED_PCRS = {
  bank: 'sha256',
  indices: [...Array.from({ length: 16 }, (_, index) => index), 23],
} as const;

/** What a host sent then. Its attestation key is a child of the endorsement key. */
export function recordedBoot(folder: string) {
  const read = (name: string) => Uint8Array.from(readFileSync(join(folder, name)));
  const text = (name: string) => readFileSync(join(folder, name), 'utf8');
  const [ekPublic, akPublic] = [read('ek.tpm2b_public'), read('ak.tpm2b_public')];
  const [ek, ak] = [ekPublic, akPublic].map((bytes) => expectOk(decode(TPM2B_PUBLIC, bytes)));
  const parent = qualifiedNameOfPrimary(crypto, ek!, TPM_RH.endorsement);
  const values = new Map(
    [...text('pcrs_sha256.txt').matchAll(/(\d+)\s*: 0x([0-9A-F]{64})/g)].map(([, index, value]) => [
      Number(index),
      fromHex(value!)!,
    ]),
  );
  return {
    ekPublic,
    akPublic,
    akName: read('ak.name'),
    qualifiedName: qualifiedNameOf(crypto, ak!, parent),
    attest: read('quote.tpms_attest'),
    signature: read('quote.tpmt_signature'),
    pcrs: RECORDED_PCRS.indices.map((index): PcrValue => ({ index, value: values.get(index)! })),
    extraData: fromHex(text('nonce.hex').trim())!,
  };
}
