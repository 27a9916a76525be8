import { blob, type Codec, constant, rest, sized, struct, u16, u32, u64, u8 } from '@sekimori/codec';
import * as tpm2 from '@sekimori/tpm2';

/** A type that bytes may be read as. */
export interface StructureType {
  /** As the specification has it, or what the file is. */
  readonly name: string;
  readonly codec: Codec<unknown>;
  /** Holds secrets in clear: shown on request alone. */
  readonly secret: boolean;
}

const SECRET: ReadonlySet<string> = new Set([
  'TPMT_SENSITIVE',
  'TPM2B_SENSITIVE',
  'TPM2B_SENSITIVE_CREATE',
  'TPM2B_SENSITIVE_DATA',
  'TPM2B_PRIVATE_KEY_RSA',
  'TPM2B_SYM_KEY',
  'TPM2B_AUTH',
]);

/** What tpm2-tools puts before what it stores: a magic number and a version. */
const fileHeader = (name: string, version: number) =>
  struct(name).field('magic', constant(u32, 0xbadcc0de)).field('version', constant(u32, version));
const CONTEXT_FILE = fileHeader('tpm2-tools-context', 1)
  .field('hierarchy', u32)
  .field('savedHandle', u32)
  .field('sequence', u64)
  .field('contextBlob', tpm2.TPM2B_CONTEXT_DATA);

/** Beside the exports: bare Names, the same types with more inside, and files of tpm2-tools. */
const MORE: readonly Codec<unknown>[] = [
  { ...tpm2.TPMT_HA, name: 'Name' }, // of an object or an NV index, without a size: Part 1, 16
  sized(u16, 1024, tpm2.TPMS_ATTEST, 'TPM2B_ATTEST'),
  fileHeader('tpm2-tools-credential', 1)
    .field('credentialBlob', tpm2.TPM2B_ID_OBJECT)
    .field('secret', tpm2.TPM2B_ENCRYPTED_SECRET),
  CONTEXT_FILE,
  fileHeader('tpm2-tools-session', 2)
    .field('sessionType', u8)
    .field('authHash', tpm2.TPMI_ALG_HASH)
    .field('context', CONTEXT_FILE),
];

/**
 * Every codec that @sekimori/tpm2 exports, by its name there, and some more. One that reads more of a type than another (`ANY_…`) takes
 * its place: bytes are shown here, not judged.
 */
export const STRUCTURE_TYPES: ReadonlyMap<string, StructureType> = new Map(
  [
    ...exported().filter(([name]) => readsMoreOf(name) === undefined),
    ...exported().flatMap(([name, codec]) => {
      const type = readsMoreOf(name, codec);
      return type === undefined ? [] : [[type, codec] as const];
    }),
    ...MORE.map((codec) => [codec.name, codec] as const),
  ].map(([name, codec]) => [name, { name, codec, secret: SECRET.has(name) }]),
);

/** The type that an export is the wider form of. */
function readsMoreOf(name: string, codec?: Codec<unknown>): string | undefined {
  if (name === 'TPML_PCR_BANKS') return 'TPML_PCR_SELECTION';
  return name.startsWith('ANY_') ? (codec?.name ?? name) : undefined;
}

function exported(): readonly (readonly [string, Codec<unknown>])[] {
  return Object.entries(tpm2).flatMap(([name, value]) => (isCodec(value) ? [[name, value] as const] : []));
}

function isCodec(value: unknown): value is Codec<unknown> {
  const { name, read, write } = (value ?? {}) as Partial<Codec<unknown>>;
  return (
    typeof value === 'object' && typeof name === 'string' && typeof read === 'function' && typeof write === 'function'
  );
}

/** A parameter of a command or response with what is in it. */
export function withInside(codec: Codec<unknown>): Codec<unknown> {
  return MORE.find(({ name }) => name === codec.name) ?? codec;
}

/** A TPM2B whose content only the TPM and a session can read. */
export const ENCRYPTED_PARAMETER = blob(u16, tpm2.MAX_FRAME, 'encrypted TPM2B');
export const OPAQUE = rest(tpm2.MAX_FRAME);
