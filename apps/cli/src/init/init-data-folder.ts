import { access, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { toHex } from '@sekimori/bytes';
import { parseGuardianMetadata } from '@sekimori/key-protector';
import { certificatesFromPem } from '@sekimori/pki';
import { expectOk, ok, type Result } from '@sekimori/result';
import { privateFolder, type StartFault, writePrivateFile } from '@sekimori/service-kit';
import { type ClientFile, readClientFile } from '../data/client-file.ts';
import { dataPaths } from '../data/data-folder.ts';
import { makeContent } from './make-content.ts';
import { addressesOf, type InitOptions, troubleWith, withDefaults } from './options.ts';

export interface InitReport {
  readonly data: string;
  readonly attestation: string;
  readonly keyProtection: string;
  readonly guardian: { readonly name: string; readonly fingerprint: string };
  /** SHA-256 of the server CA's certificate, hex. */
  readonly caFingerprint: string;
  /** An earlier init had been interrupted after all was made: its content was taken, not the options of this one. */
  readonly finishedEarlier: boolean;
}

const STAGING = '.unfinished-init';
const PARTS = ['ca', 'attestation', 'key-protection', 'admin'] as const;

/**
 * Makes a data folder with everything that both services need. All is made aside and moved into place at the end, so an
 * interrupted init is either finished or begun anew by the next. Faults: `already-initialised`, `folder-in-use`,
 * `folder-unsafe`, `init-options`.
 */
export async function initDataFolder(options: InitOptions): Promise<Result<InitReport, StartFault>> {
  const full = withDefaults(options);
  const { data } = full;
  const trouble = troubleWith(full);
  if (trouble) return refuse('init-options', trouble, "see 'sekimori init --help'");
  const folder = await privateFolder(data);
  if (!folder.ok) return refuse('folder-unsafe', folder.fault.detail, 'keys lie in it: it must be yours alone');
  if (await exists(dataPaths(data).client))
    return refuse(
      'already-initialised',
      `${data} is initialised already, and nothing was changed`,
      `start it with 'sekimori serve --data ${data}', or give another folder`,
    );
  const staging = join(data, STAGING);
  const finishedEarlier = await exists(dataPaths(staging).client);
  if (!finishedEarlier) {
    for (const part of PARTS)
      if (await exists(join(data, part)))
        return refuse(
          'folder-in-use',
          `${join(data, part)} is there, and not from a finished init`,
          'give another folder',
        );
    await rm(staging, { recursive: true, force: true });
    expectOk(await privateFolder(staging));
    await makeContent(staging, full);
    const client: ClientFile = { ...addressesOf(full), ca: join('ca', 'ca.pem'), token: join('admin', 'token') };
    await writePrivateFile(dataPaths(staging).client, Buffer.from(`${JSON.stringify(client, null, 2)}\n`));
  }
  for (const part of PARTS) if (await exists(join(staging, part))) await rename(join(staging, part), join(data, part));
  await writePrivateFile(dataPaths(data).client, await readFile(dataPaths(staging).client)); // the last: now it is complete
  await rm(staging, { recursive: true });
  return report(data, finishedEarlier);
}

async function report(data: string, finishedEarlier: boolean): Promise<Result<InitReport, StartFault>> {
  const client = await readClientFile(data);
  if (!client.ok) return client;
  const { attestation, keyProtection } = client.value;
  const paths = dataPaths(data);
  const { guardian } = expectOk(parseGuardianMetadata(crypto, await readFile(paths.guardianMetadata)));
  const [ca] = expectOk(certificatesFromPem(await readFile(paths.ca, 'utf8')));
  if (!ca) throw new Error('no CA'); // a PEM text without a block is a fault
  return ok({
    data,
    attestation,
    keyProtection,
    guardian: { name: guardian.name, fingerprint: guardian.fingerprint },
    caFingerprint: toHex(crypto.hash('sha256', ca.der)),
    finishedEarlier,
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function refuse(code: string, detail: string, hint: string): { readonly ok: false; readonly fault: StartFault } {
  return { ok: false, fault: { code, detail, hint } };
}
