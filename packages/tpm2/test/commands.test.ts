import { toHex } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  type CommandName,
  COMMANDS,
  commandName,
  decodeCommand,
  decodeResponse,
  encodeCommand,
  encodeResponse,
  explainResponseCode,
  type RequestOf,
  SRK_ECC_P256,
  TPM_RH,
  TPMA_SESSION,
  type TpmsAuthCommand,
} from '../src/index.ts';
import { hex } from './bytes.ts';

const NONE = new Uint8Array(0);
const UNSEAL = '8002 0000001b 0000015e 80000001 00000009 400000090000000000';
const WRITE_LOCK = '8002 0000001f 00000138 40000001 01500020 00000009 400000090000000000';
const EMPTY_AUTH: TpmsAuthCommand = {
  sessionHandle: TPM_RH.password,
  nonce: NONE,
  sessionAttributes: TPMA_SESSION.of(),
  hmac: NONE,
};

function command<Name extends CommandName>(
  name: Name,
  handles: readonly number[],
  parameters: RequestOf<Name>,
  authorizations: readonly TpmsAuthCommand[] = [],
): string {
  const request = COMMANDS[name].request as unknown as Parameters<typeof encode<RequestOf<Name>>>[0];
  return toHex(encodeCommand({ name, handles, authorizations, parameters: encode(request, parameters) }));
}

describe('commands, byte for byte', () => {
  const nonce = new Uint8Array(16).fill(0x11);
  const PCRS = [{ bank: 'sha256', indices: [0, 7, 16] }] as const;
  it.each([
    ['Startup', command('Startup', [], { startupType: 'clear' }), '8001 0000000c 00000144 0000'],
    [
      'GetCapability',
      command('GetCapability', [], { capability: 'tpmProperties', property: 0x105, propertyCount: 1 }),
      '8001 00000016 0000017a 00000006 00000105 00000001',
    ],
    [
      'StartAuthSession',
      command('StartAuthSession', [TPM_RH.null, TPM_RH.null], {
        nonceCaller: nonce,
        encryptedSalt: NONE,
        sessionType: 'policy',
        symmetric: { algorithm: 'null' },
        authHash: 'sha256',
      }),
      `8001 0000002b 00000176 40000007 40000007 0010 ${'11'.repeat(16)} 0000 01 0010 000b`,
    ],
    [
      'PolicySecret',
      command(
        'PolicySecret',
        [TPM_RH.endorsement, 0x03000000],
        { nonceTPM: NONE, cpHashA: NONE, policyRef: NONE, expiration: 0 },
        [EMPTY_AUTH],
      ),
      '8002 00000029 00000151 4000000b 03000000 00000009 40000009 0000 00 0000 0000 0000 0000 00000000',
    ],
    [
      'Quote',
      command('Quote', [0x80000001], { qualifyingData: nonce, inScheme: { scheme: 'null' }, PCRselect: PCRS }, [
        EMPTY_AUTH,
      ]),
      `8002 00000039 00000158 80000001 00000009 400000090000000000 0010 ${'11'.repeat(16)} 0010 00000001 000b 03 810001`,
    ],
    [
      'PCR_Extend',
      command(
        'PCR_Extend',
        [16],
        {
          digests: [
            { hashAlg: 'sha1', digest: new Uint8Array(20).fill(1) },
            { hashAlg: 'sha256', digest: new Uint8Array(32).fill(2) },
          ],
        },
        [EMPTY_AUTH],
      ),
      `8002 00000057 00000182 00000010 00000009 400000090000000000 00000002 0004 ${'01'.repeat(20)} 000b ${'02'.repeat(32)}`,
    ],
    [
      'Load',
      command(
        'Load',
        [0x81000001],
        { inPrivate: hex('aabb'), inPublic: { value: SRK_ECC_P256.value, bytes: SRK_ECC_P256.bytes } },
        [EMPTY_AUTH],
      ),
      `8002 0000007b 00000157 81000001 00000009 400000090000000000 0002 aabb 005a ${toHex(SRK_ECC_P256.bytes)}`,
    ],
    ['Unseal', command('Unseal', [0x80000001], {}, [EMPTY_AUTH]), UNSEAL],
    [
      'VerifySignature',
      command('VerifySignature', [0x80000001], {
        digest: nonce,
        signature: { sigAlg: 'ecdsa', hash: 'sha256', signatureR: hex('01'), signatureS: hex('0203') },
      }),
      `8001 0000002b 00000177 80000001 0010 ${'11'.repeat(16)} 0018 000b 0001 01 0002 0203`,
    ],
    [
      'PolicyAuthorize',
      command('PolicyAuthorize', [0x03000000], {
        approvedPolicy: nonce,
        policyRef: hex('07'),
        keySign: hex('000b01'),
        checkTicket: { tag: 0x8022, hierarchy: TPM_RH.owner, digest: hex('09') },
      }),
      `8001 00000031 0000016a 03000000 0010 ${'11'.repeat(16)} 0001 07 0003 000b01 8022 40000001 0001 09`,
    ],
    [
      'HierarchyChangeAuth',
      command('HierarchyChangeAuth', [TPM_RH.owner], { newAuth: hex('0a0b') }, [EMPTY_AUTH]),
      '8002 0000001f 00000129 40000001 00000009 400000090000000000 0002 0a0b',
    ],
    ['NV_WriteLock', command('NV_WriteLock', [TPM_RH.owner, 0x01500020], {}, [EMPTY_AUTH]), WRITE_LOCK],
    ['FlushContext', command('FlushContext', [], { flushHandle: 0x80000000 }), '8001 0000000e 00000165 80000000'],
  ])('%s', (_, written, expected) => expect(written).toBe(toHex(hex(expected))));

  it('reads them for the TPM’s side', () => {
    const frame = {
      name: 'Quote',
      handles: [0x80000001],
      authorizations: [EMPTY_AUTH],
      parameters: hex('0000 0010 00000000'),
    } as const;
    expect(expectOk(decodeCommand(encodeCommand(frame)))).toEqual(frame);
  });
  it.each([
    ['another tag', '8003 0000000c 00000144 0000', 'bad-tag'],
    ['a size that is not its own', '8001 0000000d 00000144 0000', 'command-size'],
    ['less than a header', '8001 0000', 'command-size'],
    ['a code that is not in the table', '8001 0000000a 00000fff', 'command-code'],
    ['too few handles', '8001 0000000c 00000158 0000', 'malformed'],
    ['an empty authorization area', '8002 00000012 00000158 80000001 00000000', 'malformed'],
    ['four sessions', `8002 00000036 00000158 80000001 00000024 ${'400000090000000000'.repeat(4)}`, 'malformed'],
  ])('refuses %s', (_, text, code) => expect(decodeCommand(hex(text))).toMatchObject({ ok: false, fault: { code } }));

  it('has a number for each name, and one name for each', () => {
    for (const [name, { code, handles, authorized }] of Object.entries(COMMANDS)) {
      expect(commandName(code)).toBe(name);
      expect(authorized).toBeLessThanOrEqual(handles.length);
    }
  });
});

describe('responses', () => {
  it('come back as they were written', () => {
    const authorization = {
      nonce: hex('0102'),
      sessionAttributes: TPMA_SESSION.of('continueSession'),
      hmac: hex('03'),
    };
    const created = { responseCode: 0, handle: 0x80000000, authorizations: [authorization], parameters: hex('aabb') };
    expect(expectOk(decodeResponse('CreatePrimary', 1, encodeResponse('CreatePrimary', created)))).toEqual(created);
    const plain = { responseCode: 0, authorizations: [], parameters: hex('0001ff') };
    expect(toHex(encodeResponse('GetRandom', plain))).toBe('80010000000d000000000001ff');
    expect(expectOk(decodeResponse('GetRandom', 0, encodeResponse('GetRandom', plain)))).toEqual(plain);
    expect(toHex(encodeResponse('GetRandom', { ...plain, responseCode: 0x922 }))).toBe('80010000000a00000922');
  });
  it.each([
    ['nothing', '', 0],
    ['a size that is not its own', '8001 0000000b 00000000', 0],
    ['a success without the sessions that were sent', '8001 0000000a 00000000', 1],
    ['sessions that nobody sent', '8002 00000013 00000000 00000000 0000 01 0000', 0],
    ['an error with a body', '8001 0000000b 00000922 00', 0],
    ['bytes after the authorizations', '8002 00000014 00000000 00000000 0000 01 0000 00', 1],
    ['a parameter size beyond the end', '8002 00000013 00000000 000000ff 0000 01 0000', 1],
  ])('refuses %s', (_, text, sessions) =>
    expect(decodeResponse('PCR_Reset', sessions, hex(text))).toMatchObject({
      ok: false,
      fault: { code: 'tpm-malformed-response' },
    }),
  );
});

describe('response codes', () => {
  it.each([
    [0x000, 'TPM_RC_SUCCESS', undefined],
    [0x01e, 'TPM_RC_BAD_TAG', undefined],
    [0x100, 'TPM_RC_INITIALIZE', undefined],
    [0x128, 'TPM_RC_PCR_CHANGED', undefined],
    [0x12f, 'TPM_RC_AUTH_UNAVAILABLE', undefined],
    [0x143, 'TPM_RC_COMMAND_CODE', undefined],
    [0x184, 'TPM_RC_VALUE', { part: 'handle', number: 1 }],
    [0x18b, 'TPM_RC_HANDLE', { part: 'handle', number: 1 }],
    [0x1da, 'TPM_RC_INSUFFICIENT', { part: 'parameter', number: 1 }],
    [0x98e, 'TPM_RC_AUTH_FAIL', { part: 'session', number: 1 }],
    [0x9a2, 'TPM_RC_BAD_AUTH', { part: 'session', number: 1 }],
    [0x99d, 'TPM_RC_POLICY_FAIL', { part: 'session', number: 1 }],
    [0x921, 'TPM_RC_LOCKOUT', undefined],
    [0x17f, 'TPM_RC_0x17f', undefined],
    [0x500, 'TPM_RC_0x500', undefined],
    [0x001, 'TPM_RC_0x1', undefined],
  ] as const)('0x%s is explained', (code, name, about) => {
    const explained = explainResponseCode(code);
    expect([explained.name, explained.about, explained.retry]).toEqual([name, about, false]);
  });
  it('says which may be sent again', () => {
    expect([0x922, 0x908, 0x90a, 0x920].map((code) => explainResponseCode(code).retry)).toEqual(Array(4).fill(true));
    expect(explainResponseCode(0x922)).toMatchObject({ name: 'TPM_RC_RETRY', kind: 'warning' });
    expect(explainResponseCode(0x500).kind).toBe('vendor');
  });
  it('has an answer for every number', () => {
    for (let code = 0; code < 0x1000; code++) expect(explainResponseCode(code).name).toMatch(/^TPM_RC_/);
  });
});
