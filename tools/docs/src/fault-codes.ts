import { globSync, readFileSync } from 'node:fs';

/** The libraries whose codes docs/faults.md lists, from the kernel up. */
export const LIBRARIES = [
  'codec',
  'crypto-core',
  'pki',
  'tpm2',
  'tpm2-device',
  'event-log',
  'key-protector',
  'health-certificate',
  'audit-log',
  'hsm',
  'store',
  'store-sql',
  'quote-verifier',
  'policy',
  'key-release',
] as const;
export type Library = (typeof LIBRARIES)[number];

const ROOT = new URL('../../../', import.meta.url);

export interface SourceCodes {
  /** Named by types: `Fault<'a' | 'b'>`, or a union whose name ends in Code. */
  readonly declared: ReadonlySet<string>;
  /** Given to `fail` and its like. */
  readonly returned: ReadonlySet<string>;
}

/** By reading the text of a package's sources: the types are gone when the program runs. */
export function codesInSource(library: Library): SourceCodes {
  const folder = new URL(`packages/${library}/src/`, ROOT);
  const files = globSync('**/*.ts', { cwd: folder, exclude: ['contract.ts', 'contract/**'] });
  const source = files.map((file) => readFileSync(new URL(file, folder), 'utf8')).join('\n');
  const unions = [...matches(source, /\bFault<([^<>]*)>/g), ...matches(source, /\btype \w*Code =([^;]*);/g)];
  const calls = /(?<!\.)\b(?:fail|broken|refuse|logFault|faultAt)\((?:\s*\w+,)?\s*'([a-z0-9-]+)'/g;
  return {
    declared: new Set(unions.flatMap((union) => matches(union, /'([a-z0-9-]+)'/g))),
    returned: new Set(matches(source, calls)),
  };
}

/** By package, in the order of the tables in docs/faults.md. */
export function documentedCodes(): ReadonlyMap<string, readonly string[]> {
  const [, libraries = ''] = readFileSync(new URL('docs/faults.md', ROOT), 'utf8').split('\n## Of the libraries\n');
  const sections = libraries.split('\n### ').slice(1);
  return new Map(
    sections.map((section) => [section.split('\n')[0] ?? '', matches(section, /^\| `([a-z0-9-]+)` \| \S/gm)]),
  );
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}
