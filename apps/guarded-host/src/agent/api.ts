import { toBase64Url } from '@sekimori/bytes';
import { route } from '@sekimori/protocol';
import { type Static, Type } from 'typebox';
import type { ServiceHealth } from '../in-order.ts';
import { AgentReport, HostReport } from '../status-shape.ts';

const strict = { additionalProperties: false };
const Time = Type.String();

const AttestedReply = Type.Object(
  {
    service: Type.String(),
    certificate: Type.String({ description: 'X.509, DER, base64url' }),
    notAfter: Time,
    renewAfter: Time,
    traceId: Type.String(),
  },
  strict,
);

/** The agent's own routes. Roles do not exist here: the socket belongs to the user that the agent runs as, and to root. */
export const agentRoutes = {
  agent: route({
    operationId: 'agent',
    method: 'GET',
    url: '/v1/agent',
    role: 'anyone',
    summary: 'Which agent answers',
    reply: AgentReport,
  }),
  status: route({
    operationId: 'status',
    method: 'GET',
    url: '/v1/status',
    role: 'anyone',
    summary: "How this host stands, in HGS's names; changes nothing",
    reply: HostReport,
  }),
  guarded: route({
    operationId: 'guarded',
    method: 'GET',
    url: '/v1/guarded',
    role: 'anyone',
    summary: 'Whether the agent has a health certificate in force; asks neither TPM nor service',
    reply: Type.Object({ isHostGuarded: Type.Boolean() }, strict),
  }),
  attest: route({
    operationId: 'attest',
    method: 'POST',
    url: '/v1/attest',
    role: 'anyone',
    summary: 'Attest now; who asks at the same time shares one attestation',
    reply: AttestedReply,
  }),
} as const;

export function attestedReply({ service, health }: ServiceHealth): Static<typeof AttestedReply> {
  return {
    service: service.name,
    certificate: toBase64Url(health.certificate),
    notAfter: health.notAfter.toISOString(),
    renewAfter: health.renewAfter.toISOString(),
    traceId: health.traceId,
  };
}
