import { toHex } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { expect, it } from 'vitest';
import { Tpm } from '../client/client.ts';
import { COMMANDS } from '../commands/table.ts';
import { attestOf, type Bench, commandCode, DIGEST, expectSigned, FIRMWARE } from './bench.ts';

/** HMAC sessions: what they keep secret, and what they notice on the way. */
export function sessionsContract({ tpm, under, withMeddling, withAk, endorsementKey }: Bench): void {
  it('keeps a secret between client and key: HMAC session, both parameters encrypted', async () => {
    const ek = await endorsementKey();
    await withAk(async (ak) => {
      const qualifyingData = crypto.random(32);
      const frames: string[] = [];
      const note = (command: Uint8Array, response: Uint8Array) => {
        frames.push(toHex(command), toHex(response));
        return response;
      };
      const quoted = await withMeddling(note, () =>
        tpm.withSession({ type: 'hmac', saltTo: ek }, (session) =>
          tpm.run('Quote', {
            handles: { signHandle: ak },
            parameters: { qualifyingData, inScheme: { scheme: 'null' }, PCRselect: [FIRMWARE] },
            authorize: [{ session, decrypt: true, encrypt: true }],
          }),
        ),
      );
      const { attest, signature } = expectOk(quoted).parameters;
      expectSigned(ak, { attest, signature: signature.bytes });
      expect(attestOf(attest).extraData).toEqual(qualifyingData);
      expect(frames.filter((frame) => frame.includes(toHex(qualifyingData)))).toEqual([]);
    });
    await ek.release();
  });

  it('lets one session authorize and two others encrypt', async () => {
    const ek = await endorsementKey();
    await withAk(async (ak) => {
      const salted = { type: 'hmac', saltTo: ek } as const;
      const quoted = await tpm.withSession(salted, (first) =>
        tpm.withSession(salted, (second) =>
          tpm.withSession(salted, (third) =>
            tpm.run('Quote', {
              handles: { signHandle: ak },
              parameters: { qualifyingData: DIGEST, inScheme: { scheme: 'null' }, PCRselect: [FIRMWARE] },
              authorize: [{ session: first }, { session: second, decrypt: true }, { session: third, encrypt: true }],
            }),
          ),
        ),
      );
      expect(attestOf(expectOk(quoted).parameters.attest).extraData).toEqual(DIGEST);
    });
    await ek.release();
  });

  it.each(['a parameter', 'the HMAC', 'the nonce'])('notices %s changed in a response', async (what) => {
    const ek = await endorsementKey();
    const change = (command: Uint8Array, response: Uint8Array) => {
      if (commandCode(command) !== COMMANDS.GetRandom.code) return response;
      const changed = Uint8Array.from(response);
      const at = { 'a parameter': 16, 'the HMAC': changed.length - 1, 'the nonce': 16 + 16 + 2 }[what]!;
      changed[at]! ^= 1;
      return changed;
    };
    const outcome = await withMeddling(change, () =>
      tpm.withSession({ type: 'hmac', saltTo: ek }, (session) =>
        tpm.run('GetRandom', { parameters: { bytesRequested: 16 }, authorize: [{ session, encrypt: true }] }),
      ),
    );
    expect(outcome).toMatchObject({ fault: { code: 'tpm-response-hmac' } });
    await ek.release();
  });

  it('refuses a command whose parameters were changed on the way', async () => {
    const ek = await endorsementKey();
    const changing = new Tpm(
      {
        transmit: (command) => {
          const changed = Uint8Array.from(command);
          if (commandCode(command) === COMMANDS.GetRandom.code) changed[changed.length - 1]! ^= 1;
          return under().transport.transmit(changed);
        },
        close: async () => {},
      },
      crypto,
    );
    const outcome = await changing.withSession({ type: 'hmac', saltTo: ek }, (session) =>
      changing.run('GetRandom', { parameters: { bytesRequested: 16 }, authorize: [{ session }] }),
    );
    expect(outcome).toMatchObject({
      ok: false,
      fault: { code: 'tpm-error', response: { about: { part: 'session' } } },
    });
    await ek.release();
  });
}
