import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectOk } from '@sekimori/result';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Qmp, type QmpEvent, type QmpOptions } from '../src/index.ts';

const GREETING = '{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 22}}, "capabilities": []}}\n';

interface Command {
  readonly id: number;
  readonly execute: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}
type Script = (socket: Socket, command: Command) => void;

describe('Qmp', () => {
  let folder: string;
  let path: string;
  let server: Server | undefined;
  const sockets: Socket[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qmp-'));
    path = join(folder, 'qmp');
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    server?.close();
    await rm(folder, { recursive: true });
  });

  /** A peer that greets, agrees, and then does what the script says. */
  async function peer(script: Script, greeting = GREETING): Promise<void> {
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.write(greeting);
      socket.on('data', (chunk: Buffer) => {
        for (const line of chunk.toString().trim().split('\n')) {
          const command = JSON.parse(line) as Command;
          if (command.execute === 'qmp_capabilities') answer(socket, command, {});
          else script(socket, command);
        }
      });
    }).listen(path);
    await new Promise((resolve) => server?.once('listening', resolve));
  }

  const answer = (socket: Socket, { id }: Command, value: unknown) =>
    socket.write(`${JSON.stringify({ return: value, id })}\n`);
  const refuse = (socket: Socket, { id }: Command, desc: string) =>
    socket.write(`${JSON.stringify({ id, error: { class: 'GenericError', desc } })}\n`);

  async function connected(script: Script, options: QmpOptions = {}): Promise<Qmp> {
    await peer(script);
    return expectOk(await Qmp.connect(path, options));
  }

  it('gives each command its own answer, also out of order', async () => {
    const held: Command[] = [];
    const qmp = await connected((socket, command) => {
      held.push(command);
      if (held.length === 3) for (const each of held.toReversed()) answer(socket, each, { was: each.execute });
    });
    const answers = await Promise.all(['a', 'b', 'c'].map((command) => qmp.execute(command)));
    expect(answers.map(expectOk)).toEqual([{ was: 'a' }, { was: 'b' }, { was: 'c' }]);
    qmp.close();
  });

  it("gives QEMU's refusal with its class", async () => {
    const qmp = await connected((socket, command) => refuse(socket, command, 'no such device'));
    expect(await qmp.execute('device_del', { id: 'x' })).toEqual({
      ok: false,
      fault: { code: 'qmp-error', class: 'GenericError', detail: 'no such device' },
    });
    qmp.close();
  });

  it('hands on events until told otherwise', async () => {
    const qmp = await connected((socket, command) => {
      socket.write('{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 5}}\n');
      answer(socket, command, {});
    });
    const events: QmpEvent[] = [];
    const stop = qmp.onEvent((event) => events.push(event));
    await qmp.execute('stop');
    stop();
    await qmp.execute('stop');
    expect(events).toEqual([{ name: 'STOP', data: {}, at: 1000.005 }]);
    qmp.close();
  });

  it('drops an answer that comes too late, and goes on', async () => {
    const late: (() => void)[] = [];
    const qmp = await connected((socket, command) => {
      if (command.execute === 'slow') late.push(() => answer(socket, command, 'late'));
      else answer(socket, command, 'in time');
    });
    expect(await qmp.execute('slow', {}, { timeoutMillis: 10 })).toMatchObject({ fault: { code: 'qmp-timeout' } });
    late.forEach((send) => send());
    expect(await qmp.execute('quick')).toEqual({ ok: true, value: 'in time' });
    qmp.close();
  });

  it.each([
    ['no JSON', 'hello\n'],
    ['no QMP', '{"hello": "world"}\n'],
    ['no end', 'x'.repeat(5 * 1024 * 1024)],
    ['no UTF-8', Buffer.from([0xff, 0xfe, 0x0a])],
    ['cannot read us', '{"error": {"class": "GenericError", "desc": "JSON parse error"}}\n'],
  ])('ends the connection, and every command on it, when the peer sends: %s', async (_, rubbish) => {
    const qmp = await connected((socket) => socket.write(rubbish));
    const waiting = [qmp.execute('a'), qmp.execute('b')];
    for (const outcome of await Promise.all(waiting))
      expect(outcome).toMatchObject({ fault: { code: 'qmp-malformed' } });
    await qmp.closed;
    expect(await qmp.execute('c')).toMatchObject({ fault: { code: 'qmp-malformed' } });
  });

  it('ends commands when QEMU does', async () => {
    const qmp = await connected((socket) => socket.end());
    expect(await qmp.execute('quit')).toMatchObject({ fault: { code: 'qmp-closed' } });
    await qmp.closed;
  });

  it('refuses a peer that is not there, that never greets, or is no QEMU', async () => {
    expect(await Qmp.connect(path)).toMatchObject({ fault: { code: 'qmp-closed' } });
    await peer(() => {}, '');
    expect(await Qmp.connect(path, { timeoutMillis: 20 })).toMatchObject({ fault: { code: 'qmp-timeout' } });
    server?.close();
    path += '2';
    await peer(() => {}, '220 mail.example ESMTP\n');
    expect(await Qmp.connect(path)).toMatchObject({ fault: { code: 'qmp-malformed' } });
  });

  describe('never shows the value of an argument', () => {
    const SECRET = 'ZGFzIGlzdCBlaW4gU2NobMO8c3NlbA==';

    it('in its transcript', async () => {
      const lines: string[] = [];
      const qmp = await connected(
        (socket, command) => {
          socket.write(`{"event": "X", "data": {"reason": "guest-reset", "message": "${SECRET}"}}\n`);
          answer(socket, command, { value: SECRET });
        },
        { transcript: (line) => lines.push(line) },
      );
      await qmp.execute('object-add', { 'qom-type': 'secret', id: 's0', format: 'base64', data: SECRET });
      await qmp.execute('blockdev-add', { driver: 'luks', file: { driver: 'file', filename: SECRET } });
      qmp.close();
      expect(lines.join('\n')).not.toContain(SECRET);
      expect(lines).toContain(
        '> {"id":2,"execute":"object-add","arguments":{"qom-type":"secret","id":"s0","format":"[redacted]","data":"[redacted]"}}',
      );
      expect(lines).toContain('< {"event":"X","data":{"reason":"guest-reset","message":"[redacted]"}}');
    });

    it('in a fault, where QEMU quotes it', async () => {
      const qmp = await connected((socket, command) => refuse(socket, command, `Base64 data '${SECRET}' is not valid`));
      const outcome = await qmp.execute('object-add', { id: 's0', props: { list: [SECRET] } });
      expect(outcome).toMatchObject({ fault: { detail: "Base64 data '[redacted]' is not valid" } });
      qmp.close();
    });
  });
});
