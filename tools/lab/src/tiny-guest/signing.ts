import { execFile } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const CERTIFICATE = '/usr/share/ovmf/PkKek-1-snakeoil.pem';
const KEY = '/usr/share/ovmf/PkKek-1-snakeoil.key';

/**
 * The application, signed with the ovmf package's test key, which is public as its passphrase is: firmware takes it with
 * OVMF_VARS_4M.snakeoil.fd. Needs sbsign. The signature holds the time, so the bytes differ each time.
 */
export async function signedWithTestKey(application: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await mkdtemp(join(tmpdir(), 'sbsign-'));
  const [key, plain, signed] = ['key.pem', 'plain.efi', 'signed.efi'].map((name) => join(folder, name)) as Paths;
  try {
    const opened = createPrivateKey({ key: await readFile(KEY), passphrase: 'snakeoil' });
    await writeFile(key, opened.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    await writeFile(plain, application);
    await promisify(execFile)('sbsign', ['--key', key, '--cert', CERTIFICATE, '--output', signed, plain]);
    return Uint8Array.from(await readFile(signed));
  } finally {
    await rm(folder, { recursive: true });
  }
}

type Paths = [key: string, plain: string, signed: string];
