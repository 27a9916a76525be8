import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromBase64Url } from '@sekimori/bytes';
import { initDataFolder } from '@sekimori/cli';
import { createClient } from '@sekimori/client';
import { nodeTransport } from '@sekimori/client/node';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type Guardian, parseGuardianMetadata } from '@sekimori/key-protector';
import { healthRoutes, keyProtectionRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { readPrivateFile } from '@sekimori/service-kit';
import { freePort } from '@sekimori/tpm2-device/swtpm';
import { type Administration, administration } from '../../support/administration.ts';
import { Daemon } from '../support/daemon.ts';

const BIN = fileURLToPath(new URL('../../../../cli/bin/sekimori.js', import.meta.url));

/** Both services in one process of their own: `sekimori serve` over a data folder. */
export class ServedFolder {
  readonly daemon: Daemon;
  readonly attestationUrl: string;
  readonly keyProtectionUrl: string;
  readonly caFile: string;
  readonly administrator: Administration;
  readonly #data: string;

  private constructor(data: string, urls: { readonly attestation: string; readonly keyProtection: string }) {
    this.#data = data;
    this.attestationUrl = urls.attestation;
    this.keyProtectionUrl = urls.keyProtection;
    this.caFile = join(data, 'ca', 'ca.pem');
    this.administrator = administration({
      call: (route, ...input) => this.#with(this.attestationUrl, (client) => client.call(route, ...input)),
    });
    this.daemon = new Daemon({
      command: [process.execPath, '--conditions=@sekimori/source', BIN, 'serve', '--data', data],
      logFile: `${data}.log`,
      isReady: () => this.#isReady(),
    });
  }

  /** Made, started and ready. */
  static async make(data: string): Promise<ServedFolder> {
    const ports = { attestation: await freePort(), keyProtection: await freePort() };
    const made = expectOk(await initDataFolder({ data, at: new Date(), guardianName: 'fabric', ports }));
    const served = new ServedFolder(data, made);
    await served.daemon.ensure();
    return served;
  }

  async guardian(): Promise<Guardian> {
    const { metadata } = await this.#with(this.keyProtectionUrl, async (client) =>
      expectOk(await client.call(keyProtectionRoutes.guardian)),
    );
    return expectOk(parseGuardianMetadata(crypto, fromBase64Url(metadata)!)).guardian;
  }

  /** Changes with each commit of the key protection service, when that is on the disk. */
  async commits(): Promise<string> {
    const log = join(this.#data, 'key-protection', 'key-protection.sqlite-wal');
    const { size, mtimeMs } = await stat(log).catch(() => ({ size: 0, mtimeMs: 0 }));
    return `${size} ${mtimeMs}`;
  }

  async #isReady(): Promise<boolean> {
    try {
      for (const url of [this.attestationUrl, this.keyProtectionUrl]) {
        const answer = await this.#with(url, (client) => client.call(healthRoutes.readyz));
        if (!answer.ok) return false;
      }
      return true;
    } catch {
      return false;
    }
  }

  /** An administrator's client, with connections of its own: those to a service that was killed would be of no use. */
  async #with<T>(baseUrl: string, work: (client: ReturnType<typeof createClient>) => Promise<T>): Promise<T> {
    const transport = nodeTransport({ ca: await readFile(this.caFile, 'utf8') });
    const token = expectOk(await readPrivateFile(join(this.#data, 'admin', 'token')));
    try {
      return await work(createClient({ baseUrl, transport, token }));
    } finally {
      transport.close();
    }
  }
}
