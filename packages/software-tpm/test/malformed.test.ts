import { concat, u32be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { expectOk } from '@sekimori/result';
import {
  AK_ECC_P256,
  COMMANDS,
  type CommandName,
  createPrimary,
  MAX_FRAME,
  NO_HASHCHECK,
  NO_SENSITIVE,
  publicArea,
  readPublic,
  SRK_ECC_P256,
  Tpm,
  TPM_RH,
  TPMA_NV,
  TPMA_OBJECT,
  TPMS_NV_PUBLIC,
  type TpmTransport,
} from '@sekimori/tpm2';
import { beforeAll, describe, expect, it } from 'vitest';
import { ecKeyFrom, scalarBytes } from '../src/curves.ts';
import { Secret } from '@sekimori/crypto-core';
import fuzz from '../fuzz/command.ts';
import { crypto, described, flipped, NONE, PASSWORD, type RawCall, rawCommand, softwareTpm } from './tpms.ts';

const [AK, SRK, POLICY, INDEX] = [0x80000000, 0x80000001, 0x03000000, 0x01500001];
const DIGEST = new Uint8Array(32).fill(3);
const SCHEME = { scheme: 'null' } as const;
const creation = (inPublic: typeof AK_ECC_P256, data = NONE) => ({
  inSensitive: { ...NO_SENSITIVE, data },
  inPublic,
  outsideInfo: NONE,
  creationPCR: [],
});
const SEALED = publicArea({
  type: 'keyedhash',
  nameAlg: 'sha256',
  objectAttributes: TPMA_OBJECT.of('userWithAuth', 'noDA'),
  authPolicy: NONE,
  parameters: { is: 'keyedhash', value: { scheme: { scheme: 'null' } } },
  unique: { is: 'keyedhash', value: NONE },
});
const NV_PUBLIC = {
  nvIndex: INDEX + 1,
  nameAlg: 'sha256',
  attributes: TPMA_NV.of('ownerRead', 'ownerWrite'),
  authPolicy: NONE,
  dataSize: 8,
} as const;

/** An attestation key, a storage key, a policy session and an index; commands that succeed on them. */
async function prepared(): Promise<{ transport: TpmTransport; commands: ReadonlyMap<CommandName, Uint8Array> }> {
  const { transport } = softwareTpm();
  const tpm = new Tpm(transport, crypto);
  const { name } = expectOk(await createPrimary(tpm, TPM_RH.endorsement, AK_ECC_P256));
  expectOk(await createPrimary(tpm, TPM_RH.owner, SRK_ECC_P256));
  const session = { encryptedSalt: NONE, symmetric: { algorithm: 'null' }, authHash: 'sha256' } as const;
  const start = { nonceCaller: new Uint8Array(16), sessionType: 'policy', ...session } as const;
  const run = { handles: { tpmKey: TPM_RH.null, bind: TPM_RH.null }, parameters: start };
  expectOk(await tpm.run('StartAuthSession', run));
  const value = { ...NV_PUBLIC, nvIndex: INDEX };
  const publicInfo = { value, bytes: encode(TPMS_NV_PUBLIC, value) };
  const owner = { authHandle: TPM_RH.owner };
  expectOk(await tpm.run('NV_DefineSpace', { handles: owner, parameters: { auth: NONE, publicInfo } }));
  const write = { data: new Uint8Array(8), offset: 0 };
  expectOk(await tpm.run('NV_Write', { handles: { ...owner, nvIndex: INDEX }, parameters: write }));
  const made = expectOk(
    await tpm.run('Create', { handles: { parentHandle: SRK }, parameters: creation(SEALED, DIGEST) }),
  ).parameters;
  const { context } = expectOk(
    await tpm.run('ContextSave', { handles: { saveHandle: AK }, parameters: {} }),
  ).parameters;
  const { qualifiedName } = expectOk(await readPublic(tpm, AK));
  const commands = new Map<CommandName, Uint8Array>();
  const add = <Name extends CommandName>(command: Name, call: RawCall<Name>) =>
    commands.set(command, rawCommand(command, call));
  const one = { authorizations: [PASSWORD] };
  const two = { authorizations: [PASSWORD, PASSWORD] };
  const foreign = ecKeyFrom(crypto, 'P-256', new Secret(new Uint8Array(40).fill(1)));
  const point = foreign.privateKey.publicKey;
  if (point.type !== 'ec') throw new Error('an EC key');
  const foreignArea = publicArea({
    ...AK_ECC_P256.value,
    objectAttributes: TPMA_OBJECT.of('sign', 'userWithAuth'),
    unique: { is: 'ecc', value: { x: point.x, y: point.y } },
  });
  const signature = { sigAlg: 'ecdsa', hash: 'sha256', signatureR: DIGEST, signatureS: DIGEST } as const;
  const terms = { nonceTPM: NONE, cpHashA: NONE, policyRef: DIGEST, expiration: 0 };

  add('CreatePrimary', { handles: [TPM_RH.endorsement], request: creation(AK_ECC_P256), ...one });
  add('Create', { handles: [SRK], request: creation(SEALED, DIGEST), ...one });
  add('Load', { handles: [SRK], request: { inPrivate: made.outPrivate, inPublic: made.outPublic }, ...one });
  add('LoadExternal', {
    request: {
      inPrivate: {
        sensitiveType: 'ecc',
        authValue: NONE,
        seedValue: NONE,
        sensitive: { is: 'ecc', value: scalarBytes(foreign) },
      },
      inPublic: foreignArea,
      hierarchy: TPM_RH.null,
    },
  });
  add('ContextLoad', { request: { context } });
  add('Import', {
    handles: [SRK],
    request: {
      encryptionKey: DIGEST.subarray(0, 16),
      objectPublic: made.outPublic,
      duplicate: made.outPrivate,
      inSymSeed: NONE,
      symmetricAlg: { algorithm: 'aes', keyBits: 128, mode: 'cfb' },
    },
    ...one,
  });
  add('Duplicate', {
    handles: [SRK, TPM_RH.null],
    request: { encryptionKeyIn: NONE, symmetricAlg: { algorithm: 'null' } },
    ...one,
  });
  add('MakeCredential', { handles: [SRK], request: { credential: DIGEST, objectName: name } });
  add('StartAuthSession', { handles: [TPM_RH.null, TPM_RH.null], request: start });
  add('PCR_Read', { request: { pcrSelectionIn: [{ bank: 'sha256', indices: [0, 7] }] } });
  add('PCR_Event', { handles: [16], request: { eventData: DIGEST }, ...one });
  add('GetCapability', { request: { capability: 'tpmProperties', property: 0x100, propertyCount: 8 } });
  add('Hash', { request: { data: DIGEST, hashAlg: 'sha256', hierarchy: TPM_RH.owner } });
  add('Quote', { handles: [AK], request: { qualifyingData: NONE, inScheme: SCHEME, PCRselect: [] }, ...one });
  add('GetTime', { handles: [TPM_RH.endorsement, AK], request: { qualifyingData: NONE, inScheme: SCHEME }, ...two });
  add('NV_Certify', {
    handles: [AK, TPM_RH.owner, INDEX],
    request: { qualifyingData: qualifiedName, inScheme: SCHEME, size: 4, offset: 2 },
    ...two,
  });
  add('Sign', { handles: [AK], request: { digest: DIGEST, inScheme: SCHEME, validation: NO_HASHCHECK }, ...one });
  add('VerifySignature', { handles: [AK], request: { digest: DIGEST, signature } });
  add('PolicySecret', { handles: [TPM_RH.owner, POLICY], request: terms, ...one });
  add('PolicySigned', { handles: [AK, POLICY], request: { ...terms, auth: signature } });
  add('PolicyNV', {
    handles: [TPM_RH.owner, INDEX, POLICY],
    request: { operandB: new Uint8Array(4), offset: 1, operation: 'signedLe' },
    ...one,
  });
  add('PolicyDuplicationSelect', {
    handles: [POLICY],
    request: { objectName: name, newParentName: name, includeObject: true },
  });
  add('NV_DefineSpace', {
    handles: [TPM_RH.owner],
    request: { auth: DIGEST, publicInfo: { value: NV_PUBLIC, bytes: encode(TPMS_NV_PUBLIC, NV_PUBLIC) } },
    ...one,
  });
  return { transport, commands };
}
const NAMES = [...(await prepared()).commands.keys()];
const code = (response: Uint8Array) => new DataView(response.buffer, response.byteOffset).getUint32(6);
const resized = (command: Uint8Array) => concat(command.subarray(0, 2), u32be(command.length), command.subarray(6));

describe.each(NAMES)('%s spoilt', (name) => {
  let command: Uint8Array;
  let transport: TpmTransport;
  beforeAll(async () => {
    const ready = await prepared();
    ({ transport } = ready);
    command = ready.commands.get(name) as Uint8Array;
  });

  it('is refused at every length but its own', async () => {
    for (let length = 0; length < command.length; length++) {
      const cut = command.subarray(0, length);
      expect(described(code(await transport.transmit(cut)))).toBe('TPM_RC_COMMAND_SIZE');
      if (length >= 10) expect(code(await transport.transmit(resized(cut)))).not.toBe(0);
    }
    const longer = described(code(await transport.transmit(resized(concat(command, Uint8Array.of(0))))));
    // what a policy must authorize is not looked into before
    expect(longer).toBe(name === 'Duplicate' ? 'TPM_RC_AUTH_TYPE' : 'TPM_RC_SIZE');
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
  const long = rawCommand('CreatePrimary', {
    handles: [TPM_RH.owner],
    request: creation(SRK_ECC_P256),
    authorizations: [PASSWORD],
  });

  it.each([
    ['nothing', NONE, 'TPM_RC_COMMAND_SIZE'],
    ['another tag', Uint8Array.of(0x80, 3, 0, 0, 0, 10, 0, 0, 1, 0x7b), 'TPM_RC_BAD_TAG'],
    ['more bytes than it says', Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 1, 0x7b, 0, 1), 'TPM_RC_COMMAND_SIZE'],
    ['an unknown code', Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 0xf, 0xff), 'TPM_RC_COMMAND_CODE'],
    ['more than 4096 bytes', resized(concat(long, new Uint8Array(MAX_FRAME))), 'TPM_RC_COMMAND_SIZE'],
  ])('of %s', async (_, bytes, expected) => {
    expect(await refused(bytes)).toBe(expected);
  });

  it('of random bytes is answered, and so is every command of the table with a random body', async () => {
    for (const [i] of (Object.keys(COMMANDS) as CommandName[]).entries())
      for (const top of [0, Object.keys(COMMANDS).length, 128])
        for (const length of [0, 3, 8, 20, 64])
          await fuzz(concat(Uint8Array.of((top + i) & 0xff), crypto.random(length)));
  });
});
