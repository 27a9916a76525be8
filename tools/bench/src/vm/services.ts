import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64Url, toBase64Url } from '@sekimori/bytes';
import { initDataFolder, type RunningServices, startServe } from '@sekimori/cli';
import { createClient } from '@sekimori/client';
import { nodeTransport } from '@sekimori/client/node';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type Guardian, parseGuardianMetadata } from '@sekimori/key-protector';
import { attestationRoutes, keyProtectionRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { createLogger, readPrivateFile, systemClock as clock } from '@sekimori/service-kit';

/** Both services over TLS on the loopback, as `sekimori serve` runs them, and what an administrator does with them. */
export interface Services extends AsyncDisposable {
  readonly urls: Pick<RunningServices, 'attestationUrl' | 'keyProtectionUrl'>;
  /** PEM. */
  readonly ca: string;
  /** The guardian that the key protection service is for. */
  readonly fabric: Guardian;
  /** `root`: X.509, DER. */
  trustTpms(root: Uint8Array): Promise<void>;
  approve(hostId: string, ekFingerprint: string): Promise<void>;
  /** Takes what the host showed last as its baseline. */
  captureBaseline(hostId: string): Promise<void>;
}

const PORTS = { attestation: 0, keyProtection: 0 };

export async function startServices(folder: string): Promise<Services> {
  const data = join(folder, 'hgs');
  expectOk(await initDataFolder({ data, at: clock.now(), guardianName: 'fabric', ports: PORTS }));
  const logger = createLogger({ service: 'bench', level: 'silent' });
  const services = expectOk(await startServe({ data, logger, clock, ports: PORTS, env: {} }));
  const ca = await readFile(services.caFile, 'utf8');
  const token = expectOk(await readPrivateFile(join(data, 'admin', 'token')));
  const transport = nodeTransport({ ca });
  const attestation = createClient({ baseUrl: services.attestationUrl, transport, token });
  const keyProtection = createClient({ baseUrl: services.keyProtectionUrl, transport, token });
  const { metadata } = expectOk(await keyProtection.call(keyProtectionRoutes.guardian));
  return {
    urls: services,
    ca,
    fabric: expectOk(parseGuardianMetadata(crypto, fromBase64Url(metadata) ?? new Uint8Array())).guardian,
    async trustTpms(root) {
      const body = { certificate: toBase64Url(root), vendor: 'bench', insecureSoftwareTpm: true };
      expectOk(await attestation.call(attestationRoutes.addTpmRoot, { body }));
    },
    async approve(id, ekFingerprint) {
      expectOk(await attestation.call(attestationRoutes.approveHost, { params: { id }, body: { ekFingerprint } }));
    },
    async captureBaseline(hostId) {
      const { verdicts } = expectOk(await attestation.call(attestationRoutes.showHost, { params: { id: hostId } }));
      const [shown] = verdicts;
      if (!shown) throw new Error('the host has shown nothing yet');
      const body = { hostId, name: 'bench', traceId: shown.traceId };
      expectOk(await attestation.call(attestationRoutes.captureBaseline, { body }));
    },
    async [Symbol.asyncDispose]() {
      transport.close();
      await services.close();
    },
  };
}
