import { fromUtf8, isAllZero } from '@sekimori/bytes';
import { blob, bytes, type Codec, decode, type Reader, u32le } from '@sekimori/codec';
import type { Result } from '@sekimori/result';
import { type LogFault, refuse } from './fault.ts';
import { LOG_LIMITS } from './structures.ts';

/**
 * What a list may hold at most; a limit is checked before anything is taken. A server that measures all its programs has some
 * 5 000 entries of 130 bytes; signatures make them 80 to 270 bytes longer.
 */
export const IMA_LIMITS = {
  bytes: 4 << 20,
  entries: 1 << 16,
  nameBytes: 255,
  dataBytes: 64 << 10,
  fields: 15,
} as const;

/** One measurement as it stands in the list. Nothing in it is believed before a replay equals a quote. */
export interface ImaEntry {
  /** Place in the list, from 0. */
  readonly index: number;
  readonly pcr: number;
  /** SHA-1 over the template data, whatever the banks of the TPM; zeros for a violation. */
  readonly templateHash: Uint8Array;
  /** `ima-sig`, or the format of a template that has no name, such as `d-ng|n-ng|sig`. */
  readonly template: string;
  /** As listed. */
  readonly data: Uint8Array;
  /** The kernel could not measure: a file was written while it was read. No digest covers its data, the path in it included. */
  readonly violation: boolean;
  /** The whole record. */
  readonly bytes: Uint8Array;
}

export interface ImaList {
  readonly entries: readonly ImaEntry[];
}

/** Templates that the kernel has by name, and their fields. Linux, security/integrity/ima/ima_template.c. */
const TEMPLATES = {
  ima: ['d', 'n'],
  'ima-ng': ['d-ng', 'n-ng'],
  'ima-sig': ['d-ng', 'n-ng', 'sig'],
  'ima-ngv2': ['d-ngv2', 'n-ng'],
  'ima-sigv2': ['d-ngv2', 'n-ng', 'sig'],
  'ima-buf': ['d-ng', 'n-ng', 'buf'],
  'ima-modsig': ['d-ng', 'n-ng', 'sig', 'd-modsig', 'modsig'],
  'evm-sig': ['d-ng', 'n-ng', 'evmsig', 'xattrnames', 'xattrlengths', 'xattrvalues', 'iuid', 'igid', 'imode'],
} as const satisfies Readonly<Record<string, readonly string[]>>;
const FIELDS: ReadonlySet<string> = new Set(Object.values(TEMPLATES).flat());

/**
 * The list of IMA as a little-endian kernel gives it in `binary_runtime_measurements`. Linux, ima_fs.c, ima_measurements_show.
 * Total, bounded by IMA_LIMITS, and works on its own copy. The data of a template that is not known is taken whole.
 *
 * Faults: `ima-empty`, `ima-too-large`, `ima-malformed` (with the place in `at`).
 */
export function parseImaList(list: Uint8Array): Result<ImaList, LogFault> {
  if (list.length > IMA_LIMITS.bytes)
    return refuse('ima-too-large', `${list.length} bytes, at most ${IMA_LIMITS.bytes}`);
  if (list.length === 0) return refuse('ima-empty', 'the list has no entry');
  const decoded = decode(IMA_LIST, list);
  if (decoded.ok) return decoded;
  return refuse('ima-malformed', decoded.fault.detail, decoded.fault.at === undefined ? {} : { at: decoded.fault.at });
}

/** The fields of an entry in their order, such as `d-ng` and `n-ng`; undefined for a template that is not known. */
export function imaFields({ template, data }: ImaEntry): readonly (readonly [id: string, Uint8Array])[] | undefined {
  const ids = fieldIds(template);
  if (!ids) return undefined;
  const decoded = decode(
    readOnly(template, (reader) => ids.map((id) => [id, fieldOf(template, id).read(reader)] as const)),
    data,
  );
  return decoded.ok ? decoded.value : undefined;
}

const IMA_LIST: Codec<ImaList> = readOnly('IMA list', (reader) => {
  const entries: ImaEntry[] = [];
  while (reader.remaining > 0) {
    if (entries.length === IMA_LIMITS.entries) reader.stop(`more than ${IMA_LIMITS.entries} entries`);
    entries.push(readEntry(reader, entries.length));
  }
  return { entries };
});

const DIGEST = bytes(20);
const TEMPLATE_NAME = blob(u32le, IMA_LIMITS.nameBytes);
const FIELD = blob(u32le, IMA_LIMITS.dataBytes);
const OLD_NAME = blob(u32le, 255); // IMA_EVENT_NAME_LEN_MAX

function readEntry(reader: Reader, index: number): ImaEntry {
  const start = reader.offset;
  const pcr = reader.u32(true);
  if (pcr >= LOG_LIMITS.pcrs) reader.stop(`there is no PCR ${pcr}`, start);
  const templateHash = DIGEST.read(reader);
  const template = fromUtf8(TEMPLATE_NAME.read(reader)) ?? '';
  if (!/^[!-~]+$/.test(template)) reader.stop('no name of a template', start + 24);
  const data = readData(reader, template);
  const violation = isAllZero(templateHash);
  return { index, pcr, templateHash, template, data, violation, bytes: reader.since(start) };
}

/** Held against the fields that the template has. */
function readData(reader: Reader, template: string): Uint8Array {
  const length = template === 'ima' ? undefined : reader.u32(true);
  if (length !== undefined && length > IMA_LIMITS.dataBytes)
    reader.stop(`template data of ${length} bytes, at most ${IMA_LIMITS.dataBytes}`);
  const start = reader.offset;
  const part = length === undefined ? reader : reader.part(length);
  const ids = fieldIds(template);
  for (const id of ids ?? []) fieldOf(template, id).read(part);
  if (ids && part !== reader && part.remaining > 0)
    part.stop(`${part.remaining} bytes follow the fields of ${template}`);
  return reader.since(start);
}

/** Template `ima` alone has no length of its data nor of its digest. */
function fieldOf(template: string, id: string): Codec<Uint8Array> {
  if (template !== 'ima') return FIELD;
  return id === 'd' ? DIGEST : OLD_NAME;
}

function fieldIds(template: string): readonly string[] | undefined {
  if (Object.hasOwn(TEMPLATES, template)) return TEMPLATES[template as keyof typeof TEMPLATES];
  const ids = template.split('|');
  return ids.length <= IMA_LIMITS.fields && ids.every((id) => FIELDS.has(id)) ? ids : undefined;
}

function readOnly<T>(name: string, read: (reader: Reader) => T): Codec<T> {
  return {
    name,
    read,
    write: () => {
      throw new Error('lists are only read');
    },
  };
}
