import { globSync, readFileSync } from 'node:fs';

/** The libraries whose codes docs/faults.md lists, from the kernel up. Their types name every code. */
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
  'guest-state',
  'guardian-files',
  'qemu',
  'tpm-commands',
] as const;

/** What programs stop with: codes in literals, most without a type. By the name of their table. */
export const PROGRAMS = {
  'service-kit': 'packages/service-kit',
  'attestation-service': 'apps/attestation-service',
  'key-protection-service': 'apps/key-protection-service',
  cli: 'apps/cli',
  'guarded-host': 'apps/guarded-host',
} as const;
export type Program = keyof typeof PROGRAMS;

const ROOT = new URL('../../../', import.meta.url);

export interface SourceCodes {
  /** Named by types: `Fault<'a' | 'b'>`, or a union whose name ends in Code; or keys of a table `…_FAULTS`. */
  readonly declared: ReadonlySet<string>;
  /** Given to `fail` and its like, or the `code` of an object literal. */
  readonly returned: ReadonlySet<string>;
  /** Every string in quotation marks that may be a code. */
  readonly literals: ReadonlySet<string>;
}

/** By reading the text of the sources below a folder: the types are gone when the program runs. */
export function codesInSource(folder: string): SourceCodes {
  const source = sourceOf(`${folder}/src/`);
  const unions = [...matches(source, /\bFault<([^<>]*)>/g), ...matches(source, /\btype \w*Code =([^;]*);/g)];
  const tables = matches(source, /_FAULTS = \{\n(.*?)\n\} as const/gs);
  const keys = tables.flatMap((table) => matches(table, /^ {2}'?([a-z0-9-]+)'?:/gm));
  const calls = /(?<!\.)\b(?:fail|broken|refuse|logFault|hostFault|faultAt)\((?:\s*\w+,)?\s*'([a-z0-9-]+)'/g;
  return {
    declared: new Set([...unions.flatMap((union) => matches(union, /'([a-z0-9-]+)'/g)), ...keys]),
    returned: new Set([...matches(source, calls), ...matches(source, /\bcode: '([a-z0-9-]+)'/g)]),
    literals: new Set(matches(source, /'([a-z0-9-]+)'/g)),
  };
}

/** The names that a finding has for a host. */
export function subStatuses(): readonly string[] {
  const [union = ''] = matches(sourceOf('packages/policy/src/'), /\btype SubStatus =([^;]*);/g);
  return matches(union, /'(\w+)'/g);
}

export interface Documented {
  /** Of the native API. */
  readonly native: readonly string[];
  /** By package, in the order of the tables. */
  readonly libraries: ReadonlyMap<string, readonly string[]>;
  readonly programs: ReadonlyMap<string, readonly string[]>;
  readonly subStatuses: readonly string[];
}

/** What docs/faults.md has. */
export function documented(): Documented {
  const chapters = new Map(titled(readFileSync(new URL('docs/faults.md', ROOT), 'utf8'), '\n## '));
  const chapter = (title: string) => chapters.get(title) ?? '';
  const tables = (title: string) => new Map(titled(chapter(title), '\n### ').map(([name, text]) => [name, rows(text)]));
  return {
    native: rows(chapter('Of the native API')),
    libraries: tables('Of the libraries'),
    programs: tables('Of the programs'),
    subStatuses: rows(chapter('Sub-status of a verdict')),
  };
}

function titled(text: string, mark: string): readonly (readonly [string, string])[] {
  return text
    .split(mark)
    .slice(1)
    .map((section) => [section.split('\n')[0] ?? '', section]);
}

function rows(text: string): readonly string[] {
  return matches(text, /^\| `([\w-]+)` \| \S/gm);
}

function sourceOf(path: string): string {
  const folder = new URL(path, ROOT);
  const files = globSync('**/*.ts', { cwd: folder, exclude: ['contract.ts', 'contract/**'] });
  return files.map((file) => readFileSync(new URL(file, folder), 'utf8')).join('\n');
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}
