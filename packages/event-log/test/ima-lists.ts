import { concat, utf8 } from '@sekimori/bytes';
import { encode, u32le } from '@sekimori/codec';
import { type HashName, hashLength } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { type ImaList, parseImaList } from '../src/index.ts';

/** What a kernel measured, before it is listed. `hash` is what it hashes, where that is not the data. */
export interface Measured {
  readonly template: string;
  readonly data: Uint8Array;
  readonly pcr?: number;
  readonly violation?: boolean;
  readonly hash?: Uint8Array;
}

export const number = (value: number): Uint8Array => encode(u32le, value);
export const sizedField = (field: Uint8Array): Uint8Array => concat(number(field.length), field);
export const fields = (...parts: readonly Uint8Array[]): Uint8Array => concat(...parts.map(sizedField));

/** Template ima-ng: the digest of a file, and its path. */
export function file(path: string): Measured {
  const digest = concat(utf8('sha256:\0'), nodeCrypto.hash('sha256', utf8(path)));
  return { template: 'ima-ng', data: fields(digest, utf8(`${path}\0`)) };
}

/** Template ima, as kernels before 3.13 had it. */
export function oldFile(path: string): Measured {
  const [digest, name] = [nodeCrypto.hash('sha1', utf8(path)), utf8(path)];
  const hash = concat(digest, name, new Uint8Array(256 - name.length));
  return { template: 'ima', data: concat(digest, sizedField(name)), hash };
}

export const violation = (path: string): Measured => ({ ...file(path), violation: true });

export function record({ template, data, pcr = 10, violation: violated = false, hash = data }: Measured): Uint8Array {
  const templateHash = violated ? new Uint8Array(20) : nodeCrypto.hash('sha1', hash);
  return concat(number(pcr), templateHash, sizedField(utf8(template)), template === 'ima' ? data : sizedField(data));
}

export const listBytes = (...measured: readonly Measured[]): Uint8Array => concat(...measured.map(record));
export const listOf = (...measured: readonly Measured[]): ImaList => expectOk(parseImaList(listBytes(...measured)));

/** PCR 10 of a kernel from 5.8 on, or of one before it, which has SHA-1 alone and zeros behind it. */
export function pcr10(bank: HashName, measured: readonly Measured[], kernel: 'new' | 'old' = 'new'): Uint8Array {
  let value: Uint8Array = new Uint8Array(hashLength(bank));
  for (const { data, hash = data, violation: violated } of measured) {
    const digest = new Uint8Array(hashLength(bank));
    const own = kernel === 'new' ? bank : 'sha1';
    digest.set(violated ? new Uint8Array(hashLength(own)).fill(0xff) : nodeCrypto.hash(own, hash));
    value = nodeCrypto.hash(bank, concat(value, digest));
  }
  return value;
}
