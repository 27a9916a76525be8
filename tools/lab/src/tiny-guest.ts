import { assemble } from './tiny-guest/assemble.ts';
import { bootDisk, SPARE_OFFSET } from './tiny-guest/fat.ts';
import { joined, littleEndian, padded } from './tiny-guest/layout.ts';
import { CODE_AT, DATA_AT, peApplication } from './tiny-guest/pe.ts';
import {
  BEGIN,
  COUNT_IN_NVRAM,
  COUNT_ON_DISK,
  SHUT_DOWN,
  SUBROUTINES,
  WAIT_FOR_POWER_BUTTON,
} from './tiny-guest/program.ts';
import { signedWithTestKey } from './tiny-guest/signing.ts';

export interface TinyGuestOptions {
  /** Goes to the firmware's console, and so to a serial port, once the guest runs: 1 to 78 characters of printable ASCII. */
  readonly message: string;
  /** Counts the boots on its own disk, outside the file system, and says `boots, by the disk: 0000000000000001`. */
  readonly countOnDisk?: boolean;
  /** Counts them in a non-volatile variable of the firmware too, and says `boots, by the NVRAM: 0000000000000001`. */
  readonly countInNvram?: boolean;
  /** `shutdown` powers off when all is said; `stay` says so, and waits for the power button. */
  readonly mode: 'shutdown' | 'stay';
}

/**
 * A raw disk of 4 MiB with a guest that firmware boots in a few seconds: one UEFI application, no kernel. The same options
 * give the same bytes. In place of a number the guest says `the disk fails: ` or `the NVRAM fails: ` and an EFI_STATUS.
 */
export function tinyGuestImage(options: TinyGuestOptions): Uint8Array<ArrayBuffer> {
  return bootDisk(tinyGuestApplication(options));
}

/** The same guest for a machine with Secure Boot and the ovmf package's test key (OVMF_VARS_4M.snakeoil.fd). Needs sbsign. */
export async function signedTinyGuestImage(options: TinyGuestOptions): Promise<Uint8Array<ArrayBuffer>> {
  return bootDisk(await signedWithTestKey(tinyGuestApplication(options)));
}

/** How often the guest of this disk has counted a boot: for machines without a console. */
export function bootsOnDisk(image: Uint8Array): bigint {
  return new DataView(image.buffer, image.byteOffset, image.byteLength).getBigUint64(SPARE_OFFSET, true);
}

/** What is on the disk as \EFI\BOOT\BOOTX64.EFI. */
export function tinyGuestApplication(options: TinyGuestOptions): Uint8Array<ArrayBuffer> {
  if (!/^[ -~]{1,78}$/.test(options.message)) throw new RangeError('the message is one line of printable ASCII');
  const program = [
    ...BEGIN,
    ...(options.countOnDisk ? COUNT_ON_DISK : []),
    ...(options.countInNvram ? COUNT_IN_NVRAM : []),
    ...(options.mode === 'stay' ? WAIT_FOR_POWER_BUTTON : []),
    ...SHUT_DOWN,
    ...SUBROUTINES,
  ];
  const { addresses, data } = placed({
    message: text(`${options.message}\r\n`),
    diskBoots: text('boots, by the disk: '),
    diskError: text('the disk fails: '),
    nvramBoots: text('boots, by the NVRAM: '),
    nvramError: text('the NVRAM fails: '),
    stays: text('stays until the power button is pressed\r\n'),
    digits: text(`${' '.repeat(16)}\r\n`),
    alphabet: Buffer.from('0123456789abcdef'),
    loadedImageGuid: guid('5b1b31a1-9562-11d2-8e3f-00a0c969723b'),
    blockIoGuid: guid('964e5b21-6459-11d2-8e39-00a0c969723b'),
    interface: new Uint8Array(8),
    sector: new Uint8Array(512),
    variableName: text('SekimoriBoots'),
    variableGuid: guid('5c2f6a1e-6a0b-4f6e-9d0d-3b7a5e1c9f42'), // ours
    variableSize: littleEndian(8, 8),
    variable: new Uint8Array(8),
  });
  return peApplication(assemble(program, CODE_AT, addresses), data);
}

function placed(parts: Readonly<Record<string, Uint8Array>>) {
  const addresses = new Map<string, number>();
  let data = new Uint8Array();
  for (const [name, bytes] of Object.entries(parts)) {
    addresses.set(name, DATA_AT + data.length);
    data = joined([data, padded(bytes, 16)]);
  }
  return { addresses, data };
}

/** CHAR16, ended by a zero, as UEFI writes texts. */
const text = (line: string): Uint8Array => Buffer.from(`${line}\0`, 'utf16le');

/** EFI_GUID: the first three numbers are little-endian. UEFI 2.10, appendix A. */
function guid(written: string): Uint8Array {
  const [first = '', second = '', third = '', ...others] = written.split('-');
  return joined([
    littleEndian(Number.parseInt(first, 16), 4),
    littleEndian(Number.parseInt(second, 16), 2),
    littleEndian(Number.parseInt(third, 16), 2),
    Buffer.from(others.join(''), 'hex'),
  ]);
}
