import { fromBase64Url, toBase64Url } from '@sekimori/bytes';
import { type AttestReply, attestationRoutes, type AttestRequest } from '@sekimori/protocol';
import { certificatesFromPem } from '@sekimori/pki';
import { expectOk, ok } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { acceptCertificate, attest, collectEvidence, openTlsIdentity } from '../src/index.ts';
import { fakeService, refusal } from './support/fake-service.ts';
import { startHgs } from './support/hgs.ts';
import { anActiveHost, type TestHost } from './support/host.ts';

const hgs = await startHgs();
const host = await anActiveHost(hgs);
const other = await anActiveHost(hgs);
const [mine, theirs] = [await answered(host), await answered(other)];
const enrolment = expectOk(await host.deps.state.enrolment())!;

async function answered({ deps, id }: TestHost & { readonly id: string }) {
  const { attestation } = deps;
  const challenge = expectOk(await attestation.call(attestationRoutes.challenge, { body: { hostId: id } }));
  const request = expectOk(await collectEvidence(deps, challenge));
  return { request, reply: expectOk(await attestation.call(attestationRoutes.attest, { body: request })) };
}

function accept(
  change: { request?: Partial<AttestRequest>; reply?: Partial<AttestReply>; [name: string]: unknown } = {},
) {
  const { request, reply, ...more } = change;
  return acceptCertificate(host.deps.crypto, {
    enrolment,
    at: new Date(),
    ...more,
    request: { ...mine.request, ...request },
    reply: { ...mine.reply, ...reply },
  });
}

const unexpected = (detail: string) => ({
  ok: false,
  fault: { code: 'health-certificate-unexpected', detail: expect.stringContaining(detail) as string },
});

describe('the health certificate that comes back', () => {
  const [ca] = expectOk(certificatesFromPem(hgs.ca));

  it('is accepted, with and without pinned signers', () => {
    expectOk(accept());
    expectOk(accept({ signers: [ca] }));
  });
  it('is accepted by a host whose clock is late, and refused by one that is a year ahead', () => {
    expectOk(accept({ at: new Date('2020-01-01T00:00:00Z') }));
    expect(accept({ at: new Date(Date.now() + 366 * 86_400_000) })).toMatchObject(unexpected('certificate-expired'));
  });
  it('of another host', () => {
    expect(accept({ reply: theirs.reply })).toMatchObject(unexpected('another health key'));
    expect(accept({ ...theirs })).toMatchObject(unexpected('another host'));
  });
  it('for another endorsement key', () => {
    const endorsementKey = { ...enrolment.endorsementKey, fingerprint: '00'.repeat(32) };
    expect(accept({ enrolment: { ...enrolment, endorsementKey } })).toMatchObject(
      unexpected('another endorsement key'),
    );
  });
  it('for another TLS key', async () => {
    const { spki } = expectOk(await openTlsIdentity(other.deps));
    expect(accept({ request: { clientKey: toBase64Url(spki) } })).toMatchObject(unexpected('another TLS key'));
  });
  it('by a signer that is not pinned, or that did not sign it', () => {
    const root = host.machine.vendorCa.certificate;
    expect(accept({ signers: [root] })).toMatchObject(unexpected('signer is not a trusted one'));
    expect(accept({ signers: [] })).toMatchObject(unexpected('signer is not a trusted one'));
    expect(accept({ reply: { signer: toBase64Url(root.der) } })).toMatchObject(unexpected('certificate-untrusted'));
  });
  it('changed or cut off', () => {
    const bytes = fromBase64Url(mine.reply.healthCertificate)!;
    for (let index = 0; index < bytes.length; index += 11) {
      const flipped = Uint8Array.from(bytes);
      flipped[index]! ^= 1;
      expect(accept({ reply: { healthCertificate: toBase64Url(flipped) } }).ok).toBe(false);
      expect(accept({ reply: { healthCertificate: toBase64Url(bytes.subarray(0, index)) } }).ok).toBe(false);
    }
  });
});

describe('a service that misbehaves', () => {
  const challenge = { challenge: 'AA', serviceId: 'x', bank: 'sha256', pcrs: [0], expiresAt: '' } as const;

  it("answers with another host's certificate: nothing is kept of it", async () => {
    const attestation = fakeService({ challenge: () => ok(challenge), attest: () => ok(theirs.reply) });
    expect(await attest({ ...host.deps, attestation })).toMatchObject(unexpected('another health key'));
    expect(expectOk(await host.deps.state.health())?.attempt.code).toBe('health-certificate-unexpected');
  });
  it('gives a challenge that is none', async () => {
    const attestation = fakeService({ challenge: () => ok({ ...challenge, challenge: 'A' }) });
    expect(await attest({ ...host.deps, attestation })).toMatchObject({ fault: { code: 'service-unexpected' } });
  });
  it('refuses: code, sub-status and trace id are passed on', async () => {
    const attestation = fakeService({ challenge: () => refusal('host-not-active', ['Something']) });
    const fault = { code: 'host-not-active', subStatus: ['Something'], traceId: 'trace', status: 403 };
    expect(await attest({ ...host.deps, attestation })).toMatchObject({ fault });
  });
});
