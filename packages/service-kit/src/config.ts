import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Result, ok } from '@sekimori/result';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { nearest, type Setting, settingsOf } from './config-schema.ts';
import { readJson } from './json.ts';
import { codeOf } from './private-files.ts';
import type { StartFault } from './service.ts';

/** What is unsafe unless somebody said so at length. */
export interface UnsafeSetting<Config> {
  /** What would be unsafe, for example 'plain HTTP on an address that is not loopback'. */
  readonly what: string;
  readonly when: (config: Config) => boolean;
  /** The top-level boolean, `insecure…`, that allows it. */
  readonly allowedBy: `insecure${string}` & keyof Config;
}

export interface ConfigSource<Config> {
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** 'SEKIMORI_KPS_': a variable that starts so and is no setting is an error. */
  readonly prefix: string;
  /** Variables that start with the prefix and are read elsewhere. */
  readonly otherVariables?: readonly string[];
  readonly unsafe?: readonly UnsafeSetting<Config>[];
}

export interface LoadedConfig<Config> {
  readonly config: Config;
  /** Every `insecure…` setting that is on, for the status. */
  readonly insecure: readonly string[];
}

type Faulty = { readonly ok: false; readonly fault: StartFault };
type Tree = Record<string, unknown>;

/**
 * Defaults of the schema, then the file, then the environment. Strict: an unknown key or variable is an error that names the
 * nearest known one. No value is ever quoted. Faults: `config-unreadable`, `config-malformed`, `config-unknown-key`,
 * `config-invalid`, `config-unsafe`.
 */
export async function loadConfig<S extends TSchema>(
  schema: S,
  source: ConfigSource<Static<S>>,
): Promise<Result<LoadedConfig<Static<S>>, StartFault>> {
  const settings = settingsOf(schema, source.prefix);
  const fromFile = source.file === undefined ? ok<Tree>({}) : await readConfigFile(source.file);
  if (!fromFile.ok) return fromFile;
  const unknown = unknownKey(fromFile.value, [], settings, source.file) ?? unknownVariable(source, settings);
  if (unknown) return unknown;

  const tree = fromFile.value;
  const folder = source.file === undefined ? '.' : dirname(source.file);
  for (const { key, isPath } of settings) {
    const value = at(tree, key);
    if (isPath && typeof value === 'string' && value !== '') put(tree, key, resolve(folder, value));
  }
  for (const { key, variable, type, isPath } of settings) {
    const text = source.env[variable];
    if (text === undefined) continue;
    const value = type === 'string' ? text : parsed(text);
    put(tree, key, isPath && text !== '' ? resolve(text) : value);
  }

  const config: unknown = Value.Default(schema, tree);
  const invalid = firstInvalid(schema, config, settings, source);
  if (invalid) return invalid;
  const known = config as Static<S>;
  for (const { what, when, allowedBy } of source.unsafe ?? [])
    if (known[allowedBy] !== true && when(known))
      return refuse('config-unsafe', what, `choose otherwise, or allow it with "${allowedBy}": true`);
  return ok({ config: known, insecure: insecureSettings(known, settings) });
}

const MAX_FILE = 1024 * 1024;

async function readConfigFile(file: string): Promise<Result<Tree, StartFault>> {
  let bytes: Buffer;
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      if (size > MAX_FILE)
        return refuse('config-unreadable', `${file} has more than ${MAX_FILE} bytes`, 'give the configuration file');
      bytes = await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    return refuse(
      'config-unreadable',
      `cannot read ${file} (${codeOf(error)})`,
      'check the path and who may read the file',
    );
  }
  const value = readJson(bytes);
  if (!value.ok) return refuse('config-malformed', `${file} is ${value.fault.detail}`, 'it must be one JSON object');
  if (!isTree(value.value)) return refuse('config-malformed', `${file} is not a JSON object`, 'write { "key": value }');
  return ok(value.value);
}

function unknownKey(
  tree: Tree,
  path: readonly string[],
  settings: readonly Setting[],
  file?: string,
): Faulty | undefined {
  for (const [name, value] of Object.entries(tree)) {
    const key = [...path, name];
    const under = settings.filter((setting) => key.every((part, i) => setting.key[i] === part));
    if (under.length === 0) {
      const siblings = settings.filter((setting) => path.every((part, i) => setting.key[i] === part));
      const known = [...new Set(siblings.map((setting) => setting.key[path.length] as string))];
      return refuse('config-unknown-key', `${file}: there is no setting ${key.join('.')}`, suggestion(name, known));
    }
    const isLeaf = under.some((setting) => setting.key.length === key.length);
    const deeper = !isLeaf && isTree(value) ? unknownKey(value, key, settings, file) : undefined;
    if (deeper) return deeper;
  }
  return undefined;
}

function unknownVariable(source: ConfigSource<never>, settings: readonly Setting[]): Faulty | undefined {
  const known = [...settings.map(({ variable }) => variable), ...(source.otherVariables ?? [])];
  for (const name of Object.keys(source.env))
    if (name.startsWith(source.prefix) && !known.includes(name))
      return refuse('config-unknown-key', `the environment variable ${name} is no setting`, suggestion(name, known));
  return undefined;
}

function suggestion(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === undefined ? `known here: ${known.join(', ')}` : `did you mean ${meant}?`;
}

function firstInvalid(
  schema: TSchema,
  config: unknown,
  settings: readonly Setting[],
  source: ConfigSource<never>,
): Faulty | undefined {
  if (Value.Check(schema, config)) return undefined;
  const [first] = Value.Errors(schema, config);
  const missing = first?.keyword === 'required' ? first.params.requiredProperties[0] : undefined;
  const key = [...(first?.instancePath ?? '').split('/').slice(1), ...(missing === undefined ? [] : [missing])];
  const setting = settings.find((candidate) => candidate.key.every((part, i) => part === key[i]));
  const variable = setting && source.env[setting.variable] !== undefined ? setting.variable : undefined;
  const place = variable ?? `${source.file ?? 'configuration'}: ${key.join('.')}`;
  const wrong = missing === undefined ? (first?.message ?? 'is not what the schema says') : 'is missing';
  const todo = setting ? `set ${setting.key.join('.')} in the file, or ${setting.variable}` : 'correct it';
  const about = setting?.description === undefined ? '' : `: ${setting.description}`;
  return refuse('config-invalid', `${place} ${wrong}`, `${todo}${about}`);
}

function insecureSettings(config: unknown, settings: readonly Setting[]): readonly string[] {
  return settings
    .filter(({ key }) => (key.at(-1) as string).startsWith('insecure') && at(config as Tree, key) === true)
    .map(({ key }) => key.join('.'));
}

function refuse(code: string, detail: string, hint: string): Faulty {
  return { ok: false, fault: { code, detail, hint } };
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function at(tree: Tree, key: readonly string[]): unknown {
  return key.reduce<unknown>(
    (value, part) => (isTree(value) && Object.hasOwn(value, part) ? value[part] : undefined),
    tree,
  );
}

function put(tree: Tree, key: readonly string[], value: unknown): void {
  const [name, ...rest] = key as [string, ...string[]];
  if (rest.length === 0) {
    tree[name] = value;
    return;
  }
  if (!Object.hasOwn(tree, name)) tree[name] = {};
  const child = tree[name];
  if (isTree(child)) put(child, rest, value); // what is no table is refused by the schema
}

/** JSON text, or the text itself, which the schema then refuses. */
function parsed(text: string): unknown {
  const value = readJson(new TextEncoder().encode(text));
  return value.ok ? value.value : text;
}
