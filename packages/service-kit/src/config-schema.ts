import { type TSchema, type TString, Type } from 'typebox';

const FILE_PATH = 'x-file-path';

/** A setting that names a file: relative to the configuration file it stands in, or to the working directory. */
export function FilePath(options: { readonly description?: string; readonly default?: string } = {}): TString {
  return Type.String({ minLength: 1, ...options, [FILE_PATH]: true });
}

/** One setting: where it stands in the file, and the variable that overrides it. */
export interface Setting {
  readonly key: readonly string[];
  readonly variable: string;
  readonly type: string;
  readonly isPath: boolean;
  readonly description: string | undefined;
}

/**
 * Every setting of a schema, for messages, help and documents. `listen.port` is `PREFIX` + `LISTEN_PORT`,
 * `dataFolder` is `PREFIX` + `DATA_FOLDER`; lists and tables are written as JSON. Throws when two would share a variable.
 */
export function settingsOf(schema: TSchema, prefix: string): readonly Setting[] {
  const settings = leaves(schema, [], prefix);
  for (const [at, { variable }] of settings.entries())
    if (settings.findIndex((other) => other.variable === variable) !== at)
      throw new Error(`two settings share the variable ${variable}`);
  return settings;
}

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly [FILE_PATH]?: boolean;
}

function leaves(node: Node, key: readonly string[], prefix: string): readonly Setting[] {
  if (node.properties)
    return Object.entries(node.properties).flatMap(([name, child]) => leaves(child, [...key, name], prefix));
  const variable = `${prefix}${key.map((part) => part.replaceAll(/[A-Z]/g, '_$&').toUpperCase()).join('_')}`;
  const { type = 'json', description } = node;
  return [{ key, variable, type, isPath: node[FILE_PATH] === true, description }];
}

/** The known name that a wrong one was most likely meant to be. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best && best.distance <= Math.max(2, Math.floor(best.candidate.length / 3)) ? best.candidate : undefined;
}

/** Levenshtein. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(
        Math.min(
          (row[j] as number) + 1,
          (next[j - 1] as number) + 1,
          (row[j - 1] as number) + Number(a[i - 1] !== b[j - 1]),
        ),
      );
    row = next;
  }
  return row[b.length] as number;
}
