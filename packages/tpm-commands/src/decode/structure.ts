import { toHex } from '@sekimori/bytes';
import { type Codec, decode, type DecodeFault, type Dissected, dissect } from '@sekimori/codec';
import { type Fault, fail } from '@sekimori/result';
import { type CommandName, TPMT_HA } from '@sekimori/tpm2';
import { COMMAND_FRAME, responseFrame } from './frames.ts';
import { nameOfStructure } from './names.ts';
import { STRUCTURE_TYPES } from './types.ts';
import { plainValue, wordsOf } from './words.ts';

/** One value of a structure. */
export interface StructureNode {
  /** The specification's name of its type. */
  readonly type: string;
  /** Its field's name, or its index in a list. */
  readonly key?: string | number;
  /** In bytes from the start. */
  readonly offset: number;
  readonly length: number;
  /** Hex, of a value without parts. */
  readonly bytes?: string;
  readonly value?: unknown;
  /** For people: handles, flags, PCRs, response codes by name. */
  readonly words?: string;
  /** Hex: the Name of a public area or an NV index, over the bytes as they stand. */
  readonly name?: string;
  /** In wire order. */
  readonly parts: readonly StructureNode[];
}

/** Bytes as a tree; the document of `tpm decode --json`. */
export interface DecodedStructure {
  /** What they were read as. */
  readonly type: string;
  /** Bytes. */
  readonly length: number;
  /** As what else they read to the last byte, the most telling first. Empty where the type was given. */
  readonly alsoReadsAs: readonly string[];
  /** Whether secrets are shown in clear: private keys, passwords, what was sealed. */
  readonly secret: boolean;
  readonly tree: StructureNode;
  /** Why they are malformed, and where: `offset` counts bytes, `at` names the field. The tree goes as far as reading went. */
  readonly fault?: (DecodeFault | Fault<'structure-unknown'>) & { readonly offset: number };
}

export interface DecodeRequest {
  /** A name of `STRUCTURE_TYPES`; else it is found out. */
  readonly as?: string;
  /** The bytes are a response to this command. */
  readonly responseTo?: CommandName;
}

/** Any structure, command or response of TPM 2.0 as a tree with offsets. Total: malformed bytes give what could be read, and a fault. */
export function decodeStructure(bytes: Uint8Array, { as, responseTo }: DecodeRequest = {}): DecodedStructure {
  if (responseTo !== undefined) return shown(bytes, readAs(bytes, responseFrame(bytes, responseTo)), []);
  const type = as === undefined ? undefined : STRUCTURE_TYPES.get(as);
  if (type) return shown(bytes, readAs(bytes, { ...type.codec, name: type.name }, type.secret), []);
  if (as !== undefined) throw new RangeError(`no type is called ${as}`);
  const [best, ...others] = candidates(bytes);
  if (!best || (best.fault && best.telling < RECOGNISED_BITS)) return unknown(bytes);
  const sound = others.filter(({ fault }) => !fault);
  return shown(
    bytes,
    best,
    sound.map(({ name }) => name),
  );
}

/** Malformed bytes are taken for a damaged structure of a type only when this much of it is as it should be. */
const RECOGNISED_BITS = 24;

function unknown(bytes: Uint8Array): DecodedStructure {
  const { length } = bytes;
  const tree = { type: 'unknown', offset: 0, length, ...(length > 0 && { bytes: toHex(bytes) }), parts: [] };
  const unrecognised = fail('structure-unknown', 'no type of TPM 2.0 is recognised in these bytes');
  return { type: 'unknown', length, alsoReadsAs: [], secret: false, tree, fault: { ...unrecognised.fault, offset: 0 } };
}

const DIGEST_SIZES: readonly number[] = [20, 32, 48, 64];

interface Reading {
  readonly name: string;
  readonly tree: Dissected;
  readonly fault?: DecodeFault;
  readonly secret: boolean;
  /** How many bits said by being right that this is the type. */
  readonly telling: number;
}

function readAs(bytes: Uint8Array, codec: Codec<unknown>, secret = false): Reading {
  const { tree, fault } = dissect(codec, bytes);
  // A type that ends by itself where the bytes end says more than one that takes whatever follows.
  const ends = fault || lastOf(tree).name === 'rest' ? 0 : 16;
  return {
    name: codec.name,
    tree,
    secret,
    telling: ends + tellingBits(tree, fault === undefined),
    ...(fault && { fault }),
  };
}

/** Those that read to the last byte first, then those that got far. Types that hold secrets are not tried. */
function candidates(bytes: Uint8Array): readonly Reading[] {
  const frames = hasFrameTag(bytes) ? [COMMAND_FRAME, responseFrame(bytes)] : [];
  const plain = [...STRUCTURE_TYPES.values()].filter(({ secret }) => !secret);
  const readings = [
    ...frames.map((codec) => readAs(bytes, codec)),
    ...plain.map(({ name, codec }) => readAs(bytes, { ...codec, name })),
  ];
  const likely = likelyBuffers(bytes);
  const rank = ({ fault, telling, name }: Reading) => [fault ? 0 : 1, telling, likely.indexOf(name)];
  return readings.toSorted((a, b) => compare(rank(b), rank(a)) || a.name.localeCompare(b.name));
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

function hasFrameTag(bytes: Uint8Array): boolean {
  return (bytes[0] === 0x80 && (bytes[1] === 0x01 || bytes[1] === 0x02)) || (bytes[0] === 0x00 && bytes[1] === 0xc4);
}

function lastOf(node: Dissected): Dissected {
  const last = node.parts.at(-1);
  return last ? lastOf(last) : node;
}

/**
 * Values that can be wrong and are right: constants and members of sets weigh by their length, flags by half of it, sizes where all fits;
 * bare numbers say nothing.
 */
function tellingBits({ name, key, length, value, parts }: Dissected, fits: boolean): number {
  if (parts.length > 0) return parts.reduce((sum, part) => sum + tellingBits(part, fits), 0);
  const bits = 8 * length;
  if (value !== undefined && name.startsWith('constant ')) return bits;
  if (typeof value === 'string') return Math.max(0, bits - 4);
  if (!fits) return 0;
  if (key === 'size' || key === 'authorizationSize' || key === 'parameterSize') return bits;
  if (key === 'count') return (3 * bits) / 4;
  if (typeof value === 'boolean') return bits - 1;
  if (name === 'TPM2B_NAME' && value instanceof Uint8Array && decode(TPMT_HA, value).ok) return 40;
  if (value instanceof Uint8Array) return DIGEST_SIZES.includes(length - 2) ? 12 : 4;
  return typeof value === 'object' ? bits / 2 : 0;
}

const RSA_SIZES: readonly number[] = [128, 256, 384, 512];

/** Which of the many types that hold just bytes is the likely one, by its length. The last is the likeliest. */
function likelyBuffers(bytes: Uint8Array): readonly string[] {
  const size = bytes.length - 2;
  if (DIGEST_SIZES.includes(size)) return ['TPM2B_NONCE', 'TPM2B_DIGEST', 'Name'];
  if (DIGEST_SIZES.includes(size - 2)) return ['TPM2B_DATA', 'TPM2B_NAME'];
  if (RSA_SIZES.includes(size)) return ['TPM2B_PUBLIC_KEY_RSA', 'TPM2B_ENCRYPTED_SECRET'];
  return size > 66 ? ['TPM2B_PRIVATE'] : ['TPM2B_DATA'];
}

function shown(
  bytes: Uint8Array,
  { name, tree, fault, secret }: Reading,
  alsoReadsAs: readonly string[],
): DecodedStructure {
  const offset = Number(/@(\d+)$/.exec(fault?.at ?? '')?.[1] ?? 0);
  return {
    type: name,
    length: bytes.length,
    alsoReadsAs,
    secret: secret || holdsSecret(tree),
    tree: nodeOf(bytes, tree, fault === undefined),
    ...(fault && { fault: { ...fault, offset } }),
  };
}

/** Commands carry passwords, keys, and what is to be sealed, in clear where no session encrypts them; answers too. */
function holdsSecret({ name, key, length, value, parts }: Dissected): boolean {
  const isSecret = STRUCTURE_TYPES.get(name)?.secret === true && key !== 'hmac';
  if (isSecret && value instanceof Uint8Array && value.length > 0) return true;
  if (SECRET_PARAMETERS.has(key) && name !== 'encrypted TPM2B' && length > EMPTY) return true;
  const isPassword =
    name === 'TPMS_AUTH_COMMAND' &&
    parts.some((part) => part.key === 'sessionHandle' && part.value === PASSWORD_SESSION) &&
    parts.some((part) => part.key === 'hmac' && part.length > 2);
  const isSensitive = name === 'TPMT_SENSITIVE' && length > EMPTY;
  return isPassword || isSensitive || parts.some(holdsSecret);
}
const PASSWORD_SESSION = 0x40000009;
/** Bytes of a TPM2B with nothing in it. */
const EMPTY = 2;
/** Secrets in types that hold other things elsewhere: Part 3, 12.5 and 12.6, 13.1 and 13.3, 14.2 to 14.5. */
const SECRET_PARAMETERS: ReadonlySet<unknown> = new Set([
  'certInfo', // ActivateCredential
  'credential', // MakeCredential
  'encryptionKeyIn', // Duplicate
  'encryptionKeyOut',
  'encryptionKey', // Import
  'message', // RSA_Encrypt, and RSA_Decrypt's answer
  'outPoint', // ECDH_ZGen
]);

function nodeOf(bytes: Uint8Array, node: Dissected, whole: boolean): StructureNode {
  const { name: type, key, offset, length, parts } = node;
  const own = bytes.subarray(offset, offset + length);
  const value = plainValue(node.value);
  const words = wordsOf(node);
  const name = whole ? nameOfStructure(node, own) : undefined;
  return {
    type,
    ...(key === undefined ? {} : { key }),
    offset,
    length,
    ...(parts.length === 0 && length > 0 ? { bytes: toHex(own) } : {}),
    ...(value === undefined ? {} : { value }),
    ...(words === undefined ? {} : { words }),
    ...(name === undefined ? {} : { name: toHex(name) }),
    parts: parts.map((part) => nodeOf(bytes, part, whole)),
  };
}
