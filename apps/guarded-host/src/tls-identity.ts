import { type Crypto, type Secret, signingKeyOf } from '@sekimori/crypto-core';
import { issueTlsClientCertificate, NO_EXPIRY, writeName, writePem } from '@sekimori/pki';
import { describeFault, ok, type Result } from '@sekimori/result';
import type { Clock } from '@sekimori/service-kit/program';
import { type HostFault, hostFault } from './faults.ts';
import type { HostState } from './state/state.ts';

/** How this host shows itself in TLS: known by its key alone, which the health certificate names. */
export interface TlsIdentity {
  /** PKCS#8, DER. */
  readonly key: Secret;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** Self-signed, PEM. Made anew each time: nothing but its key counts. */
  readonly certificate: string;
}

/** The client key of the state folder, made at the first use, as `nodeTransport` takes it. */
export async function openTlsIdentity({
  crypto,
  state,
  clock,
}: {
  readonly crypto: Crypto;
  readonly state: Pick<HostState, 'clientKey' | 'saveClientKey'>;
  readonly clock: Clock;
}): Promise<Result<TlsIdentity, HostFault>> {
  const kept = await state.clientKey();
  if (!kept.ok) return kept;
  const saved = kept.value ? ok(kept.value) : await state.saveClientKey(await newKey(crypto));
  if (!saved.ok) return saved;
  const key = crypto.privateKey(saved.value);
  if (!key.ok) return hostFault('state-damaged', `the TLS client key: ${describeFault(key.fault)}`);
  const certificate = await issueTlsClientCertificate(crypto, {
    subject: writeName({ O: 'Sekimori', CN: 'guarded host' }),
    notBefore: clock.now(),
    notAfter: NO_EXPIRY,
    key: signingKeyOf(key.value),
  });
  return ok({
    key: saved.value,
    spki: key.value.publicKey.spki,
    certificate: writePem('CERTIFICATE', certificate.der),
  });
}

async function newKey(crypto: Crypto): Promise<Secret> {
  return (await crypto.generateKey({ type: 'ec', curve: 'P-256' })).export();
}
