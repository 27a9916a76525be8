import { fromBase64Url, fromHex, toBase64Url, toHex, utf8 } from '@sekimori/bytes';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { readJson } from '@sekimori/service-kit/program';
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { Enrolment, Health } from './state.ts';

// The files of a state folder: JSON, strict, with a version of their own.

const strict = { additionalProperties: false };
const Time = Type.String({ pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$' });
const Version = Type.Literal(1);

const EnrolmentRecord = Type.Object(
  {
    version: Version,
    hostId: Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' }),
    name: Type.String({ minLength: 1, maxLength: 63 }),
    endorsementKey: Type.Object(
      {
        kind: Type.Union([Type.Literal('rsa-2048'), Type.Literal('ecc-p384')]),
        name: Type.String({ pattern: '^([0-9a-f]{2}){22,66}$' }),
        fingerprint: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      },
      strict,
    ),
  },
  strict,
);

const HealthRecord = Type.Object(
  {
    version: Version,
    certificate: Type.Optional(
      Type.Object(
        {
          certificate: Type.String(),
          signer: Type.String(),
          pcrs: Type.Array(Type.Integer({ minimum: 0, maximum: 23 }), { minItems: 1, maxItems: 24 }),
          notAfter: Time,
          renewAfter: Time,
          receivedAt: Type.Optional(Time), // an earlier version did not keep it
          traceId: Type.String(),
        },
        strict,
      ),
    ),
    attempt: Type.Object(
      {
        at: Time,
        code: Type.String(),
        detail: Type.Optional(Type.String()),
        subStatus: Type.Optional(Type.Array(Type.String())),
        traceId: Type.Optional(Type.String()),
        url: Type.Optional(Type.String()),
      },
      strict,
    ),
  },
  strict,
);

type Damaged = Fault<'state-damaged'>;

export function writeEnrolment({ hostId, name, endorsementKey }: Enrolment): Uint8Array {
  const record: Static<typeof EnrolmentRecord> = {
    version: 1,
    hostId,
    name,
    endorsementKey: { ...endorsementKey, name: toHex(endorsementKey.name) },
  };
  return jsonOf(record);
}

/** `state-damaged`: not what `writeEnrolment` writes. */
export function readEnrolment(bytes: Uint8Array): Result<Enrolment, Damaged> {
  const record = recordOf(EnrolmentRecord, bytes);
  if (!record.ok) return record;
  const { hostId, name, endorsementKey } = record.value;
  const keyName = fromHex(endorsementKey.name);
  return keyName ? ok({ hostId, name, endorsementKey: { ...endorsementKey, name: keyName } }) : damaged('name');
}

export function writeHealth({ certificate, attempt }: Health): Uint8Array {
  const record: Static<typeof HealthRecord> = {
    version: 1,
    ...(certificate && {
      certificate: {
        certificate: toBase64Url(certificate.certificate),
        signer: toBase64Url(certificate.signer),
        pcrs: [...certificate.pcrs],
        notAfter: certificate.notAfter.toISOString(),
        renewAfter: certificate.renewAfter.toISOString(),
        receivedAt: certificate.receivedAt.toISOString(),
        traceId: certificate.traceId,
      },
    }),
    attempt: {
      at: attempt.at.toISOString(),
      code: attempt.code,
      ...(attempt.detail === undefined ? {} : { detail: attempt.detail }),
      ...(attempt.subStatus && { subStatus: [...attempt.subStatus] }),
      ...(attempt.traceId === undefined ? {} : { traceId: attempt.traceId }),
      ...(attempt.url === undefined ? {} : { url: attempt.url }),
    },
  };
  return jsonOf(record);
}

/** `state-damaged`: not what `writeHealth` writes. */
export function readHealth(bytes: Uint8Array): Result<Health, Damaged> {
  const record = recordOf(HealthRecord, bytes);
  if (!record.ok) return record;
  const { certificate: kept, attempt } = record.value;
  const at = new Date(attempt.at);
  if (Number.isNaN(at.getTime())) return damaged('attempt.at');
  if (!kept) return ok({ attempt: { ...attempt, at } });
  const [certificate, signer] = [fromBase64Url(kept.certificate), fromBase64Url(kept.signer)];
  const [notAfter, renewAfter] = [new Date(kept.notAfter), new Date(kept.renewAfter)];
  const receivedAt = new Date(kept.receivedAt ?? attempt.at);
  if (!certificate || !signer) return damaged('certificate');
  if ([notAfter, renewAfter, receivedAt].some((time) => Number.isNaN(time.getTime()))) return damaged('certificate');
  const { pcrs, traceId } = kept;
  return ok({
    certificate: { certificate, signer, pcrs, notAfter, renewAfter, receivedAt, traceId },
    attempt: { ...attempt, at },
  });
}

function jsonOf(value: object): Uint8Array {
  return utf8(`${JSON.stringify(value, null, 2)}\n`);
}

function recordOf<S extends TSchema>(schema: S, bytes: Uint8Array): Result<Static<S>, Damaged> {
  const value = readJson(bytes);
  if (!value.ok) return damaged(value.fault.detail);
  return Value.Check(schema, value.value) ? ok(value.value) : damaged('not as this program writes it');
}

function damaged(detail: string) {
  return fail('state-damaged', detail);
}
