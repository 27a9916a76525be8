import { fileURLToPath } from 'node:url';

/** The path of a target that is good or bad in the way its name says. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/fuzz/${name}.ts`, import.meta.url));
}
