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
