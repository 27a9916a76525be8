import { join } from 'node:path';

/** Where everything lies in a data folder; `init` makes it, `serve` and the commands find it by this table alone. */
export const dataPaths = (data: string) => ({
  attestationConfig: join(data, 'attestation', 'config.json'),
  keyProtectionConfig: join(data, 'key-protection', 'config.json'),
  guardianMetadata: join(data, 'key-protection', 'guardian.xml'),
  ca: join(data, 'ca', 'ca.pem'),
  /** What commands read; its presence means that the folder is complete. */
  client: join(data, 'client.json'),
  /** There while `serve` runs. */
  run: join(data, 'run.json'),
  /** Guardians of this user: own ones with keys, imported ones without. */
  guardians: join(data, 'guardians'),
});

/** SEKIMORI_DATA, else `sekimori` in the state home of the XDG Base Directory Specification. */
export function defaultDataFolder(env: Readonly<Record<string, string | undefined>>): string {
  const { SEKIMORI_DATA: chosen, XDG_STATE_HOME: stateHome, HOME: home } = env;
  if (chosen) return chosen;
  if (stateHome?.startsWith('/')) return join(stateHome, 'sekimori'); // the specification: relative ones are ignored
  return join(home ?? '.', '.local', 'state', 'sekimori');
}
