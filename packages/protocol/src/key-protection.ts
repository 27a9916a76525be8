import { type Static, Type } from 'typebox';
import { AuditPage } from './attestation-shapes.ts';
import { route } from './route.ts';
import { Bytes, CheckpointShape, HexDigest, Name, SequencePage, strict, Time, Uuid } from './shared.ts';

const MAX_PROTECTOR = 1024 * 1024;

/** Needs a TLS client certificate whose key the health certificate names (`cnf`). */
export const ReleaseRequest = strict({
  protector: Bytes(MAX_PROTECTOR),
  healthCertificate: Type.Array(Bytes(16 * 1024), { minItems: 1, maxItems: 4, description: 'X.509, DER, leaf first' }),
});
export type ReleaseRequest = Static<typeof ReleaseRequest>;

export const ReleaseReply = strict({
  egressProtector: Bytes(MAX_PROTECTOR),
  sealedKeys: Bytes(4096),
  traceId: Type.String(),
});
export type ReleaseReply = Static<typeof ReleaseReply>;

export const KeyProtectionStatus = strict({
  service: Type.Literal('key-protection'),
  version: Type.String(),
  startedAt: Time,
  guardian: strict({ name: Name, fingerprint: HexDigest }),
  audience: Type.String(),
  minimumLevel: Type.String(),
  signers: Type.Integer(),
  revocations: strict({ number: Type.Integer(), ageSeconds: Type.Integer() }),
  releases: Type.Integer(),
  audit: CheckpointShape,
  insecure: Type.Array(Type.String(), { description: 'every weakening setting in force' }),
});
export type KeyProtectionStatus = Static<typeof KeyProtectionStatus>;

export const keyProtectionRoutes = {
  guardian: route({
    operationId: 'guardian',
    method: 'GET',
    url: '/v1/guardian',
    role: 'anyone',
    summary: "This service's guardian: the MS-KPS metadata document",
    reply: strict({ name: Name, fingerprint: HexDigest, metadata: Bytes(256 * 1024) }),
  }),
  release: route({
    operationId: 'release',
    method: 'POST',
    url: '/v1/releases',
    role: 'guarded-host',
    summary: 'Open and roll a key protector for an attested host',
    bodyLimit: 2 * 1024 * 1024,
    body: ReleaseRequest,
    reply: ReleaseReply,
  }),
  keyProtectionStatus: route({
    operationId: 'keyProtectionStatus',
    method: 'GET',
    url: '/v1/status',
    role: 'administrator',
    summary: 'State of the key protection service',
    reply: KeyProtectionStatus,
  }),
  listReleases: route({
    operationId: 'listReleases',
    method: 'GET',
    url: '/v1/releases',
    role: 'administrator',
    summary: 'The releases, oldest first; never a key',
    query: SequencePage,
    reply: strict({
      releases: Type.Array(
        strict({
          sequence: Type.Integer(),
          at: Time,
          traceId: Type.String(),
          hostId: Uuid,
          certificateSerial: Type.String(),
          guardian: HexDigest,
          owner: HexDigest,
          ingress: HexDigest,
          egress: HexDigest,
        }),
      ),
    }),
  }),
  listKeyProtectionAudit: route({
    operationId: 'listKeyProtectionAudit',
    method: 'GET',
    url: '/v1/audit',
    role: 'administrator',
    summary: 'The audit log of this service, oldest first',
    query: SequencePage,
    reply: AuditPage,
  }),
} as const;
