import { toHex } from '@sekimori/bytes';
import { OpenedProtector, parseProtector, VerifiedProtector } from '@sekimori/key-protector';
import { openSealedKeys, readSealedKeys } from '@sekimori/key-release';
import { expectOk } from '@sekimori/result';
import { memoryKeyProtectionStore } from '@sekimori/store';
import { boot, createTlsClient, virtualHost } from '@sekimori/testkit';
import { agreeWithHealthKey } from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { aReadyBench, bindingOf, bytes, fabric, opened } from './support/bench.ts';
import { aHealthCertificate, aHost, aProtector, crypto, HOST_ID, owner } from './support/parties.ts';
import type { Secret } from '@sekimori/crypto-core';

const host = await aHost();
const hex = (secret: Secret) => secret.use(toHex);
const sha256 = (data: Uint8Array) => toHex(crypto.hash('sha256', data));

async function openedBy(party: typeof owner, protector: Uint8Array): Promise<Secret> {
  const verified = expectOk(VerifiedProtector.verify(crypto, expectOk(parseProtector(protector))));
  return expectOk(await OpenedProtector.open(crypto, verified, [party])).transportKey;
}

describe('a release', () => {
  it('gives the same secret, byte for byte, and a rolled protector that the owner alone can open too', async () => {
    const { release } = await aReadyBench();
    const { protector, transportKey } = await aProtector(fabric.guardian);
    const reply = expectOk(await release(host, protector));
    const keys = await opened(host, protector, reply);
    expect(hex(keys.ingress)).toBe(hex(transportKey));
    expect(hex(keys.egress)).not.toBe(hex(transportKey));
    const egress = bytes(reply.egressProtector);
    expect(hex(await openedBy(owner, egress))).toBe(hex(keys.egress));
    expect(hex(await openedBy(fabric, egress))).toBe(hex(keys.egress));
  });
  it('rolls on: from protector to protector', async () => {
    const { release } = await aReadyBench();
    let { protector } = await aProtector(fabric.guardian);
    let last: Secret | undefined;
    for (let rolled = 0; rolled < 3; rolled++) {
      const reply = expectOk(await release(host, protector));
      const keys = await opened(host, protector, reply);
      if (last) expect(hex(keys.ingress)).toBe(hex(last));
      last = keys.egress;
      protector = bytes(reply.egressProtector);
    }
  });
  it('can be asked for again: the ingress protector stays good', async () => {
    const { release, store } = await aReadyBench();
    const { protector, transportKey } = await aProtector(fabric.guardian);
    const replies = [expectOk(await release(host, protector)), expectOk(await release(host, protector))];
    for (const reply of replies) expect(hex((await opened(host, protector, reply)).ingress)).toBe(hex(transportKey));
    expect(replies[0]?.egressProtector).not.toBe(replies[1]?.egressProtector);
    expect(await store.countReleases()).toBe(2);
  });
  it('opens in the TPM of the host, under the boot it attested, and with no other certificate', async () => {
    const machine = await virtualHost({ crypto, boot: boot('uki-snakeoil') });
    const healthKey = await machine.healthKey();
    const { unique } = healthKey.publicArea.value;
    if (unique.is !== 'ecc') throw new Error('a health key is EC');
    const point = expectOk(crypto.publicKey({ type: 'ec', curve: 'P-256', ...unique.value }));
    if (point.type !== 'ec') throw new Error('a health key is EC');
    const tls = await createTlsClient(crypto);
    const certificate = await aHealthCertificate(point, { tls });
    const { release } = await aReadyBench();
    const { protector, transportKey } = await aProtector(fabric.guardian);
    const reply = expectOk(await release({ tls, certificate, agreement: host.agreement }, protector));
    const sealed = expectOk(readSealedKeys(crypto, bytes(reply.sealedKeys)));
    const ek = await machine.endorsementKey();
    const agree = () => agreeWithHealthKey(machine.tpm, ek, healthKey, machine.selection, sealed.ephemeralKey);
    const z = expectOk(await agree());
    const binding = bindingOf({ certificate }, protector, reply);
    expect(hex(expectOk(openSealedKeys(crypto, sealed, point, z, binding)).ingress)).toBe(hex(transportKey));
    const other = { ...binding, healthCertificate: crypto.hash('sha256', host.certificate.der) };
    expect(openSealedKeys(crypto, sealed, point, z, other).ok).toBe(false);
    machine.software.extendPcr(12, new Map([['sha256', new Uint8Array(32).fill(1)]]));
    expect(await agree()).toMatchObject({ ok: false });
  });
});

describe('the record of a release', () => {
  it('says who got what, and holds no key', async () => {
    const { release, store, clock } = await aReadyBench();
    const { protector } = await aProtector(fabric.guardian);
    const reply = expectOk(await release(host, protector));
    const [record, ...more] = await store.releases({ after: 0, limit: 10 });
    expect(more).toEqual([]);
    expect(record).toMatchObject({
      at: clock.now(),
      hostId: HOST_ID,
      certificateSerial: host.certificate.serial,
      guardianFingerprint: fabric.guardian.fingerprint,
      ingressDigest: sha256(protector),
      egressDigest: sha256(bytes(reply.egressProtector)),
      details: { owner: owner.guardian.fingerprint, traceId: reply.traceId },
    });
    const entries = await store.auditEntries({ after: 0, limit: 10 });
    expect(entries).toMatchObject([{ kind: 'key.released', actor: `host:${HOST_ID}`, traceId: reply.traceId }]);
    const keys = await opened(host, protector, reply);
    for (const secret of [keys.ingress, keys.egress])
      expect(JSON.stringify([record, entries])).not.toContain(hex(secret));
  });
  it('is durable before the answer leaves', async () => {
    const store = memoryKeyProtectionStore(crypto);
    const order: string[] = [];
    let commit = (): void => {};
    const committed = new Promise<void>((resolve) => {
      commit = resolve;
    });
    const { release } = await aReadyBench({
      ...store,
      recordRelease: async (command) => {
        order.push('recording');
        await committed;
        order.push('recorded');
        return store.recordRelease(command);
      },
    });
    const { protector } = await aProtector(fabric.guardian);
    const answer = release(host, protector).then((reply) => {
      order.push('answered');
      return reply;
    });
    while (order.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    commit();
    expectOk(await answer);
    expect(order).toEqual(['recording', 'recorded', 'answered']);
  });
  it('that cannot be written gives no keys', async () => {
    const store = memoryKeyProtectionStore(crypto);
    const { protector } = await aProtector(fabric.guardian);
    const failing = await aReadyBench({ ...store, recordRelease: () => Promise.reject(new Error('disk full')) });
    await expect(failing.release(host, protector)).rejects.toThrow('disk full');
    const taken = { ok: false, fault: { code: 'duplicate-release', detail: 'taken' } } as const;
    const refusing = await aReadyBench({ ...store, recordRelease: async () => taken });
    await expect(refusing.release(host, protector)).rejects.toThrow('duplicate-release');
    expect(await store.countReleases()).toBe(0);
  });
});
