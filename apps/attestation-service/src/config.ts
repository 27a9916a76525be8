import { FilePath } from '@sekimori/service-kit';
import { type Static, Type } from 'typebox';

const strict = { additionalProperties: false };
const Seconds = (description: string, fallback: number, maximum: number) =>
  Type.Integer({ minimum: 1, maximum, default: fallback, description });

/** The configuration of the attestation service: a JSON file, overridden by SEKIMORI_ATTESTATION_… variables. */
export const AttestationConfig = Type.Object(
  {
    serviceId: Type.String({
      minLength: 1,
      maxLength: 253,
      description: 'names this service in challenges and revocation statements',
    }),
    audience: Type.String({
      minLength: 1,
      maxLength: 253,
      description: 'the key protection services that health certificates are for',
    }),
    group: Type.String({
      minLength: 1,
      maxLength: 63,
      default: 'default',
      description: 'the host group that certificates name',
    }),
    listen: Type.Object(
      {
        host: Type.String({ default: '127.0.0.1' }),
        port: Type.Integer({ minimum: 0, maximum: 65535, default: 8443 }),
      },
      { ...strict, default: {} },
    ),
    tls: Type.Object({ key: FilePath(), certificate: FilePath() }, strict),
    database: FilePath({ description: 'the SQLite file' }),
    keys: FilePath({ description: 'the folder of the software key store' }),
    challengeKey: FilePath({ description: '32 bytes in a private file; the same on every node' }),
    signer: Type.Object(
      { key: Type.String(), certificate: FilePath(), ca: FilePath() },
      {
        ...strict,
        description: 'the attestation signer: its name in the key store, its certificate, and the CA above it (PEM)',
      },
    ),
    administrators: Type.Array(
      Type.Object(
        { name: Type.String({ minLength: 1, maxLength: 64 }), sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) },
        strict,
      ),
      {
        minItems: 1,
        maxItems: 64,
        description: 'name and SHA-256 of the bearer token of each administrator',
      },
    ),
    challengeSeconds: Seconds('how long a challenge is good', 120, 600),
    activationSeconds: Seconds('how long an activation is open', 120, 600),
    certificateSeconds: Seconds('how long a health certificate lives, from the challenge on', 8 * 3600, 24 * 3600),
    maxPendingHosts: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      default: 1000,
      description: 'hosts that may wait for approval; the oldest gives way to one more',
    }),
    pendingSeconds: Seconds('how long a host may wait for approval', 24 * 3600, 30 * 24 * 3600),
    pcrs: Type.Array(Type.Integer({ minimum: 0, maximum: 23 }), {
      minItems: 1,
      maxItems: 24,
      uniqueItems: true,
      default: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14],
      description:
        'the PCRs of the SHA-256 bank that every host quotes; with 10 among them, every host sends its list of IMA',
    }),
  },
  strict,
);
export type AttestationConfig = Static<typeof AttestationConfig>;
