import { decode, encode } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { type TpmsAttest, TPMS_ATTEST } from '../structures/attest.ts';
import { createAttestationKey, createHealthKey } from '../keys/attester.ts';
import { TPMA_SESSION } from '../structures/attributes.ts';
import { Tpm } from '../client/client.ts';
import { type Command, type CommandName, COMMANDS, type RequestOf, type ResponseOf } from '../commands/table.ts';
import { openEndorsementKey } from '../keys/endorsement.ts';
import { decodeResponse, encodeCommand, type TpmsAuthCommand } from '../commands/framing.ts';
import { TPM_RH } from '../structures/handles.ts';
import { publicKeyOf } from '../structures/names.ts';
import { NO_SENSITIVE } from '../structures/objects.ts';
import { createPrimary, type LoadedKey } from '../client/operations.ts';
import type { PublicArea } from '../structures/public-area.ts';
import { explainResponseCode } from '../client/response-code.ts';
import { TPMT_SIGNATURE, verifySignature } from '../structures/signature.ts';
import { SRK_ECC_P256 } from '../keys/templates.ts';
import type { TpmTransport } from '../client/transport.ts';

/** A TPM for the suite: manufactured (RSA-2048 endorsement key and its certificate in NV) and started. */
export interface TpmUnderTest {
  readonly transport: TpmTransport;
  /** A TPM reset: power off, power on, TPM2_Startup(CLEAR). The transport stays. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export const FIRMWARE = { bank: 'sha256', indices: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14] } as const;
export const PCR = 16;
export const PCR_SELECTION = { bank: 'sha256', indices: [PCR] } as const;
export const DIGEST = new Uint8Array(32).fill(0xd1);

export const NONE = new Uint8Array(0);
/** The empty password. */
export const PASSWORD: TpmsAuthCommand = authorization(TPM_RH.password);
export const SUCCESS = 'TPM_RC_SUCCESS';

/** A command as it goes over the wire, without what a client would put right. */
export interface RawCall<Name extends CommandName> {
  readonly handles?: readonly number[];
  readonly parameters: RequestOf<Name>;
  /** Left out: the empty password for each handle that needs an authorization. */
  readonly authorize?: readonly TpmsAuthCommand[];
}
export interface Done<Name extends CommandName> {
  readonly handle: number;
  readonly parameters: ResponseOf<Name>;
}

/** Of a session, or with `hmac` a password. */
export function authorization(sessionHandle: number, hmac: Uint8Array = NONE): TpmsAuthCommand {
  const sessionAttributes = TPMA_SESSION.of(
    ...(sessionHandle === TPM_RH.password ? [] : (['continueSession'] as const)),
  );
  return { sessionHandle, nonce: NONE, sessionAttributes, hmac };
}

export type Bench = ReturnType<typeof tpmBench>;

/** One TPM for all tests of a suite, and what they do with it again and again. */
export function tpmBench(open: () => Promise<TpmUnderTest>) {
  let under: TpmUnderTest;
  /** Sees each exchange, and may change it. */
  let meddle: ((command: Uint8Array, response: Uint8Array) => Uint8Array | Promise<Uint8Array>) | undefined;
  const [succeeded, refused] = [new Set<number>(), new Set<number>()];
  const made: number[] = [];
  const meddled: TpmTransport = {
    transmit: async (command) => {
      const response = await under.transport.transmit(command);
      (commandCode(response) === 0 ? succeeded : refused).add(commandCode(command));
      return meddle ? meddle(command, response) : response;
    },
    close: () => under.transport.close(),
  };
  const tpm = new Tpm(meddled, crypto);

  beforeAll(async () => {
    under = await open();
  });
  afterAll(() => under.close());
  afterEach(async () => {
    for (const flushHandle of made.splice(0)) await ask('FlushContext', { parameters: { flushHandle } });
  });

  async function exchange<Name extends CommandName>(name: Name, call: RawCall<Name>) {
    const command: Command = COMMANDS[name];
    const authorizations = call.authorize ?? Array.from({ length: command.authorized }, () => PASSWORD);
    const parameters = encode(command.request, call.parameters);
    const bytes = encodeCommand({ name, handles: call.handles ?? [], authorizations, parameters });
    for (;;) {
      const response = expectOk(decodeResponse(name, authorizations.length, await meddled.transmit(bytes)));
      const explained = explainResponseCode(response.responseCode);
      if (explained.retry) continue;
      if (response.handle !== undefined) made.push(response.handle);
      const { about } = explained;
      return { response, outcome: about ? `${explained.name} ${about.part} ${about.number}` : explained.name };
    }
  }
  /** 'TPM_RC_VALUE parameter 2', or 'TPM_RC_SUCCESS'. What it made is flushed after the test. */
  async function ask<Name extends CommandName>(name: Name, call: RawCall<Name>): Promise<string> {
    return (await exchange(name, call)).outcome;
  }
  /** What a command that succeeds answers. */
  async function done<Name extends CommandName>(name: Name, call: RawCall<Name>): Promise<Done<Name>> {
    const { response, outcome } = await exchange(name, call);
    expect(`${name}: ${outcome}`).toBe(`${name}: ${SUCCESS}`);
    const { handle = 0 } = response;
    return { handle, parameters: expectOk(decode(COMMANDS[name].response, response.parameters)) as ResponseOf<Name> };
  }
  async function startSession(
    sessionType: 'hmac' | 'policy' | 'trial',
    authHash: 'sha256' | 'sha384' = 'sha256',
  ): Promise<{ readonly handle: number; readonly nonceTPM: Uint8Array }> {
    const { handle, parameters } = await done('StartAuthSession', {
      handles: [TPM_RH.null, TPM_RH.null],
      parameters: {
        nonceCaller: crypto.random(32),
        encryptedSalt: NONE,
        sessionType,
        symmetric: { algorithm: 'null' },
        authHash,
      },
    });
    return { handle, nonceTPM: parameters.nonceTPM };
  }

  async function keeping<T>(key: LoadedKey, work: (key: LoadedKey) => Promise<T>): Promise<T> {
    try {
      return await work(key);
    } finally {
      await tpm.flush(key.handle);
    }
  }
  async function withMeddling<T>(how: NonNullable<typeof meddle>, work: () => Promise<T>): Promise<T> {
    meddle = how;
    try {
      return await work();
    } finally {
      meddle = undefined;
    }
  }
  return {
    tpm,
    under: () => under,
    /** TPM_CC of all that succeeded so far, and of all that were refused. */
    succeeded,
    refused,
    /** Bytes as they are. */
    transmit: (command: Uint8Array) => meddled.transmit(command),
    ask,
    done,
    startSession,
    /** Before the end of the test, where there has to be room. */
    flush: async (handle: number) => {
      // a resource manager does not take it well to be asked twice
      const at = made.lastIndexOf(handle);
      if (at >= 0) made.splice(at, 1);
      await done('FlushContext', { parameters: { flushHandle: handle } });
    },
    reset: async () => {
      made.length = 0;
      await under.reset();
    },
    /** A primary with empty authorization. */
    primary: async (template: PublicArea, hierarchy: number = TPM_RH.owner) =>
      done('CreatePrimary', {
        handles: [hierarchy],
        parameters: { inSensitive: NO_SENSITIVE, inPublic: template, outsideInfo: NONE, creationPCR: [] },
      }),
    keeping,
    withMeddling,
    withAk: async <T>(work: (ak: LoadedKey) => Promise<T>, kind?: 'ecc-p256' | 'rsa-2048') =>
      keeping(expectOk(await createAttestationKey(tpm, kind)), work),
    withHealthKey: async <T>(work: (key: LoadedKey) => Promise<T>, selection = PCR_SELECTION) =>
      keeping(expectOk(await createHealthKey(tpm, selection)), work),
    withSrk: async <T>(work: (srk: LoadedKey) => Promise<T>) =>
      keeping(expectOk(await createPrimary(tpm, TPM_RH.owner, SRK_ECC_P256)), work),
    endorsementKey: async () => expectOk(await openEndorsementKey(tpm)),
  };
}

export const attestOf = (bytes: Uint8Array): TpmsAttest => expectOk(decode(TPMS_ATTEST, bytes));

interface Signed {
  readonly attest: Uint8Array;
  readonly signature: Uint8Array;
}

export function expectSigned(key: LoadedKey, attestation: Signed): void {
  expectSignedBy(key.publicArea, attestation);
}

export function expectSignedBy(area: PublicArea, attestation: Signed): void {
  const { parameters } = area.value;
  const scheme =
    parameters.is === 'ecc'
      ? ({ scheme: 'ecdsa', hashAlg: 'sha256' } as const)
      : ({ scheme: 'rsassa', hashAlg: 'sha256' } as const);
  const signature = expectOk(decode(TPMT_SIGNATURE, attestation.signature));
  const publicKey = expectOk(publicKeyOf(crypto, area));
  expect(verifySignature(crypto, publicKey, scheme, attestation.attest, signature)).toBe(true);
}

/** Of a command, or the response code of a response: they stand in the same place. */
export function commandCode(command: Uint8Array): number {
  return new DataView(command.buffer, command.byteOffset).getUint32(6);
}
