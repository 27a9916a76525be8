import { concat, equalConstantTime, u32be } from '@sekimori/bytes';
import { encode, type Infer } from '@sekimori/codec';
import { type Crypto, type HashName, hashLength, Secret } from '@sekimori/crypto-core';
import { TPMA_SESSION } from './attributes.ts';
import type { TpmsAuthCommand, TpmsAuthResponse } from './framing.ts';
import { kdfa } from './kdf.ts';

type Attributes = Infer<typeof TPMA_SESSION>;

/** The bits of parameter encryption: AES-128-CFB in every session of ours. */
const KEY_BITS = 128;
const IV_BITS = 128;
const NONE = new Uint8Array(0);

/** What a started session is made of; see `Tpm.startSession`. */
export interface SessionStart {
  readonly crypto: Crypto;
  readonly handle: number;
  readonly type: 'hmac' | 'policy';
  readonly authHash: HashName;
  readonly nonceCaller: Uint8Array;
  readonly nonceTpm: Uint8Array;
  /** The salt shared with a key of the TPM, whose Name the caller verified. */
  readonly salt: Secret | undefined;
}

/** What a command adds to a session for this one use. */
export interface SessionUse {
  readonly session: Session;
  /** Of the entity that the session authorizes, where it takes part: in HMAC sessions, and after PolicyAuthValue. */
  readonly authValue?: Secret;
  /** Where the command changes that value: the new one, with which the TPM answers. */
  readonly responseAuthValue?: Secret;
  /** Encrypt the command's first parameter. */
  readonly decrypt?: boolean;
  /** Have the TPM encrypt the response's first parameter. */
  readonly encrypt?: boolean;
}

/** An HMAC or policy session: rolling nonces, HMACs, parameter encryption. Part 1, 19.6 and 21. Never bound to an entity. */
export class Session {
  readonly handle: number;
  readonly type: 'hmac' | 'policy';
  readonly #crypto: Crypto;
  readonly #hash: HashName;
  readonly #key: Secret;
  #nonceCaller: Uint8Array;
  #nonceTpm: Uint8Array;

  constructor(start: SessionStart) {
    this.handle = start.handle;
    this.type = start.type;
    this.#crypto = start.crypto;
    this.#hash = start.authHash;
    this.#nonceCaller = start.nonceCaller;
    this.#nonceTpm = start.nonceTpm;
    const bits = 8 * hashLength(start.authHash);
    this.#key =
      start.salt === undefined
        ? new Secret(NONE)
        : kdfa(start.crypto, start.authHash, start.salt, 'ATH', start.nonceTpm, start.nonceCaller, bits);
  }

  /** Whether what it encrypts can be read by nobody but the TPM whose key salted it. */
  get salted(): boolean {
    return this.#key.length > 0;
  }
  get nonceTpm(): Uint8Array {
    return this.#nonceTpm;
  }

  /** Overwrites the session's key. For whoever flushes the session. */
  forget(): void {
    this.#key.wipe();
  }

  /** A new caller's nonce, for the next command. */
  roll(): void {
    this.#nonceCaller = this.#crypto.random(hashLength(this.#hash));
  }

  /** The first parameter (a TPM2B, its size stays clear) under this session's key. Undefined when there is no TPM2B. */
  encryptCommand(use: SessionUse, parameters: Uint8Array): Uint8Array | undefined {
    return this.#cipher('encrypt', use, parameters, this.#nonceCaller, this.#nonceTpm);
  }
  /** To be called after `verifyResponse`, which took the TPM's new nonce. */
  decryptResponse(use: SessionUse, parameters: Uint8Array): Uint8Array | undefined {
    return this.#cipher('decrypt', use, parameters, this.#nonceTpm, this.#nonceCaller);
  }

  /** `others`: nonces of the decrypt and encrypt sessions, in the first session's HMAC only. Part 1, 19.6. */
  authorize(
    use: SessionUse,
    commandCode: number,
    names: readonly Uint8Array[],
    parameters: Uint8Array,
    others: readonly Uint8Array[],
  ): TpmsAuthCommand {
    const sessionAttributes = attributesOf(use);
    const code = u32be(commandCode);
    const cpHash = this.#crypto.hash(this.#hash, concat(code, ...names, parameters));
    const attributes = encode(TPMA_SESSION, sessionAttributes);
    const message = concat(cpHash, this.#nonceCaller, this.#nonceTpm, ...others, attributes);
    return { sessionHandle: this.handle, nonce: this.#nonceCaller, sessionAttributes, hmac: this.#hmac(use, message) };
  }

  /** False when the response is not from the TPM that holds the session, or was changed on the way. */
  verifyResponse(
    use: SessionUse,
    commandCode: number,
    parameters: Uint8Array,
    authorization: TpmsAuthResponse,
  ): boolean {
    const rpHash = this.#crypto.hash(this.#hash, concat(u32be(0), u32be(commandCode), parameters));
    const attributes = encode(TPMA_SESSION, authorization.sessionAttributes);
    const message = concat(rpHash, authorization.nonce, this.#nonceCaller, attributes);
    const authValue = use.responseAuthValue ?? use.authValue;
    const answered = authValue ? { ...use, authValue } : use;
    if (!equalConstantTime(this.#hmac(answered, message), authorization.hmac)) return false;
    this.#nonceTpm = authorization.nonce;
    return true;
  }

  /** A policy session without salt and authValue has no HMAC at all; an HMAC session always has one. */
  #hmac(use: SessionUse, message: Uint8Array): Uint8Array {
    const key = this.#keyWith(use);
    const hmac = this.type === 'policy' && key.length === 0 ? NONE : this.#crypto.hmac(this.#hash, key, message);
    key.fill(0);
    return hmac;
  }

  #keyWith(use: SessionUse): Uint8Array {
    return this.#key.use((key) => use.authValue?.use((value) => concat(key, trimmed(value))) ?? concat(key));
  }

  #cipher(
    direction: 'encrypt' | 'decrypt',
    use: SessionUse,
    parameters: Uint8Array,
    newer: Uint8Array,
    older: Uint8Array,
  ): Uint8Array | undefined {
    const length = ((parameters[0] ?? 0) << 8) | (parameters[1] ?? 0);
    if (parameters.length < 2 + length) return undefined;
    const sessionValue = this.#keyWith(use);
    const derived = kdfa(this.#crypto, this.#hash, sessionValue, 'CFB', newer, older, KEY_BITS + IV_BITS);
    sessionValue.fill(0);
    const first = derived.use((bytes) => {
      const [key, iv] = [bytes.subarray(0, KEY_BITS / 8), bytes.subarray(KEY_BITS / 8)];
      return this.#crypto.aesCfb(direction, key, iv, parameters.subarray(2, 2 + length));
    });
    derived.wipe();
    return concat(parameters.subarray(0, 2), first, parameters.subarray(2 + length));
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

/** Part 1, 19.6: trailing zeros of an authValue do not take part. */
function trimmed(value: Uint8Array): Uint8Array {
  let end = value.length;
  while (end > 0 && value[end - 1] === 0) end--;
  return value.subarray(0, end);
}
