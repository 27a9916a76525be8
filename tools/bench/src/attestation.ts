import {
  attest,
  type AttestationDeps,
  captureBaseline,
  ensurePolicy,
  openChallenge,
} from '@sekimori/attestation-service/use-cases';
import { fromBase64Url, toBase64Url, toHex } from '@sekimori/bytes';
import { randomUuid, Secret, signingKeyOf } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { ChainCache, issueAttestationSignerCertificate, issueServerCa, writeName } from '@sekimori/pki';
import type { AttestReply, AttestRequest } from '@sekimori/protocol';
import { evidenceBinding } from '@sekimori/quote-verifier';
import { expectOk } from '@sekimori/result';
import type { AttestationStore } from '@sekimori/store';
import { boot, createFixedClock, QUOTED_PCRS, START, virtualHost } from '@sekimori/testkit';

/** An attestation service without its server, and one active host whose boot is its baseline. */
export interface Attestation {
  readonly deps: AttestationDeps;
  /** Evidence of the host for a challenge of its own: good for one `attest`. */
  readonly request: () => Promise<AttestRequest>;
  /** Throws for a refusal. */
  readonly attest: (request: AttestRequest) => Promise<AttestReply>;
  /** SubjectPublicKeyInfo of the host's TLS client key, DER. */
  readonly clientKey: Uint8Array;
  /** Bytes of one TPMS_ATTEST, and of the part of a health certificate that is signed. */
  readonly sizes: { readonly attest: number; readonly certificate: number };
}

export const AUDIENCE = 'key-protection.example';
export const SERVICE_ID = 'attestation.example';
const HOUR = 3_600_000;

/** The `n`th host of the store; all boot alike, so the first one's baseline is for all. */
export async function attestation(store: AttestationStore, n = 0): Promise<Attestation> {
  const clock = createFixedClock();
  const host = await virtualHost({ crypto, boot: boot('uki-snakeoil'), now: clock.now });
  const deps: AttestationDeps = {
    crypto,
    store,
    clock,
    challengeKey: { crypto, macKey: new Secret(crypto.random(32)), serviceId: SERVICE_ID },
    signer: await attestationSigner(),
    settings: {
      serviceId: SERVICE_ID,
      audience: AUDIENCE,
      group: 'default',
      challengeSeconds: 120,
      activationSeconds: 120,
      certificateSeconds: 28_800,
      maxPendingHosts: 10,
      pendingSeconds: 86_400,
      pcrs: QUOTED_PCRS,
      version: '0.0.0',
      insecure: [],
    },
    chains: new ChainCache(),
  };
  await ensurePolicy(deps);
  const attestationKey = await host.attestationKey();
  const hostId = await activeHost(store, attestationKey, n);
  const clientKey = (await crypto.generateKey({ type: 'ec', curve: 'P-256' })).publicKey.spki;
  const healthKeyName = (await host.healthKey()).name;

  const openFor = openChallenge(deps);
  const request = async (): Promise<AttestRequest> => {
    const { challenge } = expectOk(await openFor(hostId));
    const context = { challenge: bytesOf(challenge), serviceId: SERVICE_ID, hostId, healthKeyName, clientKey };
    const evidence = await host.evidence({ extraData: evidenceBinding(crypto, context) });
    const written = (part: { readonly attest: Uint8Array; readonly signature: Uint8Array }) => ({
      attest: toBase64Url(part.attest),
      signature: toBase64Url(part.signature),
    });
    return {
      challenge,
      hostId,
      quote: written(evidence.quote),
      certify: written(evidence.certify),
      healthKey: toBase64Url(evidence.healthKey),
      pcrs: evidence.pcrs.map(({ index, value }) => ({ index, value: toBase64Url(value) })),
      eventLog: toBase64Url(evidence.eventLog),
      clientKey: toBase64Url(clientKey),
    };
  };
  const attestOnce = attest(deps);
  const traceId = toHex(crypto.random(16));

  // With no baseline there is no way to pass; the Evidence is kept all the same, and becomes the baseline.
  const first = await request();
  await attestOnce(first, traceId);
  if (n === 0) expectOk(await captureBaseline(deps)({ name: 'bench', hostId, traceId }, { actor: 'bench', traceId }));
  const trusted = async (sent: AttestRequest) => expectOk(await attestOnce(sent, traceId));
  const { healthCertificate } = await trusted(await request());
  return {
    deps,
    request,
    attest: trusted,
    clientKey,
    sizes: { attest: bytesOf(first.quote.attest).length, certificate: bytesOf(healthCertificate).length },
  };
}

export function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64Url(text);
  if (!bytes) throw new Error('not base64url');
  return bytes;
}

/** As enrolment leaves it. The endorsement key plays no part after that. */
async function activeHost(
  store: AttestationStore,
  { tpm2bPublic, name }: { readonly tpm2bPublic: Uint8Array; readonly name: Uint8Array },
  n: number,
): Promise<string> {
  const [id, activationId, spkiHash, proofHash] = [
    randomUuid(crypto),
    randomUuid(crypto),
    n.toString(16).padStart(64, '1'),
    '2'.repeat(64),
  ];
  const expiresAt = new Date(START.getTime() + HOUR);
  const endorsementKey = { public: new Uint8Array(1), certificate: new Uint8Array(1), spkiHash };
  const host = { id, name: `node${n}`, endorsementKeys: [endorsementKey], properties: {}, enrolledAt: START } as const;
  expectOk(await store.enrolHost({ host, maxPending: 1 }));
  const approval = { id, ekFingerprint: spkiHash, by: 'bench', at: START, audit: draft('host.approved') };
  expectOk(await store.approveHost(approval));
  const activation = { activationId, hostId: id, attestationKey: { public: tpm2bPublic, name }, proofHash, expiresAt };
  expectOk(await store.openActivation(activation));
  const audit = { completed: draft('host.activated'), failed: draft('host.activation-failed') };
  expectOk(await store.completeActivation({ activationId, proofHash, at: START, audit }));
  return id;
}

async function attestationSigner(): Promise<AttestationDeps['signer']> {
  const life = { notBefore: new Date(START.getTime() - HOUR), notAfter: new Date(START.getTime() + 1000 * HOUR) };
  const caKey = signingKeyOf(await crypto.generateKey({ type: 'ec', curve: 'P-256' }));
  const ca = await issueServerCa(crypto, { subject: writeName({ CN: 'server CA' }), ...life, key: caKey });
  const key = signingKeyOf(await crypto.generateKey({ type: 'ec', curve: 'P-256' }));
  const certificate = await issueAttestationSignerCertificate(crypto, {
    subject: writeName({ CN: 'attestation signer' }),
    ...life,
    publicKey: key.publicKey,
    issuer: { certificate: ca, key: caKey },
  });
  return { key, certificate, ca };
}

function draft(kind: string) {
  return { at: START, kind, actor: 'bench', subject: 'bench', body: {} };
}
