import { equal, fromBase64Url, fromHex } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { type Crypto, sameKey } from '@sekimori/crypto-core';
import { HOST_HEALTH_CLAIMS, readClaims, VerifiedHealthCertificate } from '@sekimori/health-certificate';
import { type Certificate, parseCertificate, validatePath } from '@sekimori/pki';
import type { AttestReply, AttestRequest } from '@sekimori/protocol';
import { describeFault, type Fault, ok, type Result } from '@sekimori/result';
import { publicKeyOf, TPM2B_PUBLIC } from '@sekimori/tpm2';
import { type HostFault, hostFault } from './faults.ts';
import type { Enrolment, HealthCertificate } from './state/state.ts';

/**
 * Whether the certificate is for what was sent: this host and endorsement key, this health key, this TLS key, by a trusted signer. Only the
 * clocks of the services count for its life, so a local clock that is late does not matter here.
 */
export function acceptCertificate(
  crypto: Crypto,
  parts: {
    readonly enrolment: Enrolment;
    readonly request: AttestRequest;
    readonly reply: AttestReply;
    readonly at: Date;
    readonly signers?: readonly Certificate[];
  },
): Result<HealthCertificate, HostFault> {
  const { enrolment, request, reply } = parts;
  const [leaf, signer] = [parsed(reply.healthCertificate), parsed(reply.signer)];
  if (!leaf || !signer) return refused('it is no certificate');
  const at = new Date(Math.max(parts.at.getTime(), leaf.notBefore.getTime(), signer.notBefore.getTime()));
  if (parts.signers && !isTrusted(crypto, signer, parts.signers, at)) return refused('its signer is not a trusted one');
  const claims = readClaims(leaf.extensions.all.get(HOST_HEALTH_CLAIMS)?.value ?? new Uint8Array(0));
  if (!claims.ok) return refused(describeFault(claims.fault), claims.fault);
  // Level, audience and revocation are for the relying party to judge.
  const verified = VerifiedHealthCertificate.verify(crypto, leaf.der, {
    signers: [{ certificate: signer }],
    at,
    audience: claims.value.audience,
    minimumLevel: 'identity',
    isRevoked: () => false,
  });
  if (!verified.ok) return refused(describeFault(verified.fault), verified.fault);
  const health = verified.value;
  const clientKey = fromBase64Url(request.clientKey);
  const ekHash = fromHex(enrolment.endorsementKey.fingerprint);
  const healthKey = healthKeyIn(crypto, request);
  if (!healthKey || !sameKey(health.healthKey, healthKey)) return refused('it is over another health key');
  if (health.claims.hostId !== enrolment.hostId) return refused('it names another host');
  if (!ekHash || !equal(health.claims.ekHash, ekHash)) return refused('it names another endorsement key');
  if (!clientKey || !health.isConfirmedBy(crypto, clientKey)) return refused('it names another TLS key');
  return ok({
    certificate: leaf.der,
    signer: signer.der,
    pcrs: request.pcrs.map(({ index }) => index),
    notAfter: health.notAfter,
    renewAfter: new Date(reply.renewAfter),
    receivedAt: parts.at,
    traceId: reply.traceId,
  });
}

function parsed(text: string): Certificate | undefined {
  const bytes = fromBase64Url(text);
  const certificate = bytes && parseCertificate(bytes);
  return certificate?.ok ? certificate.value : undefined;
}

function isTrusted(crypto: Crypto, signer: Certificate, roots: readonly Certificate[], at: Date): boolean {
  return validatePath(crypto, signer, { intermediates: [], roots, at, purpose: 'any' }).ok;
}

function healthKeyIn(crypto: Crypto, request: AttestRequest) {
  const bytes = fromBase64Url(request.healthKey);
  const area = bytes && decode(TPM2B_PUBLIC, bytes);
  const key = area?.ok ? publicKeyOf(crypto, area.value) : undefined;
  return key?.ok ? key.value : undefined;
}

function refused(why: string, cause?: Fault) {
  return hostFault('health-certificate-unexpected', `the health certificate is not accepted: ${why}`, cause);
}
