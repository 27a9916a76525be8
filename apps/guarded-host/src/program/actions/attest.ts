import { readClaims, HOST_HEALTH_CLAIMS } from '@sekimori/health-certificate';
import { parseCertificate } from '@sekimori/pki';
import { expectOk, ok } from '@sekimori/result';
import { attest } from '../../attest.ts';
import type { ConnectedHost } from '../../connect.ts';
import type { CommandResult } from '../command.ts';
import { table } from '../table.ts';

export async function attestAction(host: ConnectedHost): Promise<CommandResult> {
  const deps = await host.attesting();
  if (!deps.ok) return deps;
  const attested = await attest(deps.value);
  if (!attested.ok) return attested;
  const { certificate, notAfter, renewAfter, traceId } = attested.value;
  const leaf = expectOk(parseCertificate(certificate)); // accepted a moment ago
  const claims = expectOk(readClaims(leaf.extensions.all.get(HOST_HEALTH_CLAIMS)!.value));
  const shown = {
    attestationStatus: 'Passed',
    hostId: claims.hostId,
    level: claims.level,
    keyIsolation: claims.keyIsolation,
    group: claims.group,
    serial: leaf.serial,
    notAfter: notAfter.toISOString(),
    renewAfter: renewAfter.toISOString(),
    traceId,
  };
  return ok({
    document: shown,
    lines: table({
      attestation: shown.attestationStatus,
      'host id': shown.hostId,
      level: `${shown.level}, key isolation ${shown.keyIsolation}`,
      'host group': shown.group,
      certificate: shown.serial,
      'valid until': shown.notAfter,
      'renew after': shown.renewAfter,
      'trace id': traceId,
    }),
  });
}
