import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { parseEventLog, replay } from '@sekimori/event-log';
import { buildLab, type MeasuredGuest, missingParts, startMeasuredGuest } from '@sekimori/lab';
import { expectOk } from '@sekimori/result';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const missing = missingParts();
const skip = missing.length > 0 && !process.env['CI'];
if (skip) console.warn(`no measured boot: this machine lacks ${missing.join(', ')}`);

describe.skipIf(skip)('a machine that booted with Secure Boot on', () => {
  let stateDir: string;
  let guest: MeasuredGuest;
  const opened: Socket[] = [];
  beforeAll(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'lab-'));
    guest = await startMeasuredGuest({ lab: await buildLab(['uki-snakeoil']), boot: 'uki-snakeoil', stateDir });
  });
  afterAll(async () => {
    await guest?.stop();
    await rm(stateDir, { recursive: true });
  });

  afterEach(() => {
    for (const socket of opened.splice(0)) socket.destroy();
  });

  it('has an event log that replays to what its TPM says', async () => {
    const replayed = expectOk(replay(nodeCrypto, expectOk(parseEventLog(guest.eventLog)), 'sha256'));
    expect([...replayed.keys()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 9, 11]);
    const inTpm = new Map<number, string>();
    for (const pcr of replayed.keys()) inTpm.set(pcr, await pcrOf(await open(), pcr));
    expect(inTpm).toEqual(new Map([...replayed].map(([pcr, value]) => [pcr, toHex(value)])));
  });

  it('keeps the PCRs beside the log', async () => {
    const pcrs = await readFile(join(guest.evidence, 'pcrs_sha256.txt'), 'utf8');
    expect(pcrs).toContain(`    10: 0x${(await pcrOf(await open(), 10)).toUpperCase()}\n`);
  });

  it('gives each client a resource manager of its own, also when it comes right after another', async () => {
    const beside = await open();
    const fourSessions = async (tpm: Socket) => {
      const codes = [];
      for (let n = 0; n < 4; n++) codes.push(responseCode(await send(tpm, START_HMAC_SESSION)));
      return codes;
    };
    expect(await fourSessions(beside)).toEqual([0, 0, 0, TPM_RC_SESSION_MEMORY]);
    for (let client = 0; client < 20; client++) {
      const tpm = await open();
      expect(await fourSessions(tpm)).toEqual([0, 0, 0, TPM_RC_SESSION_MEMORY]);
      tpm.destroy();
    }
  });

  it('survives a client that hangs up in the middle of a command', async () => {
    (await open()).end(Buffer.from('8001000000', 'hex'));
    expect(await pcrOf(await open(), 16)).toBe('00'.repeat(32));
  });

  async function open(): Promise<Socket> {
    const socket = connect(guest.tpmSocket);
    opened.push(socket);
    await once(socket, 'connect');
    return socket;
  }
});

const START_HMAC_SESSION = `80010000002b00000176${'40000007'.repeat(2)}0010${'00'.repeat(16)}0000000010000b`; // Part 3, 11.1
const TPM_RC_SESSION_MEMORY = 0x903; // Part 2, 6.6.3

const responseCode = (response: Buffer): number => response.readUInt32BE(6);

async function send(tpm: Socket, command: string): Promise<Buffer> {
  tpm.write(Buffer.from(command, 'hex'));
  const [response] = await once(tpm, 'data');
  return response;
}

/** TPM2_PCR_Read of one SHA-256 PCR. Part 3, 22.4. */
async function pcrOf(tpm: Socket, pcr: number): Promise<string> {
  const selection = Buffer.alloc(3);
  selection[pcr >> 3] = 1 << (pcr & 7);
  const response = await send(tpm, `8001000000140000017e00000001000b03${selection.toString('hex')}`);
  expect(responseCode(response)).toBe(0);
  return response.subarray(-32).toString('hex');
}
