import { access, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { toHex } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type KeyName, type KeyStore, parseKeyName, softwareKeyStore } from '@sekimori/hsm';
import {
  exportGuardian,
  type Guardian,
  GuardianKeys,
  issueGuardian,
  parseGuardianMetadata,
} from '@sekimori/key-protector';
import { expectOk, type Fault, ok, type Result } from '@sekimori/result';
import { fileKeyFiles, privateFolder, readPrivateFile, writePrivateFile } from '@sekimori/service-kit/program';

const METADATA = 'guardian.xml';
const KEYS = 'keys';
const MAX_METADATA = 256 * 1024;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const UNFINISHED = '.unfinished-';

/** Of guardians in a folder, and of the files that they are made of. */
export type GuardianFileFault = (
  | Fault<'guardian-name' | 'guardian-exists' | 'unknown-guardian' | 'guardian-damaged' | 'guardian-not-own'>
  | Fault
) & { readonly hint?: string };

export interface KnownGuardian {
  /** Of its folder: what the user calls it. */
  readonly name: string;
  readonly guardian: Guardian;
  /** Whether its private keys are here. */
  readonly own: boolean;
  /** Its public half, a file. */
  readonly file: string;
}

/** A guardian of this user with fresh keys, in a folder of its own. Faults: `guardian-name`, `guardian-exists`. */
export function makeGuardian(
  guardians: string,
  name: string,
  at: Date,
): Promise<Result<KnownGuardian, GuardianFileFault>> {
  return addFolder(guardians, name, async (folder) => {
    expectOk(await privateFolder(join(folder, KEYS)));
    const keys = softwareKeyStore(crypto, await fileKeyFiles(join(folder, KEYS)));
    expectOk(await keys.generate(SIGNING, { use: 'sign', type: 'ec', curve: 'P-256' }));
    expectOk(await keys.generate(ENCRYPTION, { use: 'agree', type: 'ec', curve: 'P-256' }));
    const signing = expectOk(await keys.signingKey(SIGNING));
    const agreement = expectOk(await keys.agreementKey(ENCRYPTION));
    return exportGuardian(crypto, await issueGuardian(crypto, { name, signing, agreement, at }));
  });
}

/** The public half of somebody's guardian; whoever calls has compared the fingerprint. Faults as `makeGuardian`. */
export function keepGuardian(
  guardians: string,
  name: string,
  metadata: Uint8Array,
): Promise<Result<KnownGuardian, GuardianFileFault>> {
  return addFolder(guardians, name, async () => metadata);
}

export async function knownGuardians(guardians: string): Promise<Result<readonly KnownGuardian[], GuardianFileFault>> {
  const names = (await exists(guardians))
    ? (await readdir(guardians)).filter((name) => NAME.test(name)).toSorted()
    : [];
  const known: KnownGuardian[] = [];
  for (const name of names) {
    const guardian = await guardianNamed(guardians, name);
    if (!guardian.ok) return guardian;
    known.push(guardian.value);
  }
  return ok(known);
}

/** `unknown-guardian`, or `guardian-damaged` when its file is not what was written. */
export async function guardianNamed(
  guardians: string,
  name: string,
): Promise<Result<KnownGuardian, GuardianFileFault>> {
  const folder = join(guardians, name);
  const unknown = (detail: string) =>
    refuse('unknown-guardian', detail, "see 'sekimori guardian list'; 'sekimori guardian new NAME' makes one");
  if (!NAME.test(name)) return unknown('that is no name of a guardian');
  const file = join(folder, METADATA);
  const bytes = await readPrivateFile(file, { maxBytes: MAX_METADATA });
  if (!bytes.ok) return bytes.fault.code === 'no-such-file' ? unknown(`there is no guardian ${name}`) : bytes;
  const parsed = bytes.value.use((content) => parseGuardianMetadata(crypto, Uint8Array.from(content)));
  if (!parsed.ok) return refuse('guardian-damaged', `${file}: ${parsed.fault.detail}`);
  return ok({ name, guardian: parsed.value.guardian, own: await exists(join(folder, KEYS)), file });
}

/** With the use of its private keys. `guardian-not-own` when they are not here. */
export async function ownGuardian(guardians: string, name: string): Promise<Result<GuardianKeys, GuardianFileFault>> {
  const known = await guardianNamed(guardians, name);
  if (!known.ok) return known;
  if (!known.value.own)
    return refuse(
      'guardian-not-own',
      `the private keys of ${name} are not here`,
      "name an own one: see 'sekimori guardian list'",
    );
  const keys: KeyStore = softwareKeyStore(crypto, await fileKeyFiles(join(guardians, name, KEYS)));
  const signing = await keys.signingKey(SIGNING);
  if (!signing.ok) return signing;
  const agreement = await keys.agreementKey(ENCRYPTION);
  if (!agreement.ok) return agreement;
  return GuardianKeys.of(known.value.guardian, signing.value, agreement.value);
}

const SIGNING: KeyName = expectOk(parseKeyName('signing'));
const ENCRYPTION: KeyName = expectOk(parseKeyName('encryption'));

/** The folder appears whole or not at all; `fill` puts in what is beside the metadata, and answers that. */
async function addFolder(
  guardians: string,
  name: string,
  fill: (folder: string) => Promise<Uint8Array>,
): Promise<Result<KnownGuardian, GuardianFileFault>> {
  if (!NAME.test(name))
    return refuse(
      'guardian-name',
      'a name has letters, digits, dots, hyphens and underscores; at most 63',
      'choose another name',
    );
  for (const folder of [dirname(guardians), guardians]) {
    const safe = await privateFolder(folder);
    if (!safe.ok) return safe;
  }
  const final = join(guardians, name);
  const taken = () =>
    refuse('guardian-exists', `there is a guardian ${name} already, and it was not changed`, 'choose another name');
  if (await exists(final)) return taken();
  const staging = join(guardians, `${UNFINISHED}${toHex(crypto.random(8))}`);
  try {
    expectOk(await privateFolder(staging));
    await writePrivateFile(join(staging, METADATA), await fill(staging));
    await rename(staging, final);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (['ENOTEMPTY', 'EEXIST'].includes((error as { readonly code?: string }).code ?? '')) return taken(); // another was faster
    throw error;
  }
  return guardianNamed(guardians, name);
}

function refuse(
  code: string,
  detail: string,
  hint?: string,
): { readonly ok: false; readonly fault: GuardianFileFault } {
  return { ok: false, fault: { code, detail, ...(hint === undefined ? {} : { hint }) } };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
