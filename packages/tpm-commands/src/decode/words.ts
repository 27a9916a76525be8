import { toHex } from '@sekimori/bytes';
import type { Dissected } from '@sekimori/codec';
import { explainResponseCode, TPM_ALG, TPM_PT } from '@sekimori/tpm2';
import { handleWords } from '../handles.ts';
import { duration, hex32, ranges, setNames } from '../text.ts';

/** A value for JSON: bytes are in the node's hex, 64-bit numbers are decimal text. */
export function plainValue(value: unknown): unknown {
  if (value instanceof Uint8Array || value === undefined) return undefined;
  if (chosen(value) !== value) return plainValue(chosen(value));
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, each instanceof Uint8Array ? toHex(each) : plainValue(each)]),
  );
}

/** A value for people; undefined where there is none, or its parts say it all. */
export function wordsOf(node: Dissected): string | undefined {
  const { name, key, parts } = node;
  const value = chosen(node.value);
  if (name === 'TPMS_PCR_SELECTION') return selectionWords(parts);
  if (value === undefined) return undefined;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint') return sixtyFourBits(String(key), value);
  if (typeof value === 'number') return numberWords(name, String(key), value);
  if (value instanceof Uint8Array) return bytesWords(name, value);
  if (Array.isArray(value)) return value.every((each) => typeof each === 'number') ? pcrs(value) : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  return parts.length > 0 ? undefined : flagWords(value as Readonly<Record<string, unknown>>);
}

/** The value of a union, without the name of its case. */
function chosen(value: unknown): unknown {
  const { is, value: inner } = (value ?? {}) as { readonly is?: unknown; readonly value?: unknown };
  return typeof is === 'string' ? inner : value;
}

function sixtyFourBits(key: string, value: bigint): string {
  if (key === 'clock' || key === 'time') return `${value} ms, ${duration(value)}`;
  return key === 'firmwareVersion' ? `0x${value.toString(16).padStart(16, '0')}` : value.toString();
}

const HANDLES = /handle$|^(?:hierarchy|nvIndex|tpmKey|bind|entity|auth\w*Handle|policySession|item\w*)$/i;

function numberWords(name: string, key: string, value: number): string {
  if (name === 'TPM_RC') {
    const { name: code, about } = explainResponseCode(value);
    return about ? `${code}, ${about.part} ${about.number}` : code;
  }
  if (key === 'property' && PROPERTY_NAMES.has(value)) return PROPERTY_NAMES.get(value)!;
  if (name.startsWith('constant ')) return CONSTANTS[value] ?? String(value);
  if (name === 'TPM_HANDLE' || HANDLES.test(key)) return handleWords(value);
  return value.toString();
}

const CONSTANTS: Readonly<Record<number, string>> = {
  0xff544347: 'TPM_GENERATED_VALUE',
  0xbadcc0de: 'a file of tpm2-tools',
  0x8021: 'TPM_ST_CREATION',
  0x8022: 'TPM_ST_VERIFIED',
  0x8023: 'TPM_ST_AUTH_SECRET',
  0x8024: 'TPM_ST_HASHCHECK',
  0x8025: 'TPM_ST_AUTH_SIGNED',
};

const PROPERTY_NAMES = new Map<number, string>(Object.entries(TPM_PT.numbers).map(([name, number]) => [number, name]));
const HASH_NAMES = new Map<number, string>(Object.entries(TPM_ALG).map(([name, number]) => [number, name]));

function bytesWords(name: string, value: Uint8Array): string {
  if (value.length === 0) return 'empty';
  if (name === 'TPM2B_NAME') {
    const number = new DataView(value.buffer, value.byteOffset, value.byteLength);
    if (value.length === 4) return `the handle ${hex32(number.getUint32(0))}, ${handleWords(number.getUint32(0))}`;
    const hash = value.length > 2 ? HASH_NAMES.get(number.getUint16(0)) : undefined;
    if (hash !== undefined) return `a Name, by ${hash}`;
  }
  return value.length === 1 ? '1 byte' : `${value.length} bytes`;
}

/** Undefined where it was not read to its end. */
function selectionWords([bank, indices]: readonly Dissected[]): string | undefined {
  return bank && Array.isArray(indices?.value) ? `${pcrs(indices.value)} of ${String(bank.value)}` : undefined;
}

function pcrs(indices: readonly number[]): string {
  return indices.length === 0 ? 'no PCR' : `PCR ${ranges(indices)}`;
}

/** Bits that are set, then what is no bit. */
function flagWords(value: Readonly<Record<string, unknown>>): string {
  const others = Object.entries(value).filter(([, each]) => typeof each === 'string' || typeof each === 'number');
  return [...others.map(([key, each]) => `${key} ${String(each)}`), ...setNames(value)].join(', ') || 'nothing is set';
}
