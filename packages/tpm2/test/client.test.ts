import { toHex } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { describe, expect, it } from 'vitest';
import { EK_RSA_2048, getRandom, publicArea, readPcrs, Session, Tpm, TPM_RH } from '../src/index.ts';
import { hex } from './bytes.ts';

/** A TPM that plays back answers, the last one for ever. */
function scripted(...answers: readonly string[]) {
  const sent: string[] = [];
  const transport = {
    transmit: async (command: Uint8Array) => {
      sent.push(toHex(command));
      return hex(answers[Math.min(sent.length, answers.length) - 1]!);
    },
    close: async () => {},
  };
  return { tpm: new Tpm(transport, crypto), sent, transport };
}

const RANDOM = '8001 00000010 00000000 0004 01020304';
const ask = (tpm: Tpm) => tpm.run('GetRandom', { parameters: { bytesRequested: 4 } });

describe('resending', () => {
  it('repeats the same bytes when the TPM says RETRY, YIELDED or TESTING', async () => {
    const error = (code: string) => `8001 0000000a 00000${code}`;
    const { tpm, sent } = scripted(error('922'), error('908'), error('90a'), RANDOM);
    expect(await ask(tpm)).toEqual({ ok: true, value: { parameters: { randomBytes: hex('01020304') } } });
    expect(new Set(sent).size).toBe(1);
    expect(sent).toHaveLength(4);
  });
  it('gives up after ten times, and waits between them as it is told', async () => {
    const { sent, transport } = scripted('8001 0000000a 00000922');
    const waits: number[] = [];
    const tpm = new Tpm(transport, crypto, { pause: async (attempt) => void waits.push(attempt) });
    expect(await ask(tpm)).toMatchObject({ fault: { code: 'tpm-error', response: { name: 'TPM_RC_RETRY' } } });
    expect([sent.length, waits]).toEqual([11, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]);
  });
  it('does not repeat other errors', async () => {
    const { tpm, sent } = scripted('8001 0000000a 00000101');
    expect(await ask(tpm)).toMatchObject({
      fault: { code: 'tpm-error', command: 'GetRandom', detail: 'TPM2_GetRandom: TPM_RC_FAILURE (0x101)' },
    });
    expect(sent).toHaveLength(1);
  });
});

describe('slots', () => {
  const STARTED = `8001 00000030 00000000 02000001 0020 ${'22'.repeat(32)}`;
  const start = (tpm: Tpm) =>
    tpm.run('StartAuthSession', {
      handles: { tpmKey: TPM_RH.null, bind: TPM_RH.null },
      parameters: {
        nonceCaller: new Uint8Array(16),
        encryptedSalt: new Uint8Array(0),
        sessionType: 'hmac',
        symmetric: { algorithm: 'null' },
        authHash: 'sha256',
      },
    });
  it('are known while they are held, and told where there is no room', async () => {
    const { tpm } = scripted(STARTED, '8001 0000000a 00000903', '8001 0000000a 00000000');
    await start(tpm);
    expect(tpm.held).toEqual([0x02000001]);
    const refused = await start(tpm);
    expect(refused).toMatchObject({
      fault: { detail: expect.stringContaining('this client holds 0x2000001') as unknown },
    });
    await tpm.flush(0x02000001);
    expect(tpm.held).toEqual([]);
  });
  it('are freed when a client leaves that has the TPM for itself, which it shuts down', async () => {
    const { sent, transport } = scripted(STARTED, '8001 0000000a 00000000');
    const [shared, alone] = [new Tpm(transport, crypto), new Tpm(transport, crypto, { exclusive: true })];
    await shared.close();
    expect(sent).toEqual([]);
    await start(alone);
    await alone.close();
    expect(sent.slice(1)).toEqual(['80010000000e0000016502000001', '80010000000c000001450000']);
  });
});

describe('a refusal', () => {
  it('names the parameter that it blames', async () => {
    const { tpm } = scripted('8001 0000000a 000002c4');
    const refused = await tpm.run('GetCapability', {
      parameters: { capability: 'handles', property: 0, propertyCount: 1 },
    });
    expect(refused).toMatchObject({
      fault: { detail: 'TPM2_GetCapability: TPM_RC_VALUE (0x2c4, parameter 2, property)' },
    });
  });
});

describe('a response', () => {
  it.each([
    ['with bytes left over', '8001 00000011 00000000 0004 01020304 00'],
    ['cut short', '8001 0000000f 00000000 0004 010203'],
    ['of no bytes', ''],
  ])('%s is a fault', async (_, answer) => {
    expect(await ask(scripted(answer).tpm)).toMatchObject({ fault: { code: 'tpm-malformed-response' } });
  });
  it('to a password is not one to another session', async () => {
    const { tpm } = scripted('8002 00000015 00000000 00000000 0000 01 0002 aabb');
    const reset = await tpm.run('PCR_Reset', { handles: { pcrHandle: 16 }, parameters: {} });
    expect(reset).toMatchObject({ fault: { code: 'tpm-response-hmac' } });
  });
  it('with more random bytes than asked for, or none, is a fault', async () => {
    expect(await getRandom(scripted(RANDOM).tpm, 3)).toMatchObject({ fault: { code: 'tpm-malformed-response' } });
    const none = scripted('8001 0000000c 00000000 0000').tpm;
    expect(await getRandom(none, 3)).toMatchObject({ fault: { code: 'tpm-malformed-response' } });
  });
  it('with other PCRs than asked for is a fault', async () => {
    const other = `8001 0000003e 00000000 00000001 00000001 000b 03 020000 00000001 0020 ${'11'.repeat(32)}`;
    expect(await readPcrs(scripted(other).tpm, { bank: 'sha256', indices: [0] })).toMatchObject({
      fault: { code: 'tpm-malformed-response' },
    });
  });
  it('whose PCRs change all the time is given up', async () => {
    let counter = 0;
    const transport = {
      transmit: async () => {
        const index = counter++ % 2;
        const count = counter.toString(16).padStart(8, '0');
        return hex(
          `8001 0000003e 00000000 ${count} 00000001 000b 03 0${index + 1}0000 00000001 0020 ${'11'.repeat(32)}`,
        );
      },
      close: async () => {},
    };
    expect(await readPcrs(new Tpm(transport, crypto), { bank: 'sha256', indices: [0, 1] })).toMatchObject({
      fault: { code: 'pcr-unstable' },
    });
  });
});

describe('secrets', () => {
  const start = {
    crypto,
    handle: 0x03000000,
    type: 'policy',
    authHash: 'sha256',
    nonceCaller: hex('01'),
    nonceTpm: hex('02'),
  } as const;
  const unsalted = new Session({ ...start, salt: undefined });
  const salted = new Session({ ...start, salt: new Secret(hex('03')) });
  const point = { x: new Uint8Array(32), y: new Uint8Array(32) };
  const call = { handles: { keyHandle: { handle: 0x80000000, name: hex('00') } }, parameters: { inPoint: point } };

  it.each([
    ['without a session', {}],
    ['in a session without salt', { authorize: [{ session: unsalted, encrypt: true }] }],
    ['in a session that does not encrypt', { authorize: [{ session: salted }] }],
    [
      'beside a session without salt that encrypts',
      { authorize: [unsalted, salted].map((session) => ({ session, encrypt: true })) },
    ],
  ])('are not asked for %s', (_, more) => {
    const { tpm, sent } = scripted(RANDOM);
    expect(() => tpm.runForSecret('ECDH_ZGen', { ...call, ...more })).toThrow(/salted session|only one session/);
    expect(sent).toEqual([]);
  });
  it('are not made by the TPM and sent in clear: the key of an inner wrapping', async () => {
    const handles = { objectHandle: 0x80000000, newParentHandle: TPM_RH.null };
    const parameters = (algorithm: 'aes' | 'null', key: Uint8Array) => ({
      encryptionKeyIn: key,
      symmetricAlg:
        algorithm === 'null' ? ({ algorithm } as const) : ({ algorithm, keyBits: 128, mode: 'cfb' } as const),
    });
    const refusing = () => scripted('8001 0000000a 00000101').tpm;
    const none = new Uint8Array(0);
    expect(() => refusing().run('Duplicate', { handles, parameters: parameters('aes', none) })).toThrow(TypeError);
    const refused = { fault: { code: 'tpm-error' } };
    expect(await refusing().run('Duplicate', { handles, parameters: parameters('null', none) })).toMatchObject(refused);
    const own = parameters('aes', new Uint8Array(16));
    expect(await refusing().run('Duplicate', { handles, parameters: own })).toMatchObject(refused);
  });
  it('do not print', () => {
    expect(JSON.stringify(salted)).not.toContain('03"');
    expect([salted.salted, unsalted.salted]).toEqual([true, false]);
    salted.forget();
  });
  it('are not shared with a key that is none', async () => {
    const area = publicArea(EK_RSA_2048.value);
    const outcome = await scripted(RANDOM).tpm.withSession(
      { type: 'hmac', saltTo: { handle: 0x81010001, publicArea: area } },
      async () => ({ ok: true, value: 1 }),
    );
    expect(outcome).toMatchObject({ fault: { code: 'invalid-key' } });
  });
});

describe('a session', () => {
  const STARTED = `8001 00000030 00000000 03000000 0020 ${'22'.repeat(32)}`;
  it('is flushed whatever happens', async () => {
    const { tpm, sent } = scripted(STARTED, '8001 0000000a 00000000');
    await expect(
      tpm.withSession({ type: 'policy' }, async () => {
        throw new Error('a bug');
      }),
    ).rejects.toThrow('a bug');
    expect(sent.at(-1)).toBe(toHex(hex('8001 0000000e 00000165 03000000')));
  });
  it('carries one command at a time', async () => {
    const { tpm } = scripted(STARTED, '8001 0000000a 00000101', '8001 0000000a 00000101', '8001 0000000a 00000000');
    await tpm.withSession({ type: 'hmac' }, async (session) => {
      const run = () => tpm.run('GetRandom', { parameters: { bytesRequested: 1 }, authorize: [{ session }] });
      const first = run();
      await expect(run()).rejects.toThrow('one command at a time');
      expect(await first).toMatchObject({ fault: { code: 'tpm-error' } });
      expect(await run()).toMatchObject({ fault: { code: 'tpm-error' } });
      return { ok: true, value: undefined };
    });
  });
  it('needs the Names of objects', async () => {
    const { tpm } = scripted(STARTED, '8001 0000000a 00000000');
    await expect(
      tpm.withSession({ type: 'hmac' }, (session) =>
        tpm.run('EvictControl', {
          handles: { auth: TPM_RH.owner, objectHandle: 0x80000000 },
          parameters: { persistentHandle: 0x81000001 },
          authorize: [{ session }],
        }),
      ),
    ).rejects.toThrow(RangeError);
  });
  it('without salt or secret has no HMAC in a policy session, and takes none', () => {
    const session = new Session({
      crypto,
      handle: 0x03000000,
      type: 'policy',
      authHash: 'sha256',
      nonceCaller: hex('01'),
      nonceTpm: hex('02'),
      salt: undefined,
    });
    const use = { session };
    expect(session.authorize(use, 0x154, [], hex('00'), []).hmac).toHaveLength(0);
    const attributes = session.authorize(use, 0x154, [], hex('00'), []).sessionAttributes;
    const response = { nonce: hex('04'), sessionAttributes: attributes, hmac: hex('05') };
    expect(session.verifyResponse(use, 0x154, hex('00'), response)).toBe(false);
    expect(session.verifyResponse(use, 0x154, hex('00'), { ...response, hmac: hex('') })).toBe(true);
  });
  it('does not count trailing zeros of an authorization value', () => {
    const start = {
      crypto,
      handle: 0x02000000,
      type: 'hmac',
      authHash: 'sha256',
      nonceCaller: hex('01'),
      nonceTpm: hex('02'),
      salt: undefined,
    } as const;
    const session = new Session(start);
    const hmac = (text: string) =>
      toHex(session.authorize({ session, authValue: new Secret(hex(text)) }, 0x154, [], hex('00'), []).hmac);
    expect(hmac('0a0b0000')).toBe(hmac('0a0b'));
    expect(hmac('0a0b0000')).not.toBe(hmac('0a0c'));
  });
});
