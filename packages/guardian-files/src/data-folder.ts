import { join } from 'node:path';

/** Where the programs of operators and tenants keep things of one user: SEKIMORI_DATA, else `sekimori` in the state home of the XDG Base Directory Specification. */
export function defaultDataFolder(env: Readonly<Record<string, string | undefined>>): string {
  const { SEKIMORI_DATA: chosen, XDG_STATE_HOME: stateHome, HOME: home } = env;
  if (chosen) return chosen;
  if (stateHome?.startsWith('/')) return join(stateHome, 'sekimori'); // the specification: relative ones are ignored
  return join(home ?? '.', '.local', 'state', 'sekimori');
}
