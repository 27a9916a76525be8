import { concat, fromUtf8, lengthPrefixed, utf8 } from '@sekimori/bytes';
import {
  blob,
  bytes,
  type Codec,
  constant,
  decode,
  decodePrefix,
  encode,
  list,
  rest,
  struct,
  u32,
  u64,
  u8,
} from '@sekimori/codec';
import { type Crypto, Secret } from '@sekimori/crypto-core';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { VM_ID, type VmId } from './vm-id.ts';

const LABEL = utf8('sekimori-1 guest state');
const NO_SALT = new Uint8Array(0);
const [NONCE_BYTES, TRANSPORT_KEY_BYTES] = [12, 32] as const;
/** The variables of OVMF's 4 MB builds have 528 KiB. */
const MAX_NVRAM = 4 * 1024 * 1024;
const MAX_DISK_KEYS = 32;

export const VTPM_STATE_KEY_BYTES = 32;

/** What a host needs to run one VM, and nobody else may have. */
export interface GuestState {
  /** SHA-256 over the owner's two certificates: `Guardian.digest`. The protector beside this state must be the same owner's. */
  readonly owner: Uint8Array;
  /** SHA-256 of the security policy's JWS: another one, though the owner's, is not this VM's. */
  readonly securityPolicy: Uint8Array;
  /** Encrypts the state of the vTPM, 32 bytes. */
  readonly vtpmStateKey: Secret;
  /** Passphrases of disks in mode `outer`, by the disk's name. */
  readonly diskKeys: ReadonlyMap<string, Secret>;
  /** The firmware's variables, as an image. */
  readonly nvram: Uint8Array;
}

/** Which VM a sealed state is of. The generation is its folder's: a state cannot pass for that of another one. */
export interface GuestStateBinding {
  readonly vmId: VmId;
  readonly generation: bigint;
}

const HEADER = struct('SEALED_GUEST_STATE')
  .field('magic', constant(u32, 0x534b4753)) // 'SKGS'
  .field('version', constant(u8, 1))
  .field('vmId', VM_ID)
  .field('generation', u64)
  .field('nonce', bytes(NONCE_BYTES));

const DISK_KEY = struct('DISK_KEY').field('name', blob(u8, 63)).field('key', blob(u8, 128));

const STATE = struct('GUEST_STATE')
  .field('owner', bytes(32))
  .field('securityPolicy', bytes(32))
  .field('vtpmStateKey', bytes(VTPM_STATE_KEY_BYTES))
  .field('diskKeys', list(u8, MAX_DISK_KEYS, DISK_KEY))
  .field('nvram', blob(u32, MAX_NVRAM));

const SEALED: Codec<Uint8Array> = rest(MAX_NVRAM + 16 * 1024);

/**
 * Header (magic, version, VM id, generation, nonce) || AES-256-GCM ciphertext and tag over the state, the header being the
 * associated data. Key = HKDF-SHA256(transport key, no salt, lv(label) || lv(VM id), 32). Whoever has the transport key of the
 * protector beside it opens it; a roll of the protector seals it anew.
 */
export function sealGuestState(
  crypto: Crypto,
  transportKey: Secret,
  binding: GuestStateBinding,
  state: GuestState,
): Uint8Array {
  const header = encode(HEADER, { magic: 0x534b4753, version: 1, ...binding, nonce: crypto.random(NONCE_BYTES) });
  const plaintext = writeState(state);
  const key = sealingKey(crypto, transportKey, binding.vmId);
  const sealed = crypto.aesGcmSeal(key, header.subarray(-NONCE_BYTES), plaintext, header);
  key.wipe();
  plaintext.fill(0);
  return concat(header, sealed);
}

/** `guest-state-malformed`: no sealed guest state. Tells whose it says it is; only `openGuestState` shows that it is so. */
export function readGuestStateBinding(sealed: Uint8Array): Result<GuestStateBinding, Fault<'guest-state-malformed'>> {
  const header = decodePrefix(HEADER, sealed);
  if (!header.ok) return fail('guest-state-malformed', 'not a sealed guest state', { cause: header.fault });
  const { vmId, generation } = header.value.value;
  return ok({ vmId, generation });
}

/**
 * `guest-state-malformed`: no sealed guest state. `guest-state-not-opened`: another transport key, another VM, another
 * generation, or changed bytes; which of them is not told.
 */
export function openGuestState(
  crypto: Crypto,
  transportKey: Secret,
  expected: GuestStateBinding,
  sealed: Uint8Array,
): Result<GuestState, Fault<'guest-state-malformed' | 'guest-state-not-opened'>> {
  const own = Uint8Array.from(sealed);
  const header = decodePrefix(HEADER, own);
  if (!header.ok) return fail('guest-state-malformed', 'not a sealed guest state', { cause: header.fault });
  const { value, length } = header.value;
  const refused = fail('guest-state-not-opened', 'the guest state does not open');
  if (value.vmId !== expected.vmId || value.generation !== expected.generation) return refused;
  const ciphertext = decode(SEALED, own.subarray(length));
  if (!ciphertext.ok) return fail('guest-state-malformed', 'too long', { cause: ciphertext.fault });
  const key = sealingKey(crypto, transportKey, value.vmId);
  const plaintext = crypto.aesGcmOpen(key, value.nonce, ciphertext.value, own.subarray(0, length));
  key.wipe();
  if (!plaintext) return refused;
  const state = readState(plaintext);
  plaintext.fill(0);
  return state ? ok(state) : refused;
}

/** Overwrites its keys. */
export function wipeGuestState(state: GuestState): void {
  state.vtpmStateKey.wipe();
  for (const key of state.diskKeys.values()) key.wipe();
}

function writeState(state: GuestState): Uint8Array {
  const diskKeys = [...state.diskKeys].map(([name, key]) => ({
    name: utf8(name),
    key: key.use((k) => Uint8Array.from(k)),
  }));
  const vtpmStateKey = state.vtpmStateKey.use((key) => Uint8Array.from(key));
  const { owner, securityPolicy, nvram } = state;
  const written = encode(STATE, { owner, securityPolicy, vtpmStateKey, diskKeys, nvram });
  for (const copy of [vtpmStateKey, ...diskKeys.map(({ key }) => key)]) copy.fill(0);
  return written;
}

function readState(plaintext: Uint8Array): GuestState | undefined {
  const decoded = decode(STATE, plaintext);
  if (!decoded.ok) return undefined;
  const { vtpmStateKey, diskKeys, ...others } = decoded.value;
  const keys = new Map<string, Secret>();
  for (const { name, key } of diskKeys) {
    const text = fromUtf8(name);
    if (text === undefined || keys.has(text)) return undefined;
    keys.set(text, new Secret(key));
    key.fill(0);
  }
  const state = {
    owner: Uint8Array.from(others.owner),
    securityPolicy: Uint8Array.from(others.securityPolicy),
    vtpmStateKey: new Secret(vtpmStateKey),
    diskKeys: keys,
    nvram: Uint8Array.from(others.nvram),
  };
  vtpmStateKey.fill(0);
  return state;
}

function sealingKey(crypto: Crypto, transportKey: Secret, vmId: VmId): Secret {
  if (transportKey.length !== TRANSPORT_KEY_BYTES)
    throw new RangeError(`a transport key has ${TRANSPORT_KEY_BYTES} bytes`);
  return crypto.hkdf('sha256', transportKey, NO_SALT, lengthPrefixed(LABEL, encode(VM_ID, vmId)), 32);
}
