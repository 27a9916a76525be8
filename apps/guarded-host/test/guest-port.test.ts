import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { toBase64, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LineReader, parseGuestLine } from '../src/guest-disk/guest-lines.ts';
import { type GuestMessage, type GuestTalk, talkToGuest } from '../src/guest-disk/index.ts';
import { aFolder } from './support/folders.ts';

const HEX = '5a'.repeat(32);
const ANSWER = utf8(
  JSON.stringify({
    type: 'sekimori-recovery-answer',
    version: 1,
    credential: 'QUJD',
    secret: toBase64(new Uint8Array(700)),
  }),
);

/** A port with a guest at its other end. */
async function aGuest(talk: Partial<GuestTalk> = {}) {
  const path = join(await aFolder(), 'port');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const port = connect(path);
  const [guest] = (await once(server, 'connection')) as [Socket];
  server.close();
  onTestFinished(() => {
    port.destroy();
    guest.destroy();
  });
  const heard: string[] = [];
  guest.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
  const messages: GuestMessage[] = [];
  const outcome = talkToGuest(port, { mode: 'boot', onMessage: (message) => messages.push(message), ...talk });
  return { guest, port, outcome, messages, heard: () => heard.join(''), say: (text: string) => void guest.write(text) };
}

async function hears(guest: Awaited<ReturnType<typeof aGuest>>, text: string): Promise<void> {
  while (!guest.heard().includes(text)) await once(guest.guest, 'data');
}

describe('the port of a guest', () => {
  it('says first what the boot is for', async () => {
    for (const mode of ['boot', 'trial'] as const) await hears(await aGuest({ mode }), `${mode} 1\n`);
  });

  it('tells the disks, and notes after the end too', async () => {
    const { outcome, messages, say, guest } = await aGuest();
    say('sekimori-guest 1\ndisk 0 open tpm\ndisk 1 open rec');
    say('overy-key\nend open\n');
    expect(await outcome).toEqual({ ok: true, value: { type: 'open' } });
    say('note the marker\n');
    guest.end();
    while (messages.length < 5) await new Promise((resolve) => setImmediate(resolve));
    expect(messages).toEqual([
      { type: 'hello' },
      { type: 'disk', disk: 0, state: 'open', reason: 'tpm' },
      { type: 'disk', disk: 1, state: 'open', reason: 'recovery-key' },
      { type: 'end', outcome: 'open' },
      { type: 'note', text: 'the marker' },
    ]);
  });

  it('gives the PCRs of a trial', async () => {
    const { outcome, say } = await aGuest({ mode: 'trial' });
    say(`sekimori-guest 1\npcr 4 ${HEX}\npcr 11 ${HEX}\nend trial\n`);
    expect(await outcome).toEqual({
      ok: true,
      value: { type: 'trial', pcrs: new Map([4, 11].map((index) => [index, new Uint8Array(32).fill(0x5a)])) },
    });
  });

  const ASKS = `pcr 4 ${HEX}\nrecovery vm ${toBase64(utf8('some vm'))}\nrecovery log QUJD\nrecovery log QUJE\nrecover\n`;

  it("takes the request to the owner and the owner's answer back, in lines that the guest can read", async () => {
    const requests: string[] = [];
    const guest = await aGuest({
      recover: async (request) => {
        requests.push(new TextDecoder().decode(request));
        return ANSWER;
      },
    });
    guest.say(ASKS);
    await hears(guest, 'answered\n');
    expect(JSON.parse(requests[0]!)).toMatchObject({ log: 'QUJDQUJE', nonce: '', pcrs: { '4': HEX } });
    const lines = guest.heard().split('\n');
    expect(lines).toContain('answer credential QUJD');
    expect(lines.filter((line) => line.startsWith('answer secret'))).toHaveLength(2);
    for (const line of lines) expect(line.length).toBeLessThan(1024);
  });

  it.each<[string, GuestTalk['recover']]>([
    ['nobody answers', undefined],
    ['the owner refuses', async () => undefined],
    ['the answer is none', async () => utf8('{}')],
    ['asking fails', () => Promise.reject(new Error('no way to the owner'))],
  ])('tells the guest where %s', async (_, recover) => {
    const guest = await aGuest(recover && { recover });
    guest.say(ASKS);
    await hears(guest, 'no-answer\n');
  });

  it('puts one question at a time, however often the guest asks', async () => {
    const answers: (() => void)[] = [];
    const guest = await aGuest({ recover: () => new Promise((resolve) => answers.push(() => resolve(ANSWER))) });
    guest.say(ASKS + ASKS);
    while (guest.messages.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(answers).toHaveLength(1);
    answers[0]!();
    await hears(guest, 'answered\n');
    guest.say(ASKS);
    while (answers.length < 2) await new Promise((resolve) => setImmediate(resolve));
  });

  it('notices a guest that ends before its part is over', async () => {
    const { outcome, guest, say } = await aGuest();
    say('sekimori-guest 1\n');
    guest.end();
    expect(await outcome).toMatchObject({ ok: false, fault: { code: 'guest-port-closed' } });
  });

  it.each([
    ['an unknown word', 'open sesame\n'],
    ['another version', 'sekimori-guest 2\n'],
    ['a letter beyond ASCII', 'note caf\u{e9}\n'],
    ['a control character', 'note \u{1b}[2J\n'],
    ['a line that does not end', 'n'.repeat(2000)],
    ['too long a line', `note ${'n'.repeat(1100)}\n`],
    ['a PCR that does not exist', `pcr 24 ${HEX}\n`],
    ['half a PCR', 'pcr 4 5a5a\n'],
    ['a disk too many', 'disk 16 open tpm\n'],
    ['a disk in no known state', 'disk 0 ajar tpm\n'],
    ['a part that no request has', 'recovery key QUJD\n'],
    ['a part that is no base64', 'recovery log ????\n'],
    ['an empty line', '\n'],
    ['a request without end', `recovery log ${'A'.repeat(1000)}\n`.repeat(1100)],
    ['lines without end', 'note x\n'.repeat(20_001)],
    ['words without end', `note ${'x'.repeat(1000)}\n`.repeat(4200)],
    ['requests without end', `recovery log ${'A'.repeat(1000)}\nrecover\n`.repeat(4200)],
  ])('ends the talk, and hears no more, at %s', async (_, text) => {
    const { outcome, say, port } = await aGuest();
    say(text);
    expect(await outcome).toMatchObject({ ok: false, fault: { code: 'guest-port-malformed' } });
    expect(port.destroyed).toBe(true);
  });

  it('does not listen to a guest for ever after its part: the agent would work for it alone', async () => {
    const { outcome, messages, guest, say, port } = await aGuest();
    say('sekimori-guest 1\nend open\n');
    expect(await outcome).toMatchObject({ ok: true, value: { type: 'open' } });
    const flood = 'note the same again\n'.repeat(1000);
    guest.on('error', () => {}); // nobody reads any more
    while (!port.destroyed) {
      guest.write(flood);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(messages.length).toBe(20_000);
  });
});

describe('lines', () => {
  it('come out the same, wherever the stream is cut', () => {
    const text = utf8(`sekimori-guest 1\ndisk 3 refused no-such-disk\npcr 7 ${HEX}\nnote a b  c\nend closed\n`);
    const whole = expectOk(new LineReader().push(text));
    for (let cut = 0; cut <= text.length; cut++) {
      const reader = new LineReader();
      const parts = [text.subarray(0, cut), text.subarray(cut)].flatMap((part) => [...expectOk(reader.push(part))]);
      expect(parts).toEqual(whole);
    }
  });
  it('are a value or a fault, whatever they hold', () => {
    const good = [
      'sekimori-guest 1',
      'disk 3 open tpm',
      `pcr 7 ${HEX}`,
      'note x',
      'recovery vm QUJD',
      'recover',
      'end open',
    ];
    for (const line of good) {
      expect(parseGuestLine(line).ok).toBe(true);
      for (let length = 0; length < line.length; length++) parseGuestLine(line.slice(0, length));
      for (const odd of ['\u{0}', '\u{ff}', '\u{1f600}', ' ', '9', '\n']) parseGuestLine(line + odd);
    }
  });
});
