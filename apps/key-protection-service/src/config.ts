import { FilePath } from '@sekimori/service-kit';
import { type Static, Type } from 'typebox';

const strict = { additionalProperties: false };

/** The configuration of the key protection service: a JSON file, overridden by SEKIMORI_KPS_… variables. */
export const KeyProtectionConfig = Type.Object(
  {
    audience: Type.String({ minLength: 1, maxLength: 253, description: 'as health certificates must name it' }),
    listen: Type.Object(
      {
        host: Type.String({ default: '127.0.0.1' }),
        port: Type.Integer({ minimum: 0, maximum: 65535, default: 8444 }),
      },
      { ...strict, default: {} },
    ),
    tls: Type.Object({ key: FilePath(), certificate: FilePath() }, strict),
    database: FilePath({ description: 'the SQLite file' }),
    keys: FilePath({ description: 'the folder of the software key store' }),
    guardian: Type.Object(
      { metadata: FilePath(), signing: Type.String(), encryption: Type.String() },
      { ...strict, description: 'the guardian metadata document and the names of its keys in the key store' },
    ),
    attestation: Type.Object(
      {
        serviceId: Type.String({ minLength: 1, maxLength: 253 }),
        signers: FilePath({ description: 'the attestation signers to trust, one by one (PEM)' }),
        url: Type.String({ pattern: '^https://[^/?#]+$', description: 'where revocation statements come from' }),
        ca: FilePath({ description: 'the CA of that address (PEM)' }),
      },
      strict,
    ),
    minimumLevel: Type.Union(
      [
        Type.Literal('identity'),
        Type.Literal('measured'),
        Type.Literal('measured-locked'),
        Type.Literal('confidential'),
      ],
      {
        default: 'measured',
        description: 'the floor for every release',
      },
    ),
    insecureMinimumLevelIdentity: Type.Boolean({
      default: false,
      description: 'allows the floor identity: hosts whose software nobody looked at',
    }),
    administrators: Type.Array(
      Type.Object(
        { name: Type.String({ minLength: 1, maxLength: 64 }), sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) },
        strict,
      ),
      { minItems: 1, maxItems: 64, description: 'name and SHA-256 of the bearer token of each administrator' },
    ),
  },
  strict,
);
export type KeyProtectionConfig = Static<typeof KeyProtectionConfig>;

/** What needs the long setting beside it. */
export const UNSAFE_SETTINGS = [
  {
    what: "the floor 'identity' releases keys to hosts whose software nobody looked at",
    when: (config: KeyProtectionConfig) => config.minimumLevel === 'identity',
    allowedBy: 'insecureMinimumLevelIdentity',
  },
] as const;
