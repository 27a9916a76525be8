import { loadOption } from '../src/preflight/load-option.ts';

/** Anything, as an option of the boot manager. */
export default function (bytes: Uint8Array): void {
  loadOption(bytes);
}
