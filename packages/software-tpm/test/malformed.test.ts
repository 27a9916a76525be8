import { concat, u32be } from '@sekimori/bytes';
import { AK_ECC_P256, COMMANDS, type CommandName, MAX_FRAME, NO_SENSITIVE, SRK_ECC_P256, TPM_RH } from '@sekimori/tpm2';
import { beforeAll, describe, expect, it } from 'vitest';
import fuzz from '../fuzz/command.ts';
import { crypto, described, flipped, NONE, PASSWORD, rawCommand, softwareTpm } from './tpms.ts';

const created = (inPublic: typeof AK_ECC_P256) =>
  rawCommand('CreatePrimary', {
    handles: [TPM_RH.endorsement],
    request: { inSensitive: NO_SENSITIVE, inPublic, outsideInfo: NONE, creationPCR: [] },
    authorizations: [PASSWORD],
  });
const COMMANDS_TO_SPOIL: Readonly<Record<string, Uint8Array>> = {
  CreatePrimary: created(AK_ECC_P256),
  StartAuthSession: rawCommand('StartAuthSession', {
    handles: [TPM_RH.null, TPM_RH.null],
    request: {
      nonceCaller: new Uint8Array(16),
      encryptedSalt: NONE,
      sessionType: 'policy',
      symmetric: { algorithm: 'aes', keyBits: 128, mode: 'cfb' },
      authHash: 'sha256',
    },
  }),
  PCR_Read: rawCommand('PCR_Read', { request: { pcrSelectionIn: [{ bank: 'sha256', indices: [0, 7] }] } }),
  GetCapability: rawCommand('GetCapability', {
    request: { capability: 'tpmProperties', property: 0x100, propertyCount: 8 },
  }),
  Quote: rawCommand('Quote', {
    handles: [0x80000000],
    request: { qualifyingData: NONE, inScheme: { scheme: 'null' }, PCRselect: [] },
    authorizations: [PASSWORD],
  }),
};
const code = (response: Uint8Array) => new DataView(response.buffer, response.byteOffset).getUint32(6);
const resized = (command: Uint8Array) => concat(command.subarray(0, 2), u32be(command.length), command.subarray(6));

describe.each(Object.keys(COMMANDS_TO_SPOIL))('%s spoilt', (name) => {
  const command = COMMANDS_TO_SPOIL[name] as Uint8Array;
  const { transport } = softwareTpm();
  beforeAll(() => transport.transmit(created(AK_ECC_P256)));

  it('is refused at every length but its own', async () => {
    for (let length = 0; length < command.length; length++) {
      const cut = command.subarray(0, length);
      expect(described(code(await transport.transmit(cut)))).toBe('TPM_RC_COMMAND_SIZE');
      if (length >= 10) expect(code(await transport.transmit(resized(cut)))).not.toBe(0);
    }
    expect(described(code(await transport.transmit(resized(concat(command, NONE, Uint8Array.of(0))))))).toBe(
      'TPM_RC_SIZE',
    );
  });

  it('is answered whatever byte is flipped', async () => {
    for (let at = 0; at < command.length; at++) await fuzz(flipped(command, at));
  });

  it.each([0xffff, 0xffffffff])('is answered with a size of %d in the place of any bytes', async (size) => {
    const width = size === 0xffff ? 2 : 4;
    for (let at = 0; at + width <= command.length; at++)
      await fuzz(concat(command.subarray(0, at), u32be(size).subarray(4 - width), command.subarray(at + width)));
  });
});

describe('a command', () => {
  const { transport } = softwareTpm();
  const refused = async (bytes: Uint8Array) => described(code(await transport.transmit(bytes)));

  it.each([
    ['nothing', NONE, 'TPM_RC_COMMAND_SIZE'],
    ['another tag', Uint8Array.of(0x80, 3, 0, 0, 0, 10, 0, 0, 1, 0x7b), 'TPM_RC_BAD_TAG'],
    ['more bytes than it says', Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x7b, 0, 1), 'TPM_RC_COMMAND_SIZE'],
    ['an unknown code', Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 0xf, 0xff), 'TPM_RC_COMMAND_CODE'],
    ['more than 4096 bytes', resized(concat(created(SRK_ECC_P256), new Uint8Array(MAX_FRAME))), 'TPM_RC_COMMAND_SIZE'],
  ])('of %s', async (_, bytes, expected) => {
    expect(await refused(bytes)).toBe(expected);
  });

  it('of random bytes is answered, and so is every command of the table with a random body', async () => {
    for (const [i] of (Object.keys(COMMANDS) as CommandName[]).entries())
      for (const top of [0, 128])
        for (const length of [0, 3, 8, 20, 64]) await fuzz(concat(Uint8Array.of(top + i), crypto.random(length)));
  });
});
