import { fromBase64Url, toBase64Url, toHex } from '@sekimori/bytes';
import type { Secret } from '@sekimori/crypto-core';
import type { ActivationReply, AttestRequest, BaselineShape, EnrolRequest, HostDetail } from '@sekimori/protocol';
import { activationProof, evidenceBinding } from '@sekimori/quote-verifier';
import { expectOk } from '@sekimori/result';
import {
  boot,
  createTlsClient,
  type Defect,
  type Evidence,
  QUOTED_PCRS,
  virtualHost,
  type VirtualHost,
} from '@sekimori/testkit';
import { activateCredential, type LoadedKey } from '@sekimori/tpm2';
import { crypto } from './authority.ts';
import type { Wire } from './wire.ts';

/** A machine with a software TPM, booted as recorded. */
export function aMachine(pcrs: readonly number[] = QUOTED_PCRS): Promise<VirtualHost> {
  return virtualHost({ crypto, boot: boot('uki-snakeoil'), pcrs });
}

export async function aClientKey(): Promise<Uint8Array> {
  return (await createTlsClient(crypto)).spki;
}

export async function trustVendor(wire: Wire, machine: VirtualHost, insecureSoftwareTpm = true): Promise<void> {
  const certificate = toBase64Url(machine.vendorCa.certificate.der);
  expectOk(await wire('addTpmRoot', { body: { certificate, vendor: 'software', insecureSoftwareTpm } }));
}

export async function enrolRequest(machine: VirtualHost, name = 'node1'): Promise<EnrolRequest> {
  const { tpm2bPublic, certificate } = await machine.endorsementKey();
  return {
    name,
    endorsementKeys: [{ public: toBase64Url(tpm2bPublic), certificate: toBase64Url(certificate) }],
    intermediates: [],
    properties: { manufacturer: 'Sekimori', firmware: '1' },
  };
}

/** Enrolled and approved, by the fingerprint of the machine itself. */
export async function approvedHost(wire: Wire, machine: VirtualHost, name?: string): Promise<string> {
  const { id } = expectOk(await wire('enrolHost', { body: await enrolRequest(machine, name) }));
  const ekFingerprint = await fingerprintOf(machine);
  expectOk(await wire('approveHost', { params: { id }, body: { ekFingerprint } }));
  return id;
}

export async function fingerprintOf(machine: VirtualHost): Promise<string> {
  const { unique } = (await machine.endorsementKey()).publicArea.value;
  if (unique.is !== 'rsa') throw new Error('the endorsement key is RSA');
  const key = expectOk(crypto.publicKey({ type: 'rsa', modulus: unique.value, exponent: 65537 }));
  return toHex(crypto.hash('sha256', key.spki));
}

export async function openActivation(wire: Wire, machine: VirtualHost, id: string): Promise<ActivationReply> {
  const akPublic = toBase64Url((await machine.attestationKey()).tpm2bPublic);
  return expectOk(await wire('openActivation', { params: { id }, body: { akPublic } }));
}

/** What the machine's TPM gives out for the credential. */
export async function secretOf(machine: VirtualHost, reply: ActivationReply): Promise<Secret> {
  const [first] = await secretsOf(machine, reply, [await machine.endorsementKey()]);
  return first!;
}

/** The same for these endorsement keys. */
export async function secretsOf(
  machine: VirtualHost,
  { credentials }: ActivationReply,
  keys: readonly LoadedKey[],
): Promise<readonly Secret[]> {
  const secrets: Secret[] = [];
  for (const [at, key] of keys.entries()) {
    const { credentialBlob, encryptedSecret } = credentials[at]!;
    const credential = { credentialBlob: bytes(credentialBlob), encryptedSecret: bytes(encryptedSecret) };
    secrets.push(expectOk(await activateCredential(machine.tpm, key, await machine.attestationKey(), credential)));
  }
  return secrets;
}

export async function proofOf(machine: VirtualHost, id: string, reply: ActivationReply): Promise<Uint8Array> {
  const { name } = await machine.attestationKey();
  return activationProof(crypto, [await secretOf(machine, reply)], id, name);
}

/** An enrolled machine, with the key it uses for TLS. */
export interface Host {
  readonly id: string;
  readonly machine: VirtualHost;
  readonly clientKey: Uint8Array;
}

/** From a stranger to an active host: root, enrolment, approval, activation. */
export async function activeHost(wire: Wire, machine: VirtualHost, name?: string): Promise<Host> {
  const fingerprint = machine.vendorCa.certificate.fingerprint(crypto);
  const { roots } = expectOk(await wire('listTpmRoots'));
  if (!roots.some((root) => root.fingerprint === fingerprint)) await trustVendor(wire, machine);
  const id = await approvedHost(wire, machine, name);
  const opened = await openActivation(wire, machine, id);
  const proof = toBase64Url(await proofOf(machine, id, opened));
  expectOk(await wire('completeActivation', { params: { id: opened.activationId }, body: { proof } }));
  return { id, machine, clientKey: await aClientKey() };
}

/** What the evidence of one request is bound to, where a test wants it otherwise than it is sent. */
interface Bound {
  readonly challenge?: string;
  readonly serviceId?: string;
  readonly hostId?: string;
  readonly clientKey?: Uint8Array;
}

/** Good evidence for a fresh challenge, or for the one given; with one defect, or bound to something else. */
export async function evidenceFor(
  wire: Wire,
  host: Host,
  {
    defect,
    bound = {},
    challenge,
  }: { readonly defect?: Defect; readonly bound?: Bound; readonly challenge?: string } = {},
): Promise<AttestRequest> {
  const given = challenge ?? (await aChallenge(wire, host));
  const context = {
    challenge: bytes(bound.challenge ?? given),
    serviceId: bound.serviceId ?? 'hgs.example',
    hostId: bound.hostId ?? host.id,
    clientKey: bound.clientKey ?? host.clientKey,
  };
  const extraData = (healthKeyName: Uint8Array) => evidenceBinding(crypto, { ...context, healthKeyName });
  return onWire(await host.machine.evidence({ extraData }, defect), host, given);
}

export async function aChallenge(wire: Wire, { id }: Pick<Host, 'id'>): Promise<string> {
  return expectOk(await wire('challenge', { body: { hostId: id } })).challenge;
}

function onWire(evidence: Evidence, { id, clientKey }: Host, challenge: string): AttestRequest {
  const text = (part: Evidence['quote']) => ({
    attest: toBase64Url(part.attest),
    signature: toBase64Url(part.signature),
  });
  return {
    challenge,
    hostId: id,
    quote: text(evidence.quote),
    certify: text(evidence.certify),
    healthKey: toBase64Url(evidence.healthKey),
    pcrs: evidence.pcrs.map(({ index, value }) => ({ index, value: toBase64Url(value) })),
    eventLog: toBase64Url(evidence.eventLog),
    ...(evidence.imaList && { imaList: toBase64Url(evidence.imaList) }),
    clientKey: toBase64Url(clientKey),
  };
}

export async function attest(wire: Wire, host: Host, defect?: Defect) {
  return wire('attest', { body: await evidenceFor(wire, host, defect ? { defect } : {}) });
}

/** The host's present boot becomes a baseline: it is refused once, which brings the evidence. */
export async function captured(wire: Wire, host: Host, name = 'baseline1'): Promise<BaselineShape> {
  await attest(wire, host);
  return expectOk(await capture(wire, host, name));
}

/** The boot of the newest verdict, or of the one named. */
export async function capture(wire: Wire, { id: hostId }: Pick<Host, 'id'>, name: string, reviewed?: string) {
  const detail = await wire('showHost', { params: { id: hostId } });
  const traceId = reviewed ?? (detail.ok ? detail.value.verdicts[0]?.traceId : undefined) ?? 'none';
  return wire('captureBaseline', { body: { name, hostId, traceId } });
}

/** Active, and good as it is booted now. */
export async function goodHost(wire: Wire, machine: VirtualHost, name?: string): Promise<Host> {
  const host = await activeHost(wire, machine, name);
  await captured(wire, host);
  return host;
}

export async function shown(wire: Wire, { id }: Pick<Host, 'id'>): Promise<HostDetail> {
  return expectOk(await wire('showHost', { params: { id } }));
}

export function bytes(text: string): Uint8Array {
  const value = fromBase64Url(text);
  if (!value) throw new Error('not base64url');
  return value;
}
