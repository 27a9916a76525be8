import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import { type Crypto, type CurveName, type PrivateKey, Secret } from '@sekimori/crypto-core';
import { TPM2B_NV_PUBLIC, TPM2B_PUBLIC, TPMS_NV_PUBLIC } from '@sekimori/tpm2';
import { ecKeyOf } from './curves.ts';
import { HIERARCHY_NAMES } from './hierarchies.ts';
import { known, type Machine } from './machine.ts';
import { nvIndexOf } from './nv.ts';
import { type ObjectKey, objectOf } from './objects.ts';

/** What outlasts the power. All but the counters is base64url. */
interface SavedState {
  readonly version: 1;
  readonly clock: string;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly shutdown?: 'clear' | 'state';
  /** Missing in the states of earlier versions, which had no counters. */
  readonly highestCounter?: string;
  readonly hierarchies: Readonly<
    Record<
      string,
      {
        readonly seed: string;
        readonly proof: string;
        /** Missing in the states of earlier versions: empty. */
        readonly auth?: string;
        readonly rsaKeys: Readonly<Record<string, string>>;
      }
    >
  >;
  readonly persistents: readonly {
    readonly handle: number;
    readonly hierarchy: number;
    readonly area: string;
    readonly auth: string;
    readonly key: SavedKey;
    /** Missing in the states of earlier versions, where all were primaries. */
    readonly qualifiedName?: string;
    /** Of storage keys below a parent, and of sealed data. */
    readonly seedValue?: string;
  }[];
  readonly nv: readonly { readonly area: string; readonly auth: string; readonly data: string }[];
}
type SavedKey =
  | { readonly type: 'rsa'; readonly pkcs8: string }
  | { readonly type: 'ecc'; readonly curve: CurveName; readonly scalar: string }
  | { readonly type: 'keyedhash'; readonly data: string };

/** Endorsement keys and certificates that were never asked for are made now. */
export async function saveState(machine: Machine): Promise<Secret> {
  const hierarchies = Object.fromEntries(
    [...machine.hierarchies].map(([name, { seed, proof, auth, rsaKeys }]) => [
      name,
      {
        seed: seed.use(toBase64Url),
        proof: proof.use(toBase64Url),
        auth: auth.use(toBase64Url),
        rsaKeys: Object.fromEntries([...rsaKeys].map(([id, key]) => [id, exported(key)])),
      },
    ]),
  );
  const persistents = await Promise.all(
    [...machine.persistents].map(async ([handle, load]) => {
      const { area, hierarchy, auth, key, qualifiedName, seedValue } = await load();
      if (!key) throw new Error('a persistent object has a private part');
      const names = { area: toBase64Url(encode(TPM2B_PUBLIC, area)), qualifiedName: toBase64Url(qualifiedName) };
      const seed = seedValue && { seedValue: seedValue.use(toBase64Url) };
      return { handle, hierarchy, ...names, auth: auth.use(toBase64Url), key: savedKey(key), ...seed };
    }),
  );
  const nv = await Promise.all(
    [...machine.nvIndices.values()].map(async (load) => {
      const index = await load();
      const area = encode(TPM2B_NV_PUBLIC, { value: index.public, bytes: encode(TPMS_NV_PUBLIC, index.public) });
      return { area: toBase64Url(area), auth: index.auth.use(toBase64Url), data: toBase64Url(index.data) };
    }),
  );
  const { resetCount, restartCount, shutdown, highestCounter } = machine;
  const state: SavedState = {
    version: 1,
    clock: machine.time.clock.toString(),
    resetCount,
    restartCount,
    highestCounter: highestCounter.toString(),
    ...(shutdown && { shutdown }),
    hierarchies,
    persistents,
    nv,
  };
  return new Secret(utf8(JSON.stringify(state)));
}

/** Throws for what `saveState` did not write: the state is the caller's own file, not input from outside. */
export function loadState(machine: Machine, saved: Secret): void {
  const state = JSON.parse(saved.use((bytes) => fromUtf8(bytes) ?? '')) as SavedState;
  if (state.version !== 1) throw new Error(`the state of a software TPM of version ${String(state.version)}`);
  machine.setClock(BigInt(state.clock));
  machine.resetCount = state.resetCount;
  machine.restartCount = state.restartCount;
  machine.shutdown = state.shutdown;
  machine.highestCounter = BigInt(state.highestCounter ?? 0);
  for (const name of HIERARCHY_NAMES) {
    const from = state.hierarchies[name];
    if (!from) throw new Error(`the state lacks the ${name} hierarchy`);
    const hierarchy = machine.hierarchy(name);
    hierarchy.seed = new Secret(bytesOf(from.seed));
    hierarchy.proof = new Secret(bytesOf(from.proof));
    hierarchy.auth = new Secret(bytesOf(from.auth ?? ''));
    for (const [id, pkcs8] of Object.entries(from.rsaKeys)) hierarchy.rsaKeys.set(id, imported(machine.crypto, pkcs8));
  }
  for (const { handle, hierarchy, area, auth, key, qualifiedName, seedValue } of state.persistents) {
    const publicArea = decode(TPM2B_PUBLIC, bytesOf(area));
    if (!publicArea.ok) throw new Error('the state holds an object that is none');
    const parts = { area: publicArea.value, hierarchy, auth: bytesOf(auth), key: loadedKey(machine.crypto, key) };
    const object = objectOf(machine.crypto, {
      ...parts,
      ...(qualifiedName === undefined ? {} : { qualifiedName: bytesOf(qualifiedName) }),
      ...(seedValue === undefined ? {} : { seedValue: bytesOf(seedValue) }),
    });
    machine.persistents.set(handle, known(object));
  }
  for (const { area, auth, data } of state.nv) {
    const nvPublic = decode(TPM2B_NV_PUBLIC, bytesOf(area));
    if (!nvPublic.ok) throw new Error('the state holds an NV index that is none');
    const index = nvIndexOf(machine.crypto, nvPublic.value.value, { auth: bytesOf(auth), data: bytesOf(data) });
    machine.nvIndices.set(index.public.nvIndex, known(index));
  }
}

function savedKey(key: ObjectKey): SavedKey {
  if (key.type === 'rsa') return { type: 'rsa', pkcs8: exported(key.privateKey) };
  if (key.type === 'keyedhash') return { type: 'keyedhash', data: key.data.use(toBase64Url) };
  return { type: 'ecc', curve: key.ecKey.curve, scalar: key.ecKey.scalar.toString() };
}

function loadedKey(crypto: Crypto, saved: SavedKey): ObjectKey {
  if (saved.type === 'keyedhash') return { type: 'keyedhash', data: new Secret(bytesOf(saved.data)) };
  return saved.type === 'rsa'
    ? { type: 'rsa', privateKey: imported(crypto, saved.pkcs8) }
    : { type: 'ecc', ecKey: ecKeyOf(crypto, saved.curve, BigInt(saved.scalar)) };
}

function exported(key: PrivateKey): string {
  return key.export().use(toBase64Url);
}

function imported(crypto: Crypto, pkcs8: string): PrivateKey {
  const key = crypto.privateKey(new Secret(bytesOf(pkcs8)));
  if (!key.ok) throw new Error('the state holds a key that is none');
  return key.value;
}

function bytesOf(text: string): Uint8Array {
  const bytes = fromBase64Url(text);
  if (!bytes) throw new Error('the state is damaged');
  return bytes;
}
