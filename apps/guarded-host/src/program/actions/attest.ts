import { fromBase64Url } from '@sekimori/bytes';
import { readClaims, HOST_HEALTH_CLAIMS } from '@sekimori/health-certificate';
import { parseCertificate } from '@sekimori/pki';
import type { ReplyOf } from '@sekimori/protocol';
import { expectOk, ok, type Result } from '@sekimori/result';
import { agentRoutes, attestedReply } from '../../agent/api.ts';
import { runningAgent } from '../../agent/client.ts';
import type { HostSettings } from '../../config.ts';
import type { ConnectedHost } from '../../connect.ts';
import { attestInOrder } from '../../in-order.ts';
import type { CommandFault, CommandResult } from '../command.ts';
import { table } from '../table.ts';
import { withHost } from './with-host.ts';

export async function attestAction(settings: HostSettings): Promise<CommandResult> {
  const agent = await runningAgent(settings);
  const attested = agent ? await agent.call(agentRoutes.attest) : await withHost(settings, attestDirectly);
  if (!attested.ok) return attested;
  const { service, certificate, notAfter, renewAfter, traceId } = attested.value;
  const leaf = expectOk(parseCertificate(fromBase64Url(certificate)!)); // accepted a moment ago
  const claims = expectOk(readClaims(leaf.extensions.all.get(HOST_HEALTH_CLAIMS)!.value));
  const shown = {
    attestationStatus: 'Passed',
    service,
    hostId: claims.hostId,
    level: claims.level,
    keyIsolation: claims.keyIsolation,
    group: claims.group,
    serial: leaf.serial,
    notAfter,
    renewAfter,
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

async function attestDirectly(host: ConnectedHost): Promise<Result<ReplyOf<typeof agentRoutes.attest>, CommandFault>> {
  const ports = await host.attesting();
  if (!ports.ok) return ports;
  const attested = await attestInOrder(ports.value);
  return attested.ok ? ok(attestedReply(attested.value)) : attested;
}
