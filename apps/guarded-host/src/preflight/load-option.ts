import { devicePathFile } from '@sekimori/event-log';
import { fromUtf16 } from './efi-variables.ts';

/** EFI_LOAD_OPTION: an option of the boot manager. UEFI 2.10, 3.1.3. */
export interface LoadOption {
  readonly description: string;
  /** Of its file path nodes; undefined where it names a device alone. */
  readonly path: string | undefined;
}

const HEADER_BYTES = 6;

/** Total and bounded; undefined for what is no option. */
export function loadOption(bytes: Uint8Array): LoadOption | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const listLength = bytes[4]! | (bytes[5]! << 8);
  const description = fromUtf16(bytes.subarray(HEADER_BYTES));
  const listAt = HEADER_BYTES + 2 * (description.length + 1);
  if (listAt + listLength > bytes.length) return undefined;
  const { path, isWhole } = devicePathFile(bytes.subarray(listAt, listAt + listLength));
  return isWhole ? { description, path } : undefined;
}
