import { concat, equal, equalConstantTime, stripTrailingZeros, u32be } from '@sekimori/bytes';
import { encode, type Infer } from '@sekimori/codec';
import { type Crypto, type HashName, hashLength, Secret } from '@sekimori/crypto-core';
import { TPMA_SESSION } from '../structures/attributes.ts';
import type { TpmsAuthCommand, TpmsAuthResponse } from '../commands/framing.ts';
import type { TpmtSymDef } from '../structures/schemes.ts';
import { cipherParameter, sessionKey } from './session-crypto.ts';

type Attributes = Infer<typeof TPMA_SESSION>;

/** How a session encrypts parameters. Part 1, 21. XOR hides the length of nothing and needs no cipher in the TPM. */
export type ParameterEncryption = 'aes-128-cfb' | 'aes-256-cfb' | 'xor';
const KEY_BITS = { 'aes-128-cfb': 128, 'aes-256-cfb': 256 } as const;
const NONE = new Uint8Array(0);

/** As TPM2_StartAuthSession takes it. */
export function symmetricOf(encryption: ParameterEncryption, authHash: HashName): TpmtSymDef {
  if (encryption === 'xor') return { algorithm: 'xor', hashAlg: authHash };
  return { algorithm: 'aes', keyBits: KEY_BITS[encryption], mode: 'cfb' };
}

/** What a started session is made of; see `Tpm.startSession`. */
export interface SessionStart {
  readonly crypto: Crypto;
  readonly handle: number;
  readonly type: 'hmac' | 'policy';
  readonly authHash: HashName;
  readonly nonceCaller: Uint8Array;
  readonly nonceTpm: Uint8Array;
  /** Default AES-128-CFB. */
  readonly encryption?: ParameterEncryption;
  /** The salt shared with a key of the TPM, whose Name the caller verified. */
  readonly salt: Secret | undefined;
  /** The entity whose authValue is part of the session's key. */
  readonly bound?: { readonly name: Uint8Array; readonly authValue: Secret };
}

/** What a command adds to a session for this one use. */
export interface SessionUse {
  readonly session: Session;
  /** Of the entity that the session authorizes. It keys the HMAC and parameter encryption. */
  readonly authValue?: Secret;
  /**
   * In a policy session: what `authValue` is for. After PolicyAuthValue it keys the HMAC (the default), after PolicyPassword it is sent
   * in clear instead, and the TPM's answer has no HMAC; under any other policy it takes part in parameter encryption alone.
   */
  readonly policyAuth?: 'hmac' | 'password' | 'none';
  /** Where the command changes that value: the new one, with which the TPM answers. */
  readonly responseAuthValue?: Secret;
  /** Encrypt the command's first parameter. */
  readonly decrypt?: boolean;
  /** Have the TPM encrypt the response's first parameter. */
  readonly encrypt?: boolean;
}

/** An HMAC or policy session: rolling nonces, HMACs, parameter encryption. Part 1, 19.6 and 21. */
export class Session {
  readonly handle: number;
  readonly type: 'hmac' | 'policy';
  readonly authHash: HashName;
  /** Whether what it encrypts can be read by nobody but the TPM whose key salted it. */
  readonly salted: boolean;
  readonly #crypto: Crypto;
  readonly #symmetric: TpmtSymDef;
  readonly #bound: SessionStart['bound'] | undefined;
  readonly #key: Secret;
  #nonceCaller: Uint8Array;
  #nonceTpm: Uint8Array;
  #busy = false;

  constructor(start: SessionStart) {
    this.handle = start.handle;
    this.type = start.type;
    this.#crypto = start.crypto;
    this.authHash = start.authHash;
    this.salted = start.salt !== undefined;
    this.#symmetric = symmetricOf(start.encryption ?? 'aes-128-cfb', start.authHash);
    this.#bound = start.bound;
    this.#nonceCaller = start.nonceCaller;
    this.#nonceTpm = start.nonceTpm;
    const secrets = { authValue: start.bound?.authValue, salt: start.salt };
    this.#key = sessionKey(start.crypto, start.authHash, secrets, start.nonceTpm, start.nonceCaller);
  }

  get nonceTpm(): Uint8Array {
    return this.#nonceTpm;
  }

  /** Overwrites the session's key. For whoever flushes the session. */
  forget(): void {
    this.#key.wipe();
  }

  /** A new caller's nonce, for the next command. Throws where another command is under way in this session: it has one nonce of the TPM. */
  begin(): void {
    if (this.#busy) throw new Error('a session carries one command at a time');
    this.#busy = true;
    this.#nonceCaller = this.#crypto.random(hashLength(this.authHash));
  }

  /** The command has been answered, or never will be. */
  end(): void {
    this.#busy = false;
  }

  /** The first parameter (a TPM2B, its size stays clear) under this session's key. Undefined when there is no TPM2B. */
  encryptCommand(use: SessionUse, parameters: Uint8Array, authorizes?: Uint8Array): Uint8Array | undefined {
    const authValue = this.#authValueOf(use, authorizes);
    return this.#cipher('encrypt', authValue, parameters, this.#nonceCaller, this.#nonceTpm);
  }
  /** To be called after `verifyResponse`, which took the TPM's new nonce. */
  decryptResponse(use: SessionUse, parameters: Uint8Array, authorizes?: Uint8Array): Uint8Array | undefined {
    const authValue = this.#authValueOf(use, authorizes);
    return this.#cipher('decrypt', authValue, parameters, this.#nonceTpm, this.#nonceCaller);
  }

  /**
   * `authorizes`: the Name of the entity this session stands for, none where it only encrypts. `others`: nonces of the decrypt and encrypt
   * sessions, in the first session's HMAC only. Part 1, 19.6.
   */
  authorize(
    use: SessionUse,
    commandCode: number,
    names: readonly Uint8Array[],
    parameters: Uint8Array,
    others: readonly Uint8Array[],
    authorizes?: Uint8Array,
  ): TpmsAuthCommand {
    const sessionAttributes = attributesOf(use);
    const [sessionHandle, nonce] = [this.handle, this.#nonceCaller];
    if (this.#sendsPassword(use)) {
      const hmac = use.authValue?.use((value) => Uint8Array.from(value)) ?? NONE;
      return { sessionHandle, nonce, sessionAttributes, hmac };
    }
    const code = u32be(commandCode);
    const cpHash = this.#crypto.hash(this.authHash, concat(code, ...names, parameters));
    const attributes = encode(TPMA_SESSION, sessionAttributes);
    const message = concat(cpHash, nonce, this.#nonceTpm, ...others, attributes);
    return { sessionHandle, nonce, sessionAttributes, hmac: this.#hmac(use, message, authorizes) };
  }

  /** False when the response is not from the TPM that holds the session, or was changed on the way. */
  verifyResponse(
    use: SessionUse,
    commandCode: number,
    parameters: Uint8Array,
    authorization: TpmsAuthResponse,
    authorizes?: Uint8Array,
  ): boolean {
    const rpHash = this.#crypto.hash(this.authHash, concat(u32be(0), u32be(commandCode), parameters));
    const attributes = encode(TPMA_SESSION, authorization.sessionAttributes);
    const message = concat(rpHash, authorization.nonce, this.#nonceCaller, attributes);
    const expected = this.#sendsPassword(use) ? NONE : this.#hmac(use, message, authorizes, use.responseAuthValue);
    if (!equalConstantTime(expected, authorization.hmac)) return false;
    this.#nonceTpm = authorization.nonce;
    return true;
  }

  #sendsPassword(use: SessionUse): boolean {
    return this.type === 'policy' && use.policyAuth === 'password';
  }

  /** A policy session without salt and authValue has no HMAC at all; an HMAC session always has one. */
  #hmac(use: SessionUse, message: Uint8Array, authorizes: Uint8Array | undefined, changed?: Secret): Uint8Array {
    // A TPM decides at the command whether the value takes part, and keeps to that where the command changes the value.
    const isLeftOut = this.type === 'policy' ? use.policyAuth === 'none' : this.#isBoundTo(use, authorizes);
    const key = this.#keyWith(isLeftOut ? undefined : (changed ?? use.authValue));
    const hmac = this.type === 'policy' && key.length === 0 ? NONE : this.#crypto.hmac(this.authHash, key, message);
    key.fill(0);
    return hmac;
  }

  /** Part 1, 19.6.9: the entity's authValue is in the session's key already, as long as it is the same one. */
  #isBoundTo({ authValue }: SessionUse, authorizes: Uint8Array | undefined): boolean {
    const bound = this.#boundTo(authorizes);
    if (!bound || !authValue) return bound !== undefined;
    return authValue.use((value) =>
      bound.authValue.use((other) => equalConstantTime(stripTrailingZeros(value), stripTrailingZeros(other))),
    );
  }

  #boundTo(authorizes: Uint8Array | undefined): SessionStart['bound'] | undefined {
    return this.#bound && authorizes && equal(this.#bound.name, authorizes) ? this.#bound : undefined;
  }

  /** What keys parameter encryption: the entity's value always takes part in it, also where it is left out of the HMAC. Part 1, 21.2. */
  #authValueOf(use: SessionUse, authorizes: Uint8Array | undefined): Secret | undefined {
    return use.authValue ?? this.#boundTo(authorizes)?.authValue;
  }

  #keyWith(authValue: Secret | undefined): Uint8Array {
    return this.#key.use((key) => authValue?.use((value) => concat(key, stripTrailingZeros(value))) ?? concat(key));
  }

  #cipher(
    direction: 'encrypt' | 'decrypt',
    authValue: Secret | undefined,
    parameters: Uint8Array,
    newer: Uint8Array,
    older: Uint8Array,
  ): Uint8Array | undefined {
    const sessionValue = this.#keyWith(authValue);
    const by = { hash: this.authHash, symmetric: this.#symmetric, sessionValue, newer, older };
    const changed = cipherParameter(this.#crypto, direction, by, parameters);
    sessionValue.fill(0);
    return changed;
  }
}

/** Sessions always continue; whoever started one flushes it. */
function attributesOf(use: SessionUse): Attributes {
  return {
    ...TPMA_SESSION.of('continueSession'),
    decrypt: use.decrypt === true,
    encrypt: use.encrypt === true,
  };
}
