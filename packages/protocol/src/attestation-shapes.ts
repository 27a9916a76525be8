import { type Static, Type } from 'typebox';
import { AuditEntryShape, Bytes, CheckpointShape, HexDigest, Name, strict, Time, Uuid } from './shared.ts';

export const MAX_CERTIFICATE = 16 * 1024;
const MAX_EVENT_LOG = 1024 * 1024;
/** Some 32 000 measured files, or 16 000 with signatures; a server that measures all it runs has about 5 000. */
const MAX_IMA_LIST = 4 * 1024 * 1024;
const PcrIndex = Type.Integer({ minimum: 0, maximum: 23 });
export const ById = strict({ id: Uuid });

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

const PcrShape = strict({ index: PcrIndex, value: HexDigest });

/** The part of a list of IMA that the quoted PCR 10 vouches for. It is replayed; no policy judges it. */
export const ImaShape = strict({
  entries: Type.Integer({ minimum: 1 }),
  violations: Type.Integer({ minimum: 0, description: 'entries whose file the kernel could not measure' }),
  digest: HexDigest, // over the bytes of these entries
  extended: Type.Union([Type.Literal('own-digest'), Type.Literal('padded-sha1')], {
    description: 'padded-sha1: a kernel before 5.8, whose PCR is worth no more than SHA-1',
  }),
});
export type ImaShape = Static<typeof ImaShape>;

export const VerdictShape = strict({
  at: Time,
  traceId: Type.String({ description: 'names this verdict; a baseline is captured by it' }),
  good: Type.Boolean(),
  code: Type.String({ description: "'good' or the fault code that the host heard" }),
  subStatus: Type.Array(Type.String()),
  findings: Type.Array(FindingShape),
  baselineId: Type.Optional(Type.String()),
  policyVersion: Type.Integer(),
  policyDigest: HexDigest,
  logDigest: HexDigest,
  pcrs: Type.Array(PcrShape, { description: 'as they were quoted' }),
  ima: Type.Optional(ImaShape),
});
export type VerdictShape = Static<typeof VerdictShape>;

export const HostDetail = strict({
  ...HostStatus.properties,
  properties: EnrolRequest.properties.properties,
  endorsementKeys: Type.Array(
    strict({
      spkiHash: HexDigest,
      manufacturer: Type.String({ description: 'TCG vendor id, 8 hex digits' }),
      vendor: Type.Optional(Type.String({ description: 'whose vendor id it is, where it is a known one' })),
      model: Type.String(),
      trustedBy: Type.String(),
      findings: Type.Array(Type.String(), { description: 'what is not as it should be with the certificate now' }),
    }),
  ),
  attestationKeyName: Type.Optional(Type.String()),
  enrolledAt: Time,
  approvedAt: Type.Optional(Time),
  approvedBy: Type.Optional(Type.String()),
  revokedAt: Type.Optional(Time),
  removedAt: Type.Optional(Time),
  verdicts: Type.Array(VerdictShape),
});
export type HostDetail = Static<typeof HostDetail>;

export const ActivationRequest = strict({ akPublic: Bytes(1024) }); // TPM2B_PUBLIC

/** A credential for the attestation key, encrypted to one endorsement key. */
const CredentialShape = strict({
  credentialBlob: Bytes(1024), // TPM2B_ID_OBJECT
  encryptedSecret: Bytes(1024), // TPM2B_ENCRYPTED_SECRET
});

export const ActivationReply = strict({
  activationId: Uuid,
  credentials: Type.Array(CredentialShape, {
    minItems: 1,
    maxItems: 4,
    description: 'one for each endorsement key, in the order of enrolment; the proof needs all of them',
  }),
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

/** The Evidence: quote, PCR values, boot log, list of IMA where it is asked for, and the health key certified by the attestation key. */
export const AttestRequest = strict({
  challenge: Bytes(128),
  hostId: Uuid,
  quote: AttestShape,
  certify: AttestShape,
  healthKey: Bytes(1024), // TPM2B_PUBLIC
  pcrs: Type.Array(strict({ index: PcrIndex, value: Bytes(32, 32) }), { minItems: 1, maxItems: 24 }),
  eventLog: Bytes(MAX_EVENT_LOG, 0),
  /** binary_runtime_measurements, whole, read after the quote. With PCR 10 among the challenge's, and only then. */
  imaList: Type.Optional(Bytes(MAX_IMA_LIST, 0)),
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
  pcrs: Type.Array(PcrShape),
});
export type BaselineShape = Static<typeof BaselineShape>;

/** What becomes of certificates that were issued before a change. */
const Outstanding = {
  /** By then the last of them has ended by itself. */
  certificatesUntil: Time,
  /** Those over evidence from before are refused within seconds. */
  denyIssuedBefore: Type.Optional(Time),
};
export const ApplyNow = Type.Optional(
  Type.Boolean({ description: 'end all certificates issued so far: every host must attest again' }),
);

export const RetireReply = strict({ ...BaselineShape.properties, ...Outstanding });
export type RetireReply = Static<typeof RetireReply>;

export const SecureBoot = Type.Union([Type.Literal('required'), Type.Literal('not-required')]);

export const PolicyShape = strict({
  version: Type.Integer({ description: 'rises with each change of settings or baselines' }),
  digest: HexDigest,
  secureBoot: SecureBoot,
  fullBoot: Type.Literal(true),
  denyIssuedBefore: Outstanding.denyIssuedBefore,
});
export type PolicyShape = Static<typeof PolicyShape>;

export const SetPolicyReply = strict({ ...PolicyShape.properties, ...Outstanding });
export type SetPolicyReply = Static<typeof SetPolicyReply>;

export const TpmVendorId = Type.String({ pattern: '^[0-9a-f]{8}$', description: 'TCG vendor id: 53544d20' });

export const TpmRootShape = strict({
  fingerprint: HexDigest,
  subject: Type.String(),
  vendor: Type.String(),
  addedAt: Time,
  addedBy: Type.String(),
  insecure: Type.Boolean(),
  manufacturers: Type.Optional(
    Type.Array(TpmVendorId, {
      description: 'the only ones it vouches for; absent: known makers of hardware, or all for an insecure root',
    }),
  ),
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
