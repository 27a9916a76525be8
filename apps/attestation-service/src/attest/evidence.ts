import type { AttestRequest } from '@sekimori/protocol';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { readBytes, readFields } from '../wire.ts';

/** The request's bytes. Nothing of it is believed yet. */
export interface Evidence {
  readonly challenge: Uint8Array;
  readonly quote: { readonly attest: Uint8Array; readonly signature: Uint8Array };
  readonly certify: { readonly attest: Uint8Array; readonly signature: Uint8Array };
  /** TPM2B_PUBLIC. */
  readonly healthKey: Uint8Array;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly eventLog: Uint8Array;
  /** Of IMA, binary. */
  readonly imaList?: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly clientKey: Uint8Array;
}

export function readEvidence(request: AttestRequest): Result<Evidence, Fault<'malformed-request'>> {
  const { challenge, quote, certify, healthKey, eventLog, imaList, clientKey } = request;
  const fields = readFields({
    challenge,
    'quote.attest': quote.attest,
    'quote.signature': quote.signature,
    'certify.attest': certify.attest,
    'certify.signature': certify.signature,
    healthKey,
    eventLog,
    clientKey,
  });
  if (!fields.ok) return fields;
  const pcrs = new Map<number, Uint8Array>();
  for (const { index, value } of request.pcrs) {
    const read = readBytes(value, 'pcrs.value');
    if (!read.ok) return read;
    if (pcrs.has(index)) return fail('malformed-request', `pcrs: PCR ${index} comes twice`);
    pcrs.set(index, read.value);
  }
  const list = imaList === undefined ? undefined : readBytes(imaList, 'imaList');
  if (list && !list.ok) return list;
  const bytes = fields.value;
  return ok({
    challenge: bytes.challenge,
    quote: { attest: bytes['quote.attest'], signature: bytes['quote.signature'] },
    certify: { attest: bytes['certify.attest'], signature: bytes['certify.signature'] },
    healthKey: bytes.healthKey,
    pcrs,
    eventLog: bytes.eventLog,
    ...(list && { imaList: list.value }),
    clientKey: bytes.clientKey,
  });
}
