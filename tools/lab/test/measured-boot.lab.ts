import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex, fromUtf8, toHex } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { imaFields, parseEventLog, parseImaList, replay, replayIma } from '@sekimori/event-log';
import { buildLab, labIsMissing, type MeasuredGuest, startMeasuredGuest } from '@sekimori/lab';
import { expectOk } from '@sekimori/result';
import { openEndorsementKey, readPcrs, Tpm, type TpmTransport } from '@sekimori/tpm2';
import { tpmContract } from '@sekimori/tpm2/contract';
import { openTpmSocket } from '@sekimori/tpm2-device';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe.skipIf(labIsMissing())('a machine that booted with Secure Boot on', () => {
  let stateDir: string;
  let guest: MeasuredGuest;
  const boot = async () =>
    startMeasuredGuest({ lab: await buildLab(['uki-snakeoil']), boot: 'uki-snakeoil', stateDir });
  const open = () => openTpmSocket({ path: guest.tpmSocket });
  async function withTransport<T>(work: (transport: TpmTransport) => Promise<T>): Promise<T> {
    const transport = await open();
    try {
      return await work(transport);
    } finally {
      await transport.close();
    }
  }
  const withTpm = <T>(work: (tpm: Tpm) => Promise<T>) =>
    withTransport((transport) => work(new Tpm(transport, nodeCrypto)));

  beforeAll(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'lab-'));
    guest = await boot();
  });
  afterAll(async () => {
    await guest?.stop();
    await rm(stateDir, { recursive: true });
  });

  it('has an event log that replays to what its TPM says', async () => {
    const replayed = expectOk(replay(nodeCrypto, expectOk(parseEventLog(guest.eventLog)), 'sha256'));
    const indices = [...replayed.keys()];
    expect(indices).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 9, 11]);
    const inTpm = expectOk(await withTpm((tpm) => readPcrs(tpm, { bank: 'sha256', indices })));
    for (const index of indices) expect(toHex(inTpm.get(index)!), `PCR ${index}`).toBe(toHex(replayed.get(index)!));
  });

  it('keeps the PCRs beside the log', async () => {
    const pcrs = await readFile(join(guest.evidence, 'pcrs_sha256.txt'), 'utf8');
    const inTpm = expectOk(await withTpm((tpm) => readPcrs(tpm, { bank: 'sha256', indices: [10] })));
    expect(pcrs).toContain(`    10: 0x${toHex(inTpm.get(10)!).toUpperCase()}\n`);
  });

  it('has a list of IMA that replays to PCR 10, and begins with the aggregate of the boot', async () => {
    const list = expectOk(parseImaList(await readFile(join(guest.evidence, 'ima_binary'))));
    const inTpm = expectOk(await withTpm((tpm) => readPcrs(tpm, { bank: 'sha256', indices: [10] })));
    const { entries, extended } = expectOk(replayIma(nodeCrypto, list, 'sha256', inTpm.get(10)!));
    expect(extended).toBe('own-digest');
    expect(fromUtf8(new Map(imaFields(entries[0]!)).get('n-ng')!)).toBe('boot_aggregate\0');
  });

  it("has a TPM that the lab's own authority certified", async () => {
    const { certificate } = expectOk(await withTpm(openEndorsementKey));
    const { issuer, root } = guest.endorsementAuthority;
    const [issuing, above] = [new X509Certificate(await readFile(issuer)), new X509Certificate(await readFile(root))];
    expect(new X509Certificate(certificate).verify(issuing.publicKey)).toBe(true);
    expect(issuing.verify(above.publicKey)).toBe(true);
  });

  it('gives each client a resource manager of its own, also when it comes right after another', async () => {
    const fourSessions = async (transport: TpmTransport) => {
      const codes = [];
      for (let n = 0; n < 4; n++) codes.push(toHex((await transport.transmit(START_HMAC_SESSION)).subarray(6, 10)));
      return codes;
    };
    const three = ['00000000', '00000000', '00000000', TPM_RC_SESSION_MEMORY];
    await withTransport(async (beside) => {
      expect(await fourSessions(beside)).toEqual(three);
      for (let client = 0; client < 20; client++) expect(await withTransport(fourSessions)).toEqual(three);
    });
  });

  it('survives a client that hangs up in the middle of a command', async () => {
    const broken = connect(guest.tpmSocket, () => broken.end(START_HMAC_SESSION.subarray(0, 5)));
    const inTpm = expectOk(await withTpm((tpm) => readPcrs(tpm, { bank: 'sha256', indices: [16] })));
    expect(toHex(inTpm.get(16)!)).toBe('00'.repeat(32));
  });

  // From here on PCRs are extended.
  tpmContract(
    "through a booted machine's kernel",
    async () => {
      let transport = await open();
      return {
        transport: { transmit: (command) => transport.transmit(command), close: () => transport.close() },
        reset: async () => {
          await transport.close();
          await guest.stop();
          guest = await boot();
          transport = await open();
        },
        close: () => transport.close(),
      };
    },
    { resourceManager: true },
  );
});

/** Unsalted, unbound, AES off, SHA-256. Part 3, 11.1. */
const START_HMAC_SESSION = fromHex(`80010000002b00000176${'40000007'.repeat(2)}0010${'00'.repeat(16)}0000000010000b`)!;
const TPM_RC_SESSION_MEMORY = '00000903'; // Part 2, 6.6.3
