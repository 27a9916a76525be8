import { toHex, equal } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { describeFault } from '@sekimori/result';
import {
  EK_TEMPLATES,
  nameOf,
  type PublicArea,
  readPublic,
  SRK_ECC_P256,
  SRK_RSA_2048,
  type Tpm,
  type TpmtPublic,
  TPMT_PUBLIC,
} from '@sekimori/tpm2';
import { usualUse } from '../handles.ts';
import { hex32, setNames } from '../text.ts';

/** A persistent object, as far as the TPM tells. */
export interface PersistentObject {
  /** 8 hex digits. */
  readonly handle: string;
  /** By the convention for this handle. */
  readonly usualUse?: string;
  /** Whose template it was made from, where that is known: 'EK L-1', 'SRK'. */
  readonly template?: string;
  /** 'RSA-2048', 'ECC P-256', 'keyedhash'. */
  readonly kind?: string;
  /** Hex. */
  readonly name?: string;
  readonly attributes?: readonly string[];
  /** Why nothing more is known. */
  readonly unread?: string;
}

export async function describePersistent(tpm: Tpm, handle: number): Promise<PersistentObject> {
  const use = usualUse(handle);
  const known = { handle: hex32(handle), ...(use === undefined ? {} : { usualUse: use }) };
  const read = await readPublic(tpm, handle);
  if (!read.ok) return { ...known, unread: describeFault(read.fault) };
  const { publicArea: area } = read.value;
  const template = templateOf(area);
  return {
    ...known,
    ...(template === undefined ? {} : { template }),
    kind: kindOf(area.value),
    name: toHex(nameOf(tpm.crypto, area)),
    attributes: setNames(area.value.objectAttributes),
  };
}

export function kindOf({ type, parameters }: TpmtPublic): string {
  if (parameters.is === 'rsa') return `RSA-${parameters.value.keyBits}`;
  return parameters.is === 'ecc' ? `ECC ${parameters.value.curveID}` : type;
}

const TEMPLATES: readonly (readonly [string, PublicArea])[] = [
  ...Object.values(EK_TEMPLATES).map(({ name, key }) => [`EK ${name}`, key] as const),
  ['SRK', SRK_ECC_P256],
  ['SRK', SRK_RSA_2048],
];

/** The well-known template that differs from this key in nothing but `unique`. */
export function templateOf({ value }: PublicArea): string | undefined {
  const own = withoutUnique(value);
  return TEMPLATES.find(([, template]) => equal(withoutUnique(template.value), own))?.[0];
}

function withoutUnique(area: TpmtPublic): Uint8Array {
  const nothing = new Uint8Array(0);
  const { unique } = area;
  const none: TpmtPublic['unique'] =
    unique.is === 'ecc' ? { is: 'ecc', value: { x: nothing, y: nothing } } : { is: unique.is, value: nothing };
  return encode(TPMT_PUBLIC, { ...area, unique: none });
}

/** An NV index, as the TPM tells without reading it. */
export interface NvIndex {
  /** 8 hex digits. */
  readonly index: string;
  readonly usualUse?: string;
  readonly kind?: string;
  /** Bytes. */
  readonly size?: number;
  readonly written?: boolean;
  readonly attributes?: readonly string[];
  /** Hex. */
  readonly name?: string;
  readonly unread?: string;
}

export async function describeNvIndex(tpm: Tpm, nvIndex: number): Promise<NvIndex> {
  const use = usualUse(nvIndex);
  const known = { index: hex32(nvIndex), ...(use === undefined ? {} : { usualUse: use }) };
  const read = await tpm.run('NV_ReadPublic', { handles: { nvIndex }, parameters: {} });
  if (!read.ok) return { ...known, unread: describeFault(read.fault) };
  const { nvPublic, nvName } = read.value.parameters;
  const { attributes, dataSize } = nvPublic.value;
  return {
    ...known,
    kind: attributes.kind,
    size: dataSize,
    written: attributes.written,
    attributes: setNames(attributes).filter((name) => name !== 'written'),
    name: toHex(nvName),
  };
}
