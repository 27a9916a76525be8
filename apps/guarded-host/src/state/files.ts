import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Secret } from '@sekimori/crypto-core';
import { describeFault, expectOk, fail, type Fault, ok, type Result } from '@sekimori/result';
import { privateFolder, readPrivateFile, writePrivateFile } from '@sekimori/service-kit/program';
import { readEnrolment, readHealth, writeEnrolment, writeHealth } from './records.ts';
import type { HostState, StateFault } from './state.ts';

/** Two certificates of at most 16 KiB, as text, and some words. */
const MAX_FILE = 128 * 1024;

/** Names of attestation services: they are names of folders too. */
export const SERVICE_NAME = '^[a-z0-9][a-z0-9-]{0,62}$';
/** The service of the short form. */
export const DEFAULT_SERVICE = 'default';

/**
 * State in a folder of its own (0700, made at the first use), in files of 0600: `tls-client.key` for all services, and
 * `services/NAME/host.json` and `health.json` for each. A new version takes its file's name once it is whole and on the disk, so
 * a crash leaves the old one or the new one. Rejects when something else took the folder's place meanwhile.
 */
export async function fileHostState(folder: string, service = DEFAULT_SERVICE): Promise<Result<HostState, StateFault>> {
  if (!new RegExp(SERVICE_NAME).test(service)) throw new RangeError(`no name of an attestation service: '${service}'`);
  const own = join(folder, 'services', service);
  for (const each of [folder, join(folder, 'services'), own]) {
    // Looking at the state must not make any.
    const opened = existsSync(each) ? await privateFolder(each) : ok(undefined);
    if (!opened.ok) return unreadable(opened.fault);
  }
  const files = {
    enrolment: join(own, 'host.json'),
    health: join(own, 'health.json'),
    key: join(folder, 'tls-client.key'),
  };

  async function read<T>(
    file: string,
    parse: (bytes: Uint8Array) => Result<T, StateFault>,
  ): Promise<Result<T | undefined, StateFault>> {
    const content = await readPrivateFile(file, { maxBytes: MAX_FILE });
    if (!content.ok) return content.fault.code === 'no-such-file' ? ok(undefined) : unreadable(content.fault);
    const parsed = content.value.use(parse);
    return parsed.ok ? parsed : fail(parsed.fault.code, `${file}: ${parsed.fault.detail}`);
  }
  /** The folder of an earlier version had the one service at its top: read there until it is written here. */
  async function readHere<T>(name: string, parse: (bytes: Uint8Array) => Result<T, StateFault>) {
    const here = await read(join(own, name), parse);
    const wasAtTop = here.ok && here.value === undefined && service === DEFAULT_SERVICE;
    return wasAtTop ? read(join(folder, name), parse) : here;
  }
  async function replace(file: string, content: Uint8Array): Promise<void> {
    for (const each of [folder, own]) expectOk(await privateFolder(each));
    expectOk(await writePrivateFile(file, content, { replace: true }));
  }
  async function clientKey(): Promise<Result<Secret | undefined, StateFault>> {
    const content = await readPrivateFile(files.key);
    if (content.ok) return content;
    return content.fault.code === 'no-such-file' ? ok(undefined) : unreadable(content.fault);
  }

  return ok({
    enrolment: () => readHere('host.json', readEnrolment),
    saveEnrolment: (enrolment) => replace(files.enrolment, writeEnrolment(enrolment)),
    clientKey,
    async saveClientKey(key) {
      const made = await privateFolder(folder);
      if (!made.ok) return unreadable(made.fault);
      const written = await writePrivateFile(files.key, key);
      if (written.ok) return ok(key);
      const first = await clientKey(); // another process was faster
      if (!first.ok) return first;
      return first.value ? ok(first.value) : fail('state-unreadable', `${files.key} comes and goes`);
    },
    health: () => readHere('health.json', readHealth),
    saveHealth: (health) => replace(files.health, writeHealth(health)),
  });
}

function unreadable(fault: Fault) {
  return fail('state-unreadable', describeFault(fault));
}
