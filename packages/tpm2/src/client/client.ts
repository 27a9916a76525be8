import { decode, encode } from '@sekimori/codec';
import { type Crypto, type HashName, hashLength, Secret } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { TPMA_SESSION } from '../structures/attributes.ts';
import {
  type Command,
  type CommandName,
  type Commands,
  COMMANDS,
  type HandlesOf,
  type RequestOf,
  type ResponseOf,
} from '../commands/table.ts';
import { decodeResponse, encodeCommand, type ResponseFrame, type TpmsAuthCommand } from '../commands/framing.ts';
import { nameOfHandle, TPM_RH } from '../structures/handles.ts';
import type { PublicArea } from '../structures/public-area.ts';
import { explainResponseCode, type ResponseCode } from './response-code.ts';
import { shareSeed } from '../protection/seed.ts';
import { type ParameterEncryption, Session, type SessionUse, symmetricOf } from './session.ts';
import type { TpmTransport } from './transport.ts';

/** The TPM refused a command: its response code with name and the handle, session or parameter it blames. */
export interface TpmError extends Fault<'tpm-error'> {
  readonly command: CommandName;
  readonly response: ResponseCode;
}
/**
 * `tpm-malformed-response`: not what this command answers. `tpm-response-hmac`: changed on the way, or from another than
 * the session's TPM.
 */
export type TpmFault = TpmError | Fault<'tpm-malformed-response' | 'tpm-response-hmac'>;

/** What a command gives. `tpm-error`: the TPM refused it; `tpm-malformed-response` and `tpm-response-hmac`: no TPM answered so. Part 2, 6.6. */
export type TpmResult<T, F extends Fault = never> = Result<T, TpmFault | F>;

/** An object or NV index with its Name, as HMAC sessions need it; a bare handle does elsewhere. */
export interface Entity {
  readonly handle: number;
  readonly name: Uint8Array;
}
/** A handle, with its Name where a session needs that. Part 1, 16. */
export type HandleArgument = number | Entity;

/** What authorizes a handle: its authValue as a password, or a session. Part 1, 19.3. */
export type Authorization = { readonly password: Secret } | SessionUse;
/** The authValue that a TPM's objects and hierarchies mostly have. Part 1, 19.4. */
export const EMPTY_PASSWORD: Authorization = { password: new Secret(new Uint8Array(0)) };

type Handles<Name extends CommandName> = [HandlesOf<Name>] extends [never]
  ? { readonly handles?: undefined }
  : { readonly handles: { readonly [H in HandlesOf<Name>]: HandleArgument } };

/** The handles and parameters of a command, named as in Part 3, and what authorizes it. */
export type Call<Name extends CommandName> = Handles<Name> & {
  readonly parameters: RequestOf<Name>;
  /** One for each authorized handle, then sessions that only encrypt. Left out: the empty password for each handle. */
  readonly authorize?: readonly Authorization[];
  /** Gives up this command, as `TransmitOptions` says: a TPM that can be told answers TPM_RC_CANCELED. */
  readonly signal?: AbortSignal;
};
/** The response parameters of a command, named as in Part 3, and the handle of what it made. */
export type Answer<Name extends CommandName> = { readonly parameters: ResponseOf<Name> } & (Commands[Name] extends {
  readonly returnsHandle: true;
}
  ? { readonly handle: number }
  : unknown);

/** Commands that give out a secret: not to be had but encrypted for this caller. */
type SecretCommand = 'ActivateCredential' | 'ECDH_ZGen' | 'RSA_Decrypt' | 'Unseal';

/** How a client deals with its TPM. */
export interface TpmOptions {
  /**
   * The TPM is this client's alone, as /dev/tpm0 and a simulator are: `close` frees the objects and sessions that it left there and sends
   * TPM2_Shutdown(CLEAR), without which the next start may count as an attack on authorizations. A resource manager does both by itself.
   */
  readonly exclusive?: boolean;
  /** Waits before a command is sent again; `attempt` counts from 1. Without it the command is sent at once. */
  readonly pause?: (attempt: number) => Promise<void>;
}

/** How a session is started. Part 3, 11.1. */
export interface SessionOptions {
  readonly type: 'hmac' | 'policy';
  readonly authHash?: HashName;
  /**
   * A decryption key of the TPM. Its public area must come from where the caller trusts it (matched with the endorsement
   * key certificate, say): the session is secret to that key's TPM, whoever answers.
   */
  readonly saltTo?: { readonly handle: number; readonly publicArea: PublicArea };
  /**
   * Binds the session to an entity: its authValue becomes part of the session's key, and need not be given again for that entity. A session
   * that is bound and not salted is only as secret as that value is hard to guess.
   */
  readonly bind?: { readonly entity: HandleArgument; readonly authValue: Secret };
  /** Default AES-128-CFB, which every TPM has. */
  readonly encryption?: ParameterEncryption;
}

/** How often a command is sent again that the TPM could not take just then. */
const RESENDS = 10;

/** A client of a TPM 2.0 over any transport. Rejects when the transport does; all else is a value. */
export class Tpm {
  readonly crypto: Crypto;
  readonly #transport: TpmTransport;
  readonly #pause: (attempt: number) => Promise<void>;
  readonly #exclusive: boolean;
  readonly #held = new Set<number>();

  constructor(transport: TpmTransport, crypto: Crypto, options: TpmOptions = {}) {
    this.#transport = transport;
    this.crypto = crypto;
    this.#pause = options.pause ?? (async () => {});
    this.#exclusive = options.exclusive === true;
  }

  /** Transient objects and sessions that this client made and has not flushed. A TPM has few slots for them, often three each. */
  get held(): readonly number[] {
    return [...this.#held];
  }

  /** Any command of the table but those that give out secrets. Throws on parameters the wire does not allow. */
  run<Name extends Exclude<CommandName, SecretCommand>>(
    name: Name,
    call: Call<Name>,
  ): Promise<TpmResult<Answer<Name>>> {
    if (name === 'Duplicate' && givesKey(call.parameters as RequestOf<'Duplicate'>) && !isHidden(call))
      throw new TypeError(
        'Duplicate with an inner wrapping needs a salted session that encrypts the response: it gives its key',
      );
    return this.#execute(name, call);
  }

  /** A command that gives out a secret. Throws unless a salted session has the response encrypted. */
  runForSecret<Name extends SecretCommand>(name: Name, call: Call<Name>): Promise<TpmResult<Answer<Name>>> {
    if (!isHidden(call)) throw new TypeError(`${name} needs a salted session that encrypts the response`);
    return this.#execute(name, call);
  }

  /** Runs `work` with a session and flushes it, whatever happens. */
  async withSession<T, F extends Fault>(
    options: SessionOptions,
    work: (session: Session) => Promise<Result<T, F>>,
  ): Promise<Result<T, F | TpmFault | Fault<'invalid-key'>>> {
    const started = await this.#startSession(options);
    if (!started.ok) return started;
    try {
      return await work(started.value);
    } finally {
      started.value.forget();
      await this.flush(started.value.handle);
    }
  }

  /** Frees a session or a transient object. A TPM that has lost it already is fine. */
  async flush(handle: number): Promise<void> {
    this.#held.delete(handle);
    await this.run('FlushContext', { parameters: { flushHandle: handle } });
  }

  /** Closes the transport; of a TPM that is `exclusive` to this client in order. */
  async close(): Promise<void> {
    try {
      if (this.#exclusive) {
        for (const handle of this.#held) await this.flush(handle);
        await this.run('Shutdown', { parameters: { shutdownType: 'clear' } });
      }
    } finally {
      await this.#transport.close();
    }
  }

  async #startSession(options: SessionOptions): Promise<Result<Session, TpmFault | Fault<'invalid-key'>>> {
    const { crypto } = this;
    const { type, authHash = 'sha256', saltTo, bind, encryption = 'aes-128-cfb' } = options;
    const salt = saltTo && shareSeed(crypto, saltTo.publicArea, 'SECRET');
    if (salt && !salt.ok) return salt;
    const nonceCaller = crypto.random(hashLength(authHash));
    const encryptedSalt = salt?.value.encrypted ?? new Uint8Array(0);
    const started = await this.run('StartAuthSession', {
      handles: { tpmKey: saltTo?.handle ?? TPM_RH.null, bind: bind?.entity ?? TPM_RH.null },
      parameters: {
        nonceCaller,
        encryptedSalt,
        sessionType: type,
        symmetric: symmetricOf(encryption, authHash),
        authHash,
      },
    });
    if (!started.ok) {
      salt?.value.seed.wipe();
      return started;
    }
    const { handle, parameters } = started.value;
    const session = new Session({
      crypto,
      handle,
      type,
      authHash,
      nonceCaller,
      nonceTpm: parameters.nonceTPM,
      encryption,
      salt: salt?.value.seed,
      ...(bind && { bound: { name: nameOfEntity('StartAuthSession', bind.entity), authValue: bind.authValue } }),
    });
    salt?.value.seed.wipe(); // it is in the session's key by now
    return ok(session);
  }

  async #execute<Name extends CommandName>(name: Name, call: Call<Name>): Promise<TpmResult<Answer<Name>>> {
    const command: Command = COMMANDS[name];
    const authorize = call.authorize ?? Array.from({ length: command.authorized }, (): Authorization => EMPTY_PASSWORD);
    if (authorize.length < command.authorized)
      throw new RangeError(`${name} needs ${command.authorized} authorizations`);
    const uses = authorize.filter((each) => 'session' in each);
    for (const use of uses) use.session.begin();
    try {
      return await this.#exchange(name, call, authorize, uses);
    } finally {
      for (const use of uses) use.session.end();
    }
  }

  async #exchange<Name extends CommandName>(
    name: Name,
    call: Call<Name>,
    authorize: readonly Authorization[],
    uses: readonly SessionUse[],
  ): Promise<TpmResult<Answer<Name>>> {
    const command: Command = COMMANDS[name];
    const given = (call.handles ?? {}) as Readonly<Record<string, HandleArgument>>;
    const handles = command.handles.map((each) => given[each] as HandleArgument);
    const names = uses.length === 0 ? [] : handles.map((each) => nameOfEntity(name, each));
    /** What an authorization stands for: the handle at the same place, as far as those need one. */
    const nameFor = (use: Authorization): Uint8Array | undefined => {
      const index = authorize.indexOf(use);
      return index < command.authorized ? names[index] : undefined;
    };
    const decrypting = theOne(uses, 'decrypt');
    const encrypting = theOne(uses, 'encrypt');
    const plain = encode(command.request, call.parameters);
    const parameters = decrypting ? decrypting.session.encryptCommand(decrypting, plain, nameFor(decrypting)) : plain;
    if (!parameters) throw new RangeError(`the first parameter of ${name} is no TPM2B`);
    if (decrypting) plain.fill(0);
    const authorizations = authorize.map((each, index): TpmsAuthCommand => {
      if ('password' in each) return passwordAuthorization(each.password);
      // A first session that authorizes nothing vouches for no other. Part 1, 19.6.
      const others = index === 0 && command.authorized > 0 ? otherNonces(each, decrypting, encrypting) : [];
      return each.session.authorize(each, command.code, names, parameters, others, nameFor(each));
    });
    const bytes = encodeCommand({ name, handles: handles.map(handleOf), authorizations, parameters });

    const answered = await this.#send(name, authorizations.length, bytes, call.signal);
    if (!answered.ok) return answered;
    const response = answered.value;
    for (const [index, each] of authorize.entries()) {
      const authorization = response.authorizations[index]!;
      const holds =
        'password' in each
          ? authorization.hmac.length === 0
          : each.session.verifyResponse(each, command.code, response.parameters, authorization, nameFor(each));
      if (!holds) return fail('tpm-response-hmac', `session ${index + 1} of the response to ${name} does not verify`);
    }
    const clear = encrypting
      ? encrypting.session.decryptResponse(encrypting, response.parameters, nameFor(encrypting))
      : response.parameters;
    if (!clear) return fail('tpm-malformed-response', `${name}: the first parameter is no TPM2B`);
    const decoded = decode(command.response, clear);
    if (encrypting) clear.fill(0);
    // The detail of a decoding fault may quote numbers of a decrypted answer, so it is told for clear ones alone.
    if (!decoded.ok) return fail('tpm-malformed-response', name, encrypting ? {} : { cause: decoded.fault });
    if (response.handle === undefined) return ok({ parameters: decoded.value } as Answer<Name>);
    this.#held.add(response.handle);
    return ok({ parameters: decoded.value, handle: response.handle } as Answer<Name>);
  }

  /** Sends a command, again and unchanged where the TPM asks for that. */
  async #send(
    name: CommandName,
    sessions: number,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<TpmResult<ResponseFrame>> {
    for (let attempt = 1; ; attempt++) {
      const response = await this.#transport.transmit(bytes, signal && { signal });
      const decoded = decodeResponse(name, sessions, response);
      if (!decoded.ok) return decoded;
      const answer = explainResponseCode(decoded.value.responseCode);
      if (answer.kind === 'success') return decoded;
      if (!answer.retry || attempt > RESENDS) return refused(name, answer, this.held);
      await this.#pause(attempt);
    }
  }
}

/** With an inner wrapping and no key of the caller's, the TPM makes one and gives it out. Part 3, 13.1. */
function givesKey({ symmetricAlg, encryptionKeyIn }: RequestOf<'Duplicate'>): boolean {
  return symmetricAlg.algorithm !== 'null' && encryptionKeyIn.length === 0;
}

/** A salted session encrypts the response: nobody on the way reads it. */
function isHidden({ authorize = [] }: { readonly authorize?: readonly Authorization[] }): boolean {
  return (
    theOne(
      authorize.filter((each) => 'session' in each),
      'encrypt',
    )?.session.salted === true
  );
}

/** A TPM takes one session at most for each direction. Part 1, 19.6.5. */
function theOne(uses: readonly SessionUse[], direction: 'decrypt' | 'encrypt'): SessionUse | undefined {
  const [one, ...more] = uses.filter((use) => use[direction] === true);
  if (more.length > 0) throw new RangeError(`only one session can ${direction}`);
  return one;
}

function refused(
  command: CommandName,
  response: ResponseCode,
  held: readonly number[],
): { readonly ok: false; readonly fault: TpmError } {
  const blamed = response.about ? `, ${blamedPart(command, response.about)}` : '';
  const detail = `TPM2_${command}: ${response.name} (0x${response.code.toString(16)}${blamed})${slots(response, held)}`;
  return { ok: false, fault: { code: 'tpm-error', detail, command, response } };
}

/** 'parameter 2, inScheme': with the name that Part 3 gives it. */
function blamedPart(command: CommandName, { part, number }: NonNullable<ResponseCode['about']>): string {
  const { handles, request }: Command = COMMANDS[command];
  const name =
    part === 'handle' ? handles[number - 1] : part === 'parameter' ? request.fields[number - 1]?.key : undefined;
  return name === undefined ? `${part} ${number}` : `${part} ${number}, ${name}`;
}

const NO_SLOT: ReadonlySet<string> = new Set([
  'TPM_RC_OBJECT_MEMORY',
  'TPM_RC_SESSION_MEMORY',
  'TPM_RC_OBJECT_HANDLES',
  'TPM_RC_SESSION_HANDLES',
]);

function slots({ name }: ResponseCode, held: readonly number[]): string {
  if (!NO_SLOT.has(name)) return '';
  const handles = held.map((handle) => `0x${handle.toString(16)}`).join(', ');
  return `: all slots are taken; this client holds ${handles || 'none'}, and 'flush' frees them`;
}

/** Part 1, 19.6: the first session vouches for the nonces of others that encrypt. */
function otherNonces(first: SessionUse, ...encrypting: readonly (SessionUse | undefined)[]): readonly Uint8Array[] {
  const [decrypt, encrypt] = encrypting;
  const nonces: Uint8Array[] = [];
  if (decrypt && decrypt.session !== first.session) nonces.push(decrypt.session.nonceTpm);
  if (encrypt && encrypt.session !== first.session && encrypt.session !== decrypt?.session)
    nonces.push(encrypt.session.nonceTpm);
  return nonces;
}

function passwordAuthorization(password: Secret): TpmsAuthCommand {
  return {
    sessionHandle: TPM_RH.password,
    nonce: new Uint8Array(0),
    sessionAttributes: TPMA_SESSION.of(),
    hmac: password.use((bytes) => Uint8Array.from(bytes)),
  };
}

function handleOf(argument: HandleArgument): number {
  return typeof argument === 'number' ? argument : argument.handle;
}

function nameOfEntity(command: CommandName, argument: HandleArgument): Uint8Array {
  if (typeof argument !== 'number') return argument.name;
  const name = nameOfHandle(argument);
  if (!name) throw new RangeError(`${command} in a session needs the Name of 0x${argument.toString(16)}`);
  return name;
}
