import { createRequire } from 'node:module';

export const PROGRAM = 'sekimori-host';

/** As its package.json has it. */
export function version(): string {
  return (createRequire(import.meta.url)('../../package.json') as { readonly version: string }).version;
}
