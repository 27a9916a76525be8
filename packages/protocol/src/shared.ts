import { type Static, type TProperties, Type } from 'typebox';

/** Unknown fields are refused everywhere. */
export function strict<P extends TProperties>(properties: P) {
  return Type.Object(properties, { additionalProperties: false });
}

/** base64url without padding (RFC 4648 section 5), at most `maxBytes` bytes. */
export function Bytes(maxBytes: number, minBytes = 1) {
  return Type.String({
    pattern: '^[A-Za-z0-9_-]*$',
    minLength: Math.ceil((minBytes * 4) / 3),
    maxLength: Math.ceil((maxBytes * 4) / 3),
    description: 'base64url without padding',
  });
}

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
export const Uuid = Type.String({ pattern: `^${UUID}$` });
/** Never in the form of an identifier: a command that takes a name or an id must not be led to another thing. */
export const Name = Type.String({
  pattern: `^(?!${UUID.replaceAll('a-f', 'a-fA-F')}$)[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`,
  description: 'letters, digits, . _ -; at most 63; not a UUID',
});
export const HexDigest = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 in lower-case hex' });
export const Time = Type.String({
  pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z$',
  description: 'ISO 8601, UTC',
});
export const Page = strict({
  after: Type.Optional(Type.String({ maxLength: 64 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
});

/** For lists in the order of a sequence number. */
export const SequencePage = strict({
  after: Type.Optional(Type.Integer({ minimum: 0 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
});

export const CheckpointShape = strict({ index: Type.Integer({ minimum: 0 }), hash: HexDigest });
export type Checkpoint = Static<typeof CheckpointShape>;

export const AuditEntryShape = strict({
  index: Type.Integer({ minimum: 1 }),
  at: Time,
  kind: Type.String(),
  actor: Type.String(),
  subject: Type.String(),
  traceId: Type.Optional(Type.String()),
  body: Type.Unknown(),
  hash: HexDigest,
});
export type AuditEntry = Static<typeof AuditEntryShape>;
