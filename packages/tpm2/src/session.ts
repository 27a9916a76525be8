import { concat, equal, equalConstantTime, u32be } from '@sekimori/bytes';
import { encode, type Infer } from '@sekimori/codec';
import { type Crypto, type HashName, hashLength, Secret } from '@sekimori/crypto-core';
import { TPMA_SESSION } from './attributes.ts';
import type { TpmsAuthCommand, TpmsAuthResponse } from './framing.ts';
import { kdfa } from './kdf.ts';
import type { TpmtSymDef } from './schemes.ts';

type Attributes = Infer<typeof TPMA_SESSION>;

/** How a session encrypts parameters. Part 1, 21. XOR hides the length of nothing and needs no cipher in the TPM. */
export type ParameterEncryption = 'aes-128-cfb' | 'aes-256-cfb' | 'xor';
const KEY_BITS = { 'aes-128-cfb': 128, 'aes-256-cfb': 256 } as const;
const IV_BITS = 128;
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
  readonly #encryption: ParameterEncryption;
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
    this.#encryption = start.encryption ?? 'aes-128-cfb';
    this.#bound = start.bound;
    this.#nonceCaller = start.nonceCaller;
    this.#nonceTpm = start.nonceTpm;
    this.#key = sessionKey(start);
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
    return authValue.use((value) => bound.authValue.use((other) => equalConstantTime(trimmed(value), trimmed(other))));
  }

  #boundTo(authorizes: Uint8Array | undefined): SessionStart['bound'] | undefined {
    return this.#bound && authorizes && equal(this.#bound.name, authorizes) ? this.#bound : undefined;
  }

  /** What keys parameter encryption: the entity's value always takes part in it, also where it is left out of the HMAC. Part 1, 21.2. */
  #authValueOf(use: SessionUse, authorizes: Uint8Array | undefined): Secret | undefined {
    return use.authValue ?? this.#boundTo(authorizes)?.authValue;
  }

  #keyWith(authValue: Secret | undefined): Uint8Array {
    return this.#key.use((key) => authValue?.use((value) => concat(key, trimmed(value))) ?? concat(key));
  }

  #cipher(
    direction: 'encrypt' | 'decrypt',
    authValue: Secret | undefined,
    parameters: Uint8Array,
    newer: Uint8Array,
    older: Uint8Array,
  ): Uint8Array | undefined {
    const length = ((parameters[0] ?? 0) << 8) | (parameters[1] ?? 0);
    if (parameters.length < 2 + length) return undefined;
    const sessionValue = this.#keyWith(authValue);
    const clear = parameters.subarray(2, 2 + length);
    const first =
      this.#encryption === 'xor'
        ? this.#masked(sessionValue, clear, newer, older)
        : this.#enciphered(direction, KEY_BITS[this.#encryption], sessionValue, clear, newer, older);
    sessionValue.fill(0);
    return concat(parameters.subarray(0, 2), first, parameters.subarray(2 + length));
  }

  /** Part 1, 21.3. */
  #enciphered(
    direction: 'encrypt' | 'decrypt',
    keyBits: number,
    sessionValue: Uint8Array,
    data: Uint8Array,
    newer: Uint8Array,
    older: Uint8Array,
  ): Uint8Array {
    const derived = kdfa(this.#crypto, this.authHash, sessionValue, 'CFB', newer, older, keyBits + IV_BITS);
    const out = derived.use((bytes) => {
      const [key, iv] = [bytes.subarray(0, keyBits / 8), bytes.subarray(keyBits / 8)];
      return this.#crypto.aesCfb(direction, key, iv, data);
    });
    derived.wipe();
    return out;
  }

  /** Part 1, 21.2 and 11.4.6.3: its own inverse. */
  #masked(sessionValue: Uint8Array, data: Uint8Array, newer: Uint8Array, older: Uint8Array): Uint8Array {
    if (data.length === 0) return data;
    const mask = kdfa(this.#crypto, this.authHash, sessionValue, 'XOR', newer, older, 8 * data.length);
    const out = mask.use((bytes) => data.map((byte, at) => byte ^ bytes[at]!));
    mask.wipe();
    return out;
  }
}

/** Part 1, 19.6.8. Empty for a session that is neither salted nor bound. */
function sessionKey({ crypto, authHash, salt, bound, nonceTpm, nonceCaller }: SessionStart): Secret {
  if (!salt && !bound) return new Secret(NONE);
  const own = bound?.authValue.use((value) => Uint8Array.from(trimmed(value))) ?? NONE;
  const key = salt?.use((value) => concat(own, value)) ?? Uint8Array.from(own);
  const derived = kdfa(crypto, authHash, key, 'ATH', nonceTpm, nonceCaller, 8 * hashLength(authHash));
  for (const part of [own, key]) part.fill(0);
  return derived;
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
