import { type Static, type TProperties, Type } from 'typebox';

// How a host stands: what `status` tells, and the agent on its socket.

const strict = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const Time = Type.String();

/** The names of HGS for how a host stands; MSFT_HgsClientConfiguration. */
export const HostAttestationStatus = Type.Union([
  Type.Literal('NotConfigured'),
  Type.Literal('Unknown'),
  Type.Literal('Passed'),
  Type.Literal('Expired'),
  Type.Literal('TransientError'),
  Type.Literal('UnauthorizedHost'),
  Type.Literal('TpmError'),
  Type.Literal('InsecureHostConfiguration'),
]);
export type HostAttestationStatus = Static<typeof HostAttestationStatus>;

const standing = {
  attestationStatus: HostAttestationStatus,
  /** Names of the checks that failed at the last attestation. */
  attestationSubStatus: Type.Array(Type.String()),
  enrolment: Type.Optional(
    strict({
      hostId: Type.String(),
      name: Type.String(),
      ekFingerprint: Type.String(),
      /** 'unknown' where the service cannot be asked. */
      state: Type.Union([
        Type.Literal('pending'),
        Type.Literal('approved'),
        Type.Literal('active'),
        Type.Literal('revoked'),
        Type.Literal('unknown'),
      ]),
    }),
  ),
  healthCertificate: Type.Optional(
    strict({
      /** In its time and over the health key of this boot; absent where the TPM cannot be asked. */
      valid: Type.Optional(Type.Boolean()),
      notAfter: Time,
      renewAfter: Time,
    }),
  ),
  lastAttestation: Type.Optional(
    strict({
      at: Time,
      /** 'passed' or a fault code. */
      code: Type.String(),
      detail: Type.Optional(Type.String()),
      subStatus: Type.Optional(Type.Array(Type.String())),
      traceId: Type.Optional(Type.String()),
      url: Type.Optional(Type.String()),
    }),
  ),
};

/** How this host stands with one attestation service. */
export const ServiceReport = strict({ service: Type.String(), ...standing });
export type ServiceReport = Static<typeof ServiceReport>;

/** What the agent tells of itself. */
export const AgentReport = strict({
  version: Type.String(),
  pid: Type.Integer(),
  stateFolder: Type.String(),
  startedAt: Time,
  /** Absent in local mode. */
  nextAttestation: Type.Optional(Time),
  failuresInARow: Type.Integer(),
});
export type AgentReport = Static<typeof AgentReport>;

/** In HGS's names, with those of the attestation service that decides. */
export const HostReport = strict({
  mode: Type.Union([Type.Literal('Local'), Type.Literal('HostGuardianService')]),
  /** True when keys would be released to this host now, as far as this host can tell. */
  isHostGuarded: Type.Boolean(),
  attestationOperationMode: Type.Union([Type.Literal('Unknown'), Type.Literal('Tpm')]),
  ...standing,
  /** Whether another address than the first one answered last. */
  isFallbackInUse: Type.Boolean(),
  /** The address that answered last, else the first one. */
  attestationServerUrl: Type.Optional(Type.String()),
  keyProtectionServerUrl: Type.Optional(Type.String()),
  /** Each attestation service, in the order in which they are asked. */
  services: Type.Array(ServiceReport),
  /** Why something is unknown. */
  remarks: Type.Array(Type.String()),
  /** Where the agent answers. */
  agent: Type.Optional(AgentReport),
});
export type HostReport = Static<typeof HostReport>;
