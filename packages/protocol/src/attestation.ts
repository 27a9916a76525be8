import { type Static, Type } from 'typebox';
import { route } from './route.ts';
import {
  AuditEntryShape,
  Bytes,
  CheckpointShape,
  HexDigest,
  Name,
  Page,
  SequencePage,
  strict,
  Time,
  Uuid,
} from './shared.ts';

const MAX_CERTIFICATE = 16 * 1024;
const MAX_EVENT_LOG = 1024 * 1024;
const PcrIndex = Type.Integer({ minimum: 0, maximum: 23 });
const ById = strict({ id: Uuid });

export const HostState = Type.Union([
  Type.Literal('pending'),
  Type.Literal('approved'),
  Type.Literal('active'),
  Type.Literal('revoked'),
]);
export type HostState = Static<typeof HostState>;

const EndorsementKeyShape = strict({
  public: Bytes(1024), // TPM2B_PUBLIC
  certificate: Bytes(MAX_CERTIFICATE), // X.509, DER
});

/** What a host sends to be enrolled: the platform identifier. */
export const EnrolRequest = strict({
  name: Name,
  endorsementKeys: Type.Array(EndorsementKeyShape, { minItems: 1, maxItems: 4 }),
  intermediates: Type.Array(Bytes(MAX_CERTIFICATE), { maxItems: 8 }),
  properties: strict({
    manufacturer: Type.String({ maxLength: 64 }),
    firmware: Type.String({ maxLength: 64 }),
  }),
});
export type EnrolRequest = Static<typeof EnrolRequest>;

export const HostStatus = strict({ id: Uuid, name: Name, state: HostState, ekFingerprint: HexDigest });
export type HostStatus = Static<typeof HostStatus>;

const RecordedEventShape = strict({
  index: Type.Integer(),
  pcr: PcrIndex,
  type: Type.String(),
  digest: Type.String(),
  description: Type.String(),
});

/** One finding of an appraisal, as operators see it. `event` is the first that differs; a side that has none there is absent. */
export const FindingShape = strict({
  rule: Type.String(),
  effect: Type.Union([Type.Literal('refuse'), Type.Literal('remark')]),
  subStatus: Type.String(),
  detail: Type.String(),
  code: Type.Optional(Type.String()),
  pcr: Type.Optional(PcrIndex),
  expected: Type.Optional(Type.String()),
  actual: Type.Optional(Type.String()),
  event: Type.Optional(
    strict({
      index: Type.Integer(),
      expected: Type.Optional(RecordedEventShape),
      actual: Type.Optional(RecordedEventShape),
    }),
  ),
  baselineId: Type.Optional(Type.String()),
});
export type FindingShape = Static<typeof FindingShape>;

export const VerdictShape = strict({
  at: Time,
  traceId: Type.String(),
  good: Type.Boolean(),
  code: Type.String({ description: "'good' or the fault code that the host heard" }),
  subStatus: Type.Array(Type.String()),
  findings: Type.Array(FindingShape),
  baselineId: Type.Optional(Type.String()),
  policyVersion: Type.Integer(),
  policyDigest: HexDigest,
  logDigest: HexDigest,
});
export type VerdictShape = Static<typeof VerdictShape>;

export const HostDetail = strict({
  ...HostStatus.properties,
  properties: EnrolRequest.properties.properties,
  endorsementKeys: Type.Array(
    strict({ spkiHash: HexDigest, manufacturer: Type.String(), model: Type.String(), trustedBy: Type.String() }),
  ),
  attestationKeyName: Type.Optional(Type.String()),
  enrolledAt: Time,
  approvedAt: Type.Optional(Time),
  approvedBy: Type.Optional(Type.String()),
  revokedAt: Type.Optional(Time),
  verdicts: Type.Array(VerdictShape),
});
export type HostDetail = Static<typeof HostDetail>;

export const ActivationRequest = strict({ akPublic: Bytes(1024) }); // TPM2B_PUBLIC
export const ActivationReply = strict({
  activationId: Uuid,
  credentialBlob: Bytes(1024), // TPM2B_ID_OBJECT
  encryptedSecret: Bytes(1024), // TPM2B_ENCRYPTED_SECRET
  expiresAt: Time,
});
export type ActivationReply = Static<typeof ActivationReply>;

export const ChallengeReply = strict({
  challenge: Bytes(128),
  serviceId: Type.String({ maxLength: 253 }),
  bank: Type.Literal('sha256'),
  pcrs: Type.Array(PcrIndex, { minItems: 1, maxItems: 24 }),
  expiresAt: Time,
});
export type ChallengeReply = Static<typeof ChallengeReply>;

const AttestShape = strict({ attest: Bytes(2048), signature: Bytes(1024) }); // TPMS_ATTEST, TPMT_SIGNATURE

/** The Evidence: quote, PCR values, boot log, and the health key certified by the attestation key. */
export const AttestRequest = strict({
  challenge: Bytes(128),
  hostId: Uuid,
  quote: AttestShape,
  certify: AttestShape,
  healthKey: Bytes(1024), // TPM2B_PUBLIC
  pcrs: Type.Array(strict({ index: PcrIndex, value: Bytes(32, 32) }), { minItems: 1, maxItems: 24 }),
  eventLog: Bytes(MAX_EVENT_LOG, 0),
  clientKey: Bytes(512), // SubjectPublicKeyInfo of the host's TLS client key, DER
});
export type AttestRequest = Static<typeof AttestRequest>;

export const AttestReply = strict({
  healthCertificate: Bytes(MAX_CERTIFICATE), // X.509, DER
  signer: Bytes(MAX_CERTIFICATE),
  notAfter: Time,
  renewAfter: Time,
  traceId: Type.String(),
});
export type AttestReply = Static<typeof AttestReply>;

export const BaselineShape = strict({
  id: Uuid,
  name: Name,
  state: Type.Union([Type.Literal('active'), Type.Literal('retired')]),
  hostId: Uuid,
  capturedAt: Time,
  capturedBy: Type.String(),
  pcrs: Type.Array(strict({ index: PcrIndex, value: HexDigest })),
});
export type BaselineShape = Static<typeof BaselineShape>;

export const TpmRootShape = strict({
  fingerprint: HexDigest,
  subject: Type.String(),
  vendor: Type.String(),
  addedAt: Time,
  addedBy: Type.String(),
  insecure: Type.Boolean(),
});
export type TpmRootShape = Static<typeof TpmRootShape>;

export const AttestationStatus = strict({
  service: Type.Literal('attestation'),
  serviceId: Type.String(),
  version: Type.String(),
  startedAt: Time,
  hosts: Type.Record(Type.String(), Type.Integer()),
  activeBaselines: Type.Integer(),
  policyVersion: Type.Integer(),
  policyDigest: HexDigest,
  signer: strict({ fingerprint: HexDigest, notAfter: Time }),
  revocationNumber: Type.Integer(),
  audit: CheckpointShape,
  insecure: Type.Array(Type.String(), { description: 'every weakening setting in force' }),
});
export type AttestationStatus = Static<typeof AttestationStatus>;

export const AuditPage = strict({ entries: Type.Array(AuditEntryShape), head: CheckpointShape });

export const attestationRoutes = {
  enrolHost: route({
    operationId: 'enrolHost',
    method: 'POST',
    url: '/v1/hosts',
    role: 'anyone',
    summary: 'A host asks to be enrolled; an administrator decides',
    bodyLimit: 256 * 1024,
    body: EnrolRequest,
    reply: HostStatus,
  }),
  hostStatus: route({
    operationId: 'hostStatus',
    method: 'GET',
    url: '/v1/hosts/:id/status',
    role: 'anyone',
    summary: 'The enrolment state of a host, by its unguessable identifier',
    params: ById,
    reply: HostStatus,
  }),
  openActivation: route({
    operationId: 'openActivation',
    method: 'POST',
    url: '/v1/hosts/:id/activations',
    role: 'anyone',
    summary: 'A credential for the attestation key, encrypted to the endorsement key',
    bodyLimit: 8 * 1024,
    params: ById,
    body: ActivationRequest,
    reply: ActivationReply,
  }),
  completeActivation: route({
    operationId: 'completeActivation',
    method: 'POST',
    url: '/v1/activations/:id',
    role: 'anyone',
    summary: 'The proof that both keys live in one TPM; single use',
    bodyLimit: 1024,
    params: ById,
    body: strict({ proof: Bytes(32, 32) }),
    reply: HostStatus,
  }),
  challenge: route({
    operationId: 'challenge',
    method: 'POST',
    url: '/v1/challenges',
    role: 'anyone',
    summary: 'A challenge for an attestation',
    bodyLimit: 1024,
    body: strict({ hostId: Uuid }),
    reply: ChallengeReply,
  }),
  attest: route({
    operationId: 'attest',
    method: 'POST',
    url: '/v1/attestations',
    role: 'anyone',
    summary: 'Evidence in, health certificate out',
    bodyLimit: 2 * 1024 * 1024,
    body: AttestRequest,
    reply: AttestReply,
  }),
  signers: route({
    operationId: 'signers',
    method: 'GET',
    url: '/v1/signers',
    role: 'anyone',
    summary: 'The certificates of the attestation signers, newest first, and the CA that issued them',
    reply: strict({ signers: Type.Array(Bytes(MAX_CERTIFICATE)), ca: Bytes(MAX_CERTIFICATE) }),
  }),
  revocations: route({
    operationId: 'revocations',
    method: 'GET',
    url: '/v1/revocations',
    role: 'anyone',
    summary: 'The signed, numbered revocation statement (JWS, ES256)',
    reply: strict({ statement: Type.String({ maxLength: 16 * 1024 * 1024 }) }),
  }),
  attestationStatus: route({
    operationId: 'attestationStatus',
    method: 'GET',
    url: '/v1/status',
    role: 'administrator',
    summary: 'State of the attestation service',
    reply: AttestationStatus,
  }),
  listHosts: route({
    operationId: 'listHosts',
    method: 'GET',
    url: '/v1/hosts',
    role: 'administrator',
    summary: 'The hosts',
    query: Page,
    reply: strict({ hosts: Type.Array(HostStatus) }),
  }),
  showHost: route({
    operationId: 'showHost',
    method: 'GET',
    url: '/v1/hosts/:id',
    role: 'administrator',
    summary: 'One host with its latest verdicts and every finding',
    params: ById,
    reply: HostDetail,
  }),
  approveHost: route({
    operationId: 'approveHost',
    method: 'POST',
    url: '/v1/hosts/:id/approve',
    role: 'administrator',
    summary: 'Approve a pending host by the EK fingerprint that was compared out of band',
    bodyLimit: 1024,
    params: ById,
    body: strict({ ekFingerprint: HexDigest }),
    reply: HostStatus,
  }),
  revokeHost: route({
    operationId: 'revokeHost',
    method: 'POST',
    url: '/v1/hosts/:id/revoke',
    role: 'administrator',
    summary: 'Revoke a host and all its certificates',
    bodyLimit: 2048,
    params: ById,
    body: strict({ reason: Type.String({ minLength: 1, maxLength: 500 }) }),
    reply: HostStatus,
  }),
  listBaselines: route({
    operationId: 'listBaselines',
    method: 'GET',
    url: '/v1/baselines',
    role: 'administrator',
    summary: 'The baselines',
    reply: strict({ baselines: Type.Array(BaselineShape) }),
  }),
  captureBaseline: route({
    operationId: 'captureBaseline',
    method: 'POST',
    url: '/v1/baselines',
    role: 'administrator',
    summary: 'Take the last authentic boot of a host as a baseline',
    bodyLimit: 1024,
    body: strict({ name: Name, hostId: Uuid }),
    reply: BaselineShape,
  }),
  retireBaseline: route({
    operationId: 'retireBaseline',
    method: 'POST',
    url: '/v1/baselines/:id/retire',
    role: 'administrator',
    summary: 'Accept a baseline no longer',
    bodyLimit: 1024,
    params: ById,
    reply: BaselineShape,
  }),
  listTpmRoots: route({
    operationId: 'listTpmRoots',
    method: 'GET',
    url: '/v1/tpm-roots',
    role: 'administrator',
    summary: 'The roots that endorsement key certificates must chain to',
    reply: strict({ roots: Type.Array(TpmRootShape) }),
  }),
  addTpmRoot: route({
    operationId: 'addTpmRoot',
    method: 'POST',
    url: '/v1/tpm-roots',
    role: 'administrator',
    summary: 'Trust the root of a TPM vendor; a software TPM only with insecureSoftwareTpm',
    bodyLimit: 64 * 1024,
    body: strict({
      certificate: Bytes(MAX_CERTIFICATE),
      vendor: Type.String({ minLength: 1, maxLength: 64 }),
      insecureSoftwareTpm: Type.Optional(Type.Boolean()),
    }),
    reply: TpmRootShape,
  }),
  listAudit: route({
    operationId: 'listAudit',
    method: 'GET',
    url: '/v1/audit',
    role: 'administrator',
    summary: 'The audit log of decisions, oldest first',
    query: SequencePage,
    reply: AuditPage,
  }),
} as const;
