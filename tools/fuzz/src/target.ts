import { globSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Takes any bytes and throws on what must not happen. A text it gives back says where the bytes led, as a fault's code and
 * place: an input that leads to a new place is kept, and others are made of it.
 */
export type Fuzz = (bytes: Uint8Array) => unknown;

/** What a file below `fuzz/` exports: a default function, or several with names, or both. */
export interface TargetModule {
  readonly default?: Fuzz;
  readonly targets?: Readonly<Record<string, Fuzz>>;
  /** Good inputs to start from; the name is a key of `targets`, undefined for the default function. */
  readonly seeds?: (name?: string) => readonly Uint8Array[];
}

export interface Target {
  /** `tpm2/attest`, `tpm2/structures/TPMT_PUBLIC`. */
  readonly id: string;
  readonly file: string;
  /** Key of `targets`; undefined for the default function. */
  readonly name: string | undefined;
}

/** Every file with targets. */
export function filesIn(root: string): readonly string[] {
  return globSync('{packages,apps}/*/fuzz/*.ts', { cwd: root })
    .toSorted()
    .map((file) => join(root, file));
}

/** `packages/tpm2/fuzz/attest.ts` is `tpm2/attest`. */
export function idOf(file: string): string {
  return `${basename(dirname(dirname(file)))}/${basename(file, '.ts')}`;
}

/** Whether what is asked for is the file, one of its targets, or a folder above. */
export function isWanted(id: string, wanted: readonly string[]): boolean {
  return (
    wanted.length === 0 || wanted.some((each) => `${id}/`.startsWith(`${each}/`) || `${each}/`.startsWith(`${id}/`))
  );
}

export async function load(file: string): Promise<TargetModule> {
  return (await import(pathToFileURL(file).href)) as TargetModule;
}

/** Throws for a file without targets: nobody would notice that it tests nothing. */
export function targetsIn(file: string, module: TargetModule): readonly Target[] {
  const id = idOf(file);
  const named = Object.keys(module.targets ?? {}).map((name) => ({ id: `${id}/${name}`, file, name }));
  const targets = [...(module.default ? [{ id, file, name: undefined }] : []), ...named];
  if (targets.length === 0) throw new Error(`${file} exports neither a default function nor targets`);
  return targets;
}
