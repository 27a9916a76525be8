import { toHex, utf8 } from '@sekimori/bytes';
import { decodePrefix, type Infer } from '@sekimori/codec';
import { EV } from './event-types.ts';
import { type LogEvent, startsWith } from './log.ts';
import {
  fromUtf16,
  guidText,
  HARD_DRIVE_NODE,
  printable,
  read,
  SPEC_ID_EVENT03,
  TAGGED_EVENT,
  UEFI_IMAGE_LOAD_EVENT,
  UEFI_PLATFORM_FIRMWARE_BLOB,
  UEFI_VARIABLE_DATA,
} from './structures.ts';

/** What the data of an event says. Whether anybody vouches for it is the business of `coverageOf`. */
export type Content =
  | { readonly is: 'separator'; readonly value: 'zeros' | 'ones' | 'other' }
  | { readonly is: 'variable'; readonly guid: string; readonly name: string; readonly value: Uint8Array }
  /** `partition`: of the file, as Linux prints it: a GUID, or disk signature and number of an MBR. */
  | { readonly is: 'image'; readonly path: string | undefined; readonly partition?: string }
  | { readonly is: 'firmware'; readonly base: bigint; readonly length: bigint }
  /** A string that was measured itself: an action, or a command with the prefix that its loader put before it. */
  | { readonly is: 'text'; readonly text: string; readonly prefix?: string }
  /** A name for something else that was measured: a file, a UKI section, a tagged object. */
  | { readonly is: 'label'; readonly text: string; readonly tag?: number; readonly utf16?: boolean }
  | { readonly is: 'locality'; readonly value: number }
  | { readonly is: 'information'; readonly text: string }
  | { readonly is: 'opaque' };

const OPAQUE: Content = { is: 'opaque' };
const STARTUP_LOCALITY = utf8('StartupLocality\0');
const SIGNATURES = ['SP800-155 Event', 'H-CRTM CompMeas', 'NvIndexInstance', 'NvIndexDynamic'];

/** Commands that GRUB measures; RHEL 8 wrote them without the colon. */
const GRUB_PREFIXES = ['grub_cmd: ', 'kernel_cmdline: ', 'module_cmdline: ', 'grub_cmd ', 'grub_kernel_cmdline '].map(
  (prefix) => ({ name: prefix.trimEnd().replace(/:$/, ''), bytes: utf8(prefix) }),
);

/** The prefix that GRUB put before what it measured. */
export function grubPrefixOf(data: Uint8Array): { readonly name: string; readonly bytes: Uint8Array } | undefined {
  return GRUB_PREFIXES.find(({ bytes }) => startsWith(data, bytes));
}

export function contentOf(event: Pick<LogEvent, 'type' | 'data' | 'pcr'>): Content {
  const { data } = event;
  switch (event.type) {
    case EV.EV_NO_ACTION:
      return noAction(data);
    case EV.EV_SEPARATOR:
      return { is: 'separator', value: data.length !== 4 ? 'other' : constantOf(data) };
    case EV.EV_ACTION:
    case EV.EV_EFI_ACTION:
    case EV.EV_OMIT_BOOT_DEVICE_EVENTS:
      return text(printable(data));
    case EV.EV_EFI_VARIABLE_DRIVER_CONFIG:
    case EV.EV_EFI_VARIABLE_BOOT:
    case EV.EV_EFI_VARIABLE_BOOT2:
    case EV.EV_EFI_VARIABLE_AUTHORITY:
    case EV.EV_EFI_SPDM_DEVICE_POLICY:
    case EV.EV_EFI_SPDM_DEVICE_AUTHORITY:
      return variableOf(data, event.type === EV.EV_EFI_VARIABLE_AUTHORITY) ?? OPAQUE;
    case EV.EV_EFI_BOOT_SERVICES_APPLICATION:
    case EV.EV_EFI_BOOT_SERVICES_DRIVER:
    case EV.EV_EFI_RUNTIME_SERVICES_DRIVER: {
      const image = read(UEFI_IMAGE_LOAD_EVENT, data);
      const { path, partition } = devicePathFile(image?.devicePath ?? new Uint8Array());
      return { is: 'image', path, ...(partition !== undefined && { partition }) };
    }
    case EV.EV_EFI_PLATFORM_FIRMWARE_BLOB: {
      const blob = read(UEFI_PLATFORM_FIRMWARE_BLOB, data);
      return blob ? { is: 'firmware', base: blob.blobBase, length: blob.blobLength } : label(printable(data));
    }
    case EV.EV_EVENT_TAG: {
      const tagged = read(TAGGED_EVENT, data);
      const name = tagged && (printable(tagged.taggedEventData) ?? fromUtf16Text(tagged.taggedEventData));
      return tagged ? { is: 'label', text: name ?? '', tag: tagged.taggedEventId } : OPAQUE;
    }
    case EV.EV_IPL:
      return iplOf(data);
    default:
      return label(printable(data) ?? fromUtf16Text(data));
  }
}

/** Old and new GRUB, shim and systemd share one type. Linux measured boot: GRUB `tpm` module, shim tpm.c, systemd tpm2. */
function iplOf(data: Uint8Array): Content {
  const prefix = grubPrefixOf(data);
  const command = prefix && printable(data.subarray(prefix.bytes.length));
  if (prefix && command !== undefined) return { is: 'text', text: command, prefix: prefix.name };
  const ascii = printable(data);
  if (ascii !== undefined) return label(ascii);
  // Old systemd-boot logged half of the final NUL.
  const wide = fromUtf16Text(data.length % 2 === 1 && data.at(-1) === 0 ? data.subarray(0, -1) : data);
  return wide === undefined ? OPAQUE : { is: 'label', text: wide, utf16: true };
}

function noAction(data: Uint8Array): Content {
  if (startsWith(data, STARTUP_LOCALITY) && data.length === 17) return { is: 'locality', value: data[16] as number };
  if (startsWith(data, SPEC_ID_EVENT03)) return { is: 'information', text: 'Spec ID Event03' };
  const signature = SIGNATURES.find((known) => startsWith(data, utf8(known)));
  return { is: 'information', text: signature ?? 'not measured' };
}

/** Old shim logged up to six bytes behind the structure, so `mayTrail` for what it writes. */
function variableOf(data: Uint8Array, mayTrail: boolean): Content | undefined {
  const decoded = decodePrefix(UEFI_VARIABLE_DATA, data);
  if (!decoded.ok || (!mayTrail && decoded.value.length !== data.length)) return undefined;
  const variable = decoded.value.value;
  return { is: 'variable', guid: variable.variableName, name: variable.unicodeName, value: variable.variableData };
}

/** What a device path names. */
export interface DevicePathFile {
  readonly path: string | undefined;
  readonly partition: string | undefined;
  /** Not cut off within a node; else this is what stands before that. */
  readonly isWhole: boolean;
}

/** File path nodes (type 4, subtype 4) and hard drive nodes (type 4, subtype 1). UEFI 2.10, 10.3. Total and bounded. */
export function devicePathFile(bytes: Uint8Array): DevicePathFile {
  const parts: string[] = [];
  let [partition, isWhole]: [string | undefined, boolean] = [undefined, true];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const [type, subtype, low, high] = bytes.subarray(at, at + 4) as unknown as [number, number, number, number];
    const length = low | (high << 8);
    isWhole = length >= 4 && at + length <= bytes.length;
    if (!isWhole || type === 0x7f) break;
    const node = bytes.subarray(at + 4, at + length);
    if (type === 4 && subtype === 4) parts.push(fromUtf16Text(node) ?? '?');
    if (type === 4 && subtype === 1) partition = partitionOf(read(HARD_DRIVE_NODE, node)) ?? partition;
    at += length;
  }
  return { path: parts.length === 0 ? undefined : parts.join(''), partition, isWhole };
}

/** As /dev/disk/by-partuuid has it. */
function partitionOf(node: Infer<typeof HARD_DRIVE_NODE> | undefined): string | undefined {
  if (node?.signatureType === 2) return guidText(node.partitionSignature);
  if (node?.signatureType !== 1) return undefined;
  const disk = toHex(node.partitionSignature.slice(0, 4).toReversed());
  return `${disk}-${node.partitionNumber.toString(16).padStart(2, '0')}`;
}

function constantOf(data: Uint8Array): 'zeros' | 'ones' | 'other' {
  if (data.every((byte) => byte === 0)) return 'zeros';
  return data.every((byte) => byte === 0xff) ? 'ones' : 'other';
}

/** UTF-16 without control characters, but for tab and line ends. */
function fromUtf16Text(data: Uint8Array): string | undefined {
  const wide = fromUtf16(data);
  return wide !== undefined && wide !== '' && /^[\P{Cc}\t\n\r]+$/u.test(wide) ? wide : undefined;
}

function text(value: string | undefined): Content {
  return value === undefined ? OPAQUE : { is: 'text', text: value };
}

function label(value: string | undefined): Content {
  return value === undefined ? OPAQUE : { is: 'label', text: value };
}
