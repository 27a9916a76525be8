import { toHex } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { IMA_PCR } from '@sekimori/event-log';
import type { QuotedBoot } from '@sekimori/policy';
import {
  AttestationKey,
  evidenceBinding,
  type QuoteFault,
  VerifiedHealthKey,
  VerifiedQuote,
} from '@sekimori/quote-verifier';
import { describeFault, expectOk, fail, ok, type Result } from '@sekimori/result';
import type { HostRecord, QuotedPcr, TpmCounters } from '@sekimori/store';
import { nameOf, TPM2B_PUBLIC, TPMS_ATTEST } from '@sekimori/tpm2';
import type { AttestationDeps } from '../deps.ts';
import type { Evidence } from './evidence.ts';
import { bootPcrs } from './ima.ts';

/** Evidence that the host's attestation key signed for this challenge, whatever else is wrong with it. */
export interface Authentic {
  readonly counters: TpmCounters;
  /** Empty where the quote is not over the PCRs that were asked for. */
  readonly pcrs: readonly QuotedPcr[];
  readonly verified: Result<VerifiedEvidence>;
}

export interface VerifiedEvidence {
  /** Without PCR 10. */
  readonly quote: QuotedBoot;
  /** PCR 10 as it was quoted; undefined where it was not asked for. */
  readonly imaPcr: Uint8Array | undefined;
  readonly healthKey: VerifiedHealthKey;
}

/** Found before the signature over this very challenge held: the evidence may be anybody's. */
const UNAUTHENTIC: ReadonlySet<QuoteFault['code']> = new Set([
  'quote-signature',
  'quote-malformed',
  'quote-type',
  'quote-signer',
  'quote-nonce',
]);

export function authenticate(deps: AttestationDeps, host: HostRecord, evidence: Evidence): Result<Authentic> {
  const { crypto, settings } = deps;
  if (!host.attestationKey) throw new Error('an active host has an attestation key');
  const attestationKey = expectOk(AttestationKey.enrol(crypto, host.attestationKey.public)); // checked at activation
  const area = decode(TPM2B_PUBLIC, evidence.healthKey);
  if (!area.ok) return fail('health-key-malformed', describeFault(area.fault));
  const clientKey = crypto.publicKey({ type: 'spki', der: evidence.clientKey });
  if (!clientKey.ok) return fail('client-key', describeFault(clientKey.fault));
  const extraData = evidenceBinding(crypto, {
    challenge: evidence.challenge,
    serviceId: settings.serviceId,
    hostId: host.id,
    healthKeyName: nameOf(crypto, area.value),
    clientKey: evidence.clientKey,
  });
  const pcrs = [...evidence.pcrs].map(([index, value]) => ({ index, value }));
  const quote = VerifiedQuote.verify(
    crypto,
    { ...evidence.quote, pcrs },
    {
      attestationKey,
      extraData,
      selection: { bank: 'sha256', indices: settings.pcrs },
      previous: host.counters ?? undefined,
    },
  );
  if (!quote.ok)
    return UNAUTHENTIC.has(quote.fault.code)
      ? quote
      : ok({ counters: signedCounters(evidence.quote.attest), pcrs: [], verified: quote });
  const healthKey = VerifiedHealthKey.verify(
    crypto,
    { ...evidence.certify, healthKey: evidence.healthKey },
    { attestationKey, extraData, quote: quote.value },
  );
  return ok({
    counters: quote.value.counters,
    pcrs: [...quote.value.pcrs].map(([index, value]) => ({ index, value: toHex(value) })),
    verified: healthKey.ok
      ? ok({
          quote: quotedBoot(quote.value, host.counters),
          imaPcr: quote.value.pcr(IMA_PCR),
          healthKey: healthKey.value,
        })
      : healthKey,
  });
}

/** Of a quote whose signature held. */
function signedCounters(attest: Uint8Array): TpmCounters {
  const { clockInfo, firmwareVersion } = expectOk(decode(TPMS_ATTEST, attest));
  const { resetCount, restartCount, clock } = clockInfo;
  return { resetCount, restartCount, clock, firmwareVersion };
}

function quotedBoot(quote: VerifiedQuote, previous: TpmCounters | null): QuotedBoot {
  const { firmwareVersion, ...clock } = quote.counters;
  return {
    ...bootPcrs(quote.selection.bank, quote.pcrs),
    clock: { ...clock, safe: quote.clockSafe },
    firmware: { version: firmwareVersion, ...(previous && { previous: previous.firmwareVersion }) },
  };
}
