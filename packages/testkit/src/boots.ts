import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Boots recorded in virtual machines of our own lab, with a software TPM each; see examples/boots. */
export type BootName =
  | 'uki-plain'
  | 'uki-cmdline-changed'
  | 'uki-initrd-changed'
  | 'uki-plain-3banks'
  | 'uki-snakeoil'
  | 'uki-snakeoil-cmdline-changed'
  | 'uki-snakeoil-initrd-changed'
  | 'shim-ms';

/** The event log of a recorded boot. Throws where the recording is not there. */
export function boot(name: BootName): Uint8Array {
  return Uint8Array.from(readFileSync(bootFile(name, 'binary_bios_measurements')));
}

/** Another file of a recording, such as `pcrs_sha256.txt`. */
export function bootFile(name: BootName, file: string): string {
  return fileURLToPath(new URL(`../../../examples/boots/${name}/${file}`, import.meta.url));
}
