import { fromUtf16 } from './efi-variables.ts';

/** EFI_LOAD_OPTION: an option of the boot manager. UEFI 2.10, 3.1.3. */
export interface LoadOption {
  readonly description: string;
  /** Of its file path nodes; undefined where it names a device alone. */
  readonly path: string | undefined;
}

const HEADER_BYTES = 6;
const [MEDIA, FILE_PATH, END] = [4, 4, 0x7f];

/** Total and bounded; undefined for what is no option. */
export function loadOption(bytes: Uint8Array): LoadOption | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const listLength = bytes[4]! | (bytes[5]! << 8);
  const description = fromUtf16(bytes.subarray(HEADER_BYTES));
  const listAt = HEADER_BYTES + 2 * (description.length + 1);
  if (listAt + listLength > bytes.length) return undefined;
  const list = bytes.subarray(listAt, listAt + listLength);
  let path: string | undefined;
  for (let at = 0; at + 4 <= list.length; ) {
    const length = list[at + 2]! | (list[at + 3]! << 8);
    if (length < 4 || at + length > list.length) return undefined;
    if (list[at] === END) break;
    if (list[at] === MEDIA && list[at + 1] === FILE_PATH)
      path = (path ?? '') + fromUtf16(list.subarray(at + 4, at + length));
    at += length;
  }
  return { description, path };
}
