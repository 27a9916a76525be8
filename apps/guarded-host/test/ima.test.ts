import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64Url, toHex } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { attestationRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { QUOTED_PCRS } from '@sekimori/testkit';
import { describe, expect, it } from 'vitest';
import { attest, collectEvidence, connectHost, loadHostConfig, releaseKeys } from '../src/index.ts';
import { aFolder } from './support/folders.ts';
import { startHgs } from './support/hgs.ts';
import { anActiveHost, type TestHost } from './support/host.ts';
import { aProtector, hexOf } from './support/protector.ts';

const WITH_IMA = [...QUOTED_PCRS, 10].toSorted((a, b) => a - b);
const hgs = await startHgs(undefined, { SEKIMORI_ATTESTATION_PCRS: JSON.stringify(WITH_IMA) });
const plainHgs = await startHgs();
const host = await anActiveHost(hgs, { pcrs: WITH_IMA });
const { machine, deps, id } = host;

const verdict = async () => {
  const { verdicts } = expectOk(await hgs.administrator.call(attestationRoutes.showHost, { params: { id } }));
  return verdicts[0]!;
};
const challengeFor = async (of: TestHost & { readonly id: string }) =>
  expectOk(await of.deps.attestation.call(attestationRoutes.challenge, { body: { hostId: of.id } }));

describe('where a service asks for PCR 10', () => {
  it('a host is attested with its list, and holds its keys while programs run', async () => {
    machine.run('/usr/bin/qemu-system-x86_64');
    expectOk(await attest(deps));
    const digest = toHex(crypto.hash('sha256', machine.imaList));
    expect((await verdict()).ima).toEqual({ entries: 2, violations: 0, digest, extended: 'own-digest' });
    const { protector, transportKey } = await aProtector(deps);
    machine.run('/usr/bin/swtpm'); // its health key is older than this
    expect(hexOf(expectOk(await releaseKeys(host.pair(), protector)).keys.ingress)).toBe(transportKey);
  });

  it('the list is read after the quote: what ran in between is cut off', async () => {
    const entries = (await verdict()).ima!.entries + 1; // swtpm, of the test before
    const readImaList = async () => {
      machine.run('/usr/bin/later');
      return machine.imaList;
    };
    expectOk(await attest({ ...deps, readImaList }));
    expect((await verdict()).ima).toMatchObject({ entries });
  });

  it.each([
    ['a kernel that has none', async () => Promise.reject(new Error('ENOENT'))],
    ['an empty one', async () => new Uint8Array(0)],
  ])('%s is told as that, and nothing is sent', async (_, readImaList) => {
    const before = await verdict();
    expect(await attest({ ...deps, readImaList })).toMatchObject({ fault: { code: 'ima-list-unreadable' } });
    const { readImaList: _none, ...without } = deps;
    expect(await attest(without)).toMatchObject({ fault: { code: 'ima-list-unreadable' } });
    expect((await verdict()).traceId).toBe(before.traceId);
    expect(expectOk(await deps.state.health())).toMatchObject({
      certificate: expect.anything(), // nobody decided anything
      attempt: { code: 'ima-list-unreadable' },
    });
  });

  it('a list that lacks what ran is refused', async () => {
    const before = machine.imaList;
    machine.run('/root/rootkit');
    expect(await attest({ ...deps, readImaList: async () => before })).toMatchObject({
      fault: { code: 'evidence-refused', subStatus: ['ima-pcr-mismatch'] },
    });
    expectOk(await attest(deps));
  });
});

describe('where a service does not ask for PCR 10', () => {
  it('the list is not read', async () => {
    const other = await anActiveHost(plainHgs);
    const readImaList = async () => Promise.reject(new Error('it was read'));
    const evidence = expectOk(await collectEvidence({ ...other.deps, readImaList }, await challengeFor(other)));
    expect(evidence).not.toHaveProperty('imaList');
    expectOk(await attest({ ...other.deps, readImaList }));
  });
});

describe('the setting imaList', () => {
  async function connected(config: object) {
    const folder = await aFolder();
    const file = join(folder, 'host.json');
    await writeFile(file, JSON.stringify({ stateFolder: 'state', ...config }));
    const settings = expectOk(await loadHostConfig({ file, env: {} }));
    return { folder, settings, host: expectOk(await connectHost(settings)) };
  }

  it("is the kernel's own file where nothing is set", async () => {
    const { settings } = await connected({});
    expect(settings.imaList).toBe('/sys/kernel/security/ima/binary_runtime_measurements');
  });

  it('names a file that is read whole, up to 4 MiB', async () => {
    const { folder, host: reader } = await connected({ imaList: 'ima' });
    await expect(reader.readImaList()).rejects.toThrow('ENOENT');
    for (const length of [100_000, 4 << 20]) {
      await writeFile(join(folder, 'ima'), new Uint8Array(length).fill(7));
      expect(await reader.readImaList()).toHaveLength(length);
    }
    await writeFile(join(folder, 'ima'), new Uint8Array((4 << 20) + 1));
    await expect(reader.readImaList()).rejects.toThrow('more than 4194304 bytes');
  });

  it('is what the evidence of a connected host has', async () => {
    const { folder, host: reader } = await connected({ imaList: 'ima' });
    await writeFile(join(folder, 'ima'), machine.imaList);
    const { readImaList } = reader;
    const evidence = expectOk(await collectEvidence({ ...deps, readImaList }, await challengeFor(host)));
    expect(toHex(fromBase64Url(evidence.imaList!)!)).toBe(toHex(machine.imaList));
  });
});
