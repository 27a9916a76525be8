import { type Codec, decode, encode, list, struct, u32 } from '@sekimori/codec';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  COMMANDS,
  type CommandName,
  decodeCommand,
  decodeResponse,
  encodeCommand,
  encodeResponse,
  explainResponseCode,
  TPMA_SESSION,
} from '../src/index.ts';
import { allocatedBy } from './allocation.ts';
import { hex, hostile } from './bytes.ts';
import { CODECS, COMMAND_NAMES, comesBack, parametersCodec } from './codecs.ts';
import { parametersOf, samplesOf } from './samples.ts';

const PARTS = ['request', 'response'] as const;

describe('samples', () => {
  it('are there for every structure; else add them to samples.ts', () =>
    expect([...CODECS.keys()].filter((name) => samplesOf(name).length === 0)).toEqual([]));
  it('are there for the parameters of every command; else add them to samples.ts', () => {
    const missing = COMMAND_NAMES.flatMap((command) =>
      PARTS.filter((part) => !hasNoParameters(command, part) && !parametersOf(command, part)).map(
        (part) => `${command} ${part}`,
      ),
    );
    expect(missing).toEqual([]);
  });
});

/** Bytes that are this structure, and every way to spoil them. */
const structures = [...CODECS].flatMap(([name, codec]) =>
  samplesOf(name).map((good, index) => ({ name, number: index + 1, codec, good })),
);
const parameters = COMMAND_NAMES.flatMap((command) =>
  PARTS.map((part) => {
    const good = parametersOf(command, part) ?? new Uint8Array();
    return { name: `${command} ${part}`, number: 1, codec: parametersCodec(command, part), good };
  }),
);

/** These end in as many bytes as there are, so that a shorter one is another good value. */
const OPEN_ENDED = ['TPMS_ID_OBJECT'];

describe.each([...structures, ...parameters])('$name, sample $number', ({ name, codec, good }) => {
  it('comes back as it was', () => expect(comesBack(name, codec, good)).toBe('the same bytes'));
  it('is a value that comes back or a fault, whatever happens to its bytes', () => {
    for (const bytes of hostile(good)) comesBack(name, codec, bytes);
  });
  it('is a fault when it is cut short or something follows', () => {
    const longer = decode(codec, Uint8Array.of(...good, 0));
    if (OPEN_ENDED.includes(name)) return expect(longer.ok).toBe(true);
    expect(longer).toMatchObject({ ok: false });
    for (let length = 0; length < good.length; length++)
      expect(decode(codec, good.subarray(0, length))).toMatchObject({ ok: false, fault: { code: 'malformed' } });
  });
});

describe.each(COMMAND_NAMES)('frames of %s', (name) => {
  const commands = [0, COMMANDS[name].authorized].map((sessions) => commandFrame(name, sessions));
  const responses = [0, 1].map((sessions) => ({ sessions, bytes: responseFrame(name, sessions) }));

  it('are read as they were written', () => {
    for (const frame of commands) expect(expectOk(decodeCommand(frame))).toMatchObject({ name });
    for (const { sessions, bytes } of responses) expect(decodeResponse(name, sessions, bytes).ok).toBe(true);
  });
  it('are values or faults, whatever happens to their bytes', () => {
    for (const frame of commands) for (const bytes of hostile(frame)) readCommand(bytes);
    for (const { sessions, bytes } of responses) for (const each of hostile(bytes)) readResponse(name, sessions, each);
  });
});

/**
 * What a decoder may allocate, whatever the bytes say: so much, and so much for each byte that is there. A value in memory is
 * larger than on the wire, a fault has a text and a place. A list of 0xffff items, or a buffer of as many bytes, would be far above.
 */
const FIXED = 16 << 10;
const PER_BYTE = 128;
const bound = (bytes: Uint8Array) => FIXED + PER_BYTE * bytes.length;

describe('allocation is bounded by the input', () => {
  it('measures what it says', () => {
    const bytes = hex('00100000');
    const believed: Codec<unknown> = { name: 'believed', read: (r) => new Uint8Array(r.u32()), write: () => {} };
    expect(allocatedBy(() => decode(believed, bytes), 0)).toBeGreaterThanOrEqual(1 << 20);
    // Items without bytes cost nothing on the wire: only a bound of their number holds them.
    const nothings = list(u32, 1 << 20, struct('nothing'));
    expect(allocatedBy(() => decode(nothings, bytes), 0)).toBeGreaterThan(bound(bytes));
    expect(allocatedBy(() => decode(u32, bytes), 0)).toBeLessThan(FIXED);
  });
  it.each([...structures, ...parameters])('$name, sample $number', ({ codec, good }) => {
    for (const bytes of hostile(good))
      expect(allocatedBy(() => decode(codec, bytes), bound(bytes))).toBeLessThanOrEqual(bound(bytes));
  });
  it.each(COMMAND_NAMES)('frames of %s', (name) => {
    const [command, response] = [commandFrame(name, COMMANDS[name].authorized), responseFrame(name, 1)];
    for (const bytes of hostile(command))
      expect(allocatedBy(() => readCommand(bytes), bound(bytes))).toBeLessThanOrEqual(bound(bytes));
    for (const bytes of hostile(response))
      expect(allocatedBy(() => readResponse(name, 1, bytes), bound(bytes))).toBeLessThanOrEqual(bound(bytes));
  });
});

const AUTHORIZATION = { nonce: hex('0102'), sessionAttributes: TPMA_SESSION.of('continueSession'), hmac: hex('03') };

function commandFrame(name: CommandName, sessions: number): Uint8Array {
  return encodeCommand({
    name,
    handles: COMMANDS[name].handles.map(() => 0x80000000),
    authorizations: Array.from({ length: sessions }, () => ({ ...AUTHORIZATION, sessionHandle: 0x02000000 })),
    parameters: parametersOf(name, 'request') ?? new Uint8Array(),
  });
}

function responseFrame(name: CommandName, sessions: number): Uint8Array {
  return encodeResponse(name, {
    responseCode: 0,
    ...(COMMANDS[name].returnsHandle ? { handle: 0x80000000 } : {}),
    authorizations: Array.from({ length: sessions }, () => AUTHORIZATION),
    parameters: parametersOf(name, 'response') ?? new Uint8Array(),
  });
}

function readCommand(bytes: Uint8Array): void {
  const frame = decodeCommand(bytes);
  if (frame.ok) decode(parametersCodec(frame.value.name, 'request'), frame.value.parameters);
}

function readResponse(name: CommandName, sessions: number, bytes: Uint8Array): void {
  const frame = decodeResponse(name, sessions, bytes);
  if (!frame.ok) return;
  explainResponseCode(frame.value.responseCode);
  decode(parametersCodec(name, 'response'), frame.value.parameters);
}

function hasNoParameters(command: CommandName, part: (typeof PARTS)[number]): boolean {
  const codec = parametersCodec(command, part);
  const none = decode(codec, new Uint8Array());
  return none.ok && encode(codec, none.value).length === 0;
}
