import { concat, equal, u16be } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import type { HashName } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { TPM_ALG } from '../structures/algorithms.ts';
import { TPMS_ATTEST } from '../structures/attest.ts';
import type { Entity, Tpm, TpmResult } from './client.ts';
import { TPM_RH } from '../structures/handles.ts';
import { nameOf, qualifiedNameOfPrimary } from '../structures/names.ts';
import { NO_SENSITIVE } from '../structures/objects.ts';
import { type PcrSelection, pcrDigestOf } from '../structures/pcr-selection.ts';
import { type PublicArea, TPM2B_PUBLIC } from '../structures/public-area.ts';

/** TPM2_Startup. A TPM that has been started already (TPM_RC_INITIALIZE) is as good. */
export async function startup(tpm: Tpm, startupType: 'clear' | 'state' = 'clear'): Promise<TpmResult<void>> {
  const started = await tpm.run('Startup', { parameters: { startupType } });
  if (started.ok) return ok(undefined);
  if (started.fault.code === 'tpm-error' && started.fault.response.name === 'TPM_RC_INITIALIZE') return ok(undefined);
  return started;
}

/** TPM2_Shutdown. Without it the next start may count as an attack on a key's authorization. */
export async function shutdown(tpm: Tpm, shutdownType: 'clear' | 'state' = 'clear'): Promise<TpmResult<void>> {
  const stopped = await tpm.run('Shutdown', { parameters: { shutdownType } });
  return stopped.ok ? ok(undefined) : stopped;
}

/** As many bytes as asked for; the TPM gives at most a digest at a time. */
export async function getRandom(tpm: Tpm, length: number): Promise<TpmResult<Uint8Array>> {
  let bytes: Uint8Array = new Uint8Array(0);
  while (bytes.length < length) {
    const more = await tpm.run('GetRandom', { parameters: { bytesRequested: Math.min(length - bytes.length, 32) } });
    if (!more.ok) return more;
    const { randomBytes } = more.value.parameters;
    if (randomBytes.length === 0 || bytes.length + randomBytes.length > length)
      return fail('tpm-malformed-response', 'TPM2_GetRandom gave another number of bytes');
    bytes = concat(bytes, randomBytes);
  }
  return ok(bytes);
}

/** TPM_PT values from `first` on, such as 0x105, the manufacturer. */
export async function tpmProperties(
  tpm: Tpm,
  first: number,
  count: number,
): Promise<TpmResult<ReadonlyMap<number, number>>> {
  const got = await tpm.run('GetCapability', {
    parameters: { capability: 'tpmProperties', property: first, propertyCount: count },
  });
  if (!got.ok) return got;
  const { capabilityData } = got.value.parameters;
  if (capabilityData.capability !== 'tpmProperties')
    return fail('tpm-malformed-response', 'another capability than asked for');
  return ok(new Map(capabilityData.properties.map(({ property, value }) => [property, value])));
}

/** As many handles as are asked for at once: more than a response holds is no harm. */
const AT_ONCE = 64;

/**
 * The handles of objects or NV indices that there are from `first` to `last`, ascending; `tpm-malformed-response` also for a list that is
 * not. Not for sessions, whose list has handles of two types. Part 3, 30.2.
 */
export async function listHandles(tpm: Tpm, first: number, last: number): Promise<TpmResult<readonly number[]>> {
  const found: number[] = [];
  for (let property = first; property <= last; ) {
    const got = await tpm.run('GetCapability', {
      parameters: { capability: 'handles', property, propertyCount: AT_ONCE },
    });
    if (!got.ok) return got;
    const { capabilityData, moreData } = got.value.parameters;
    if (capabilityData.capability !== 'handles')
      return fail('tpm-malformed-response', 'another capability than asked for');
    const { handles } = capabilityData;
    if (handles.some((handle, at) => handle < (handles[at - 1] ?? property - 1) + 1))
      return fail('tpm-malformed-response', 'handles that are not in order');
    found.push(...handles.filter((handle) => handle <= last));
    if (found.length > MOST_HANDLES) return fail('tpm-malformed-response', `more than ${MOST_HANDLES} handles`);
    const highest = handles.at(-1);
    if (!moreData || highest === undefined) break;
    property = highest + 1;
  }
  return ok(found);
}

/** No TPM has nearly as many. Without an end, answers of one handle each take 2^24 commands. */
const MOST_HANDLES = 4096;

const CONSISTENT_READS = 5;

/**
 * Values of PCRs, all from one moment: where a PCR is extended between two reads, reading starts anew, five times at
 * most. `pcr-unavailable`: the bank or a PCR of it does not exist. `pcr-unstable`: PCRs kept changing.
 */
export async function readPcrs(
  tpm: Tpm,
  selection: PcrSelection,
): Promise<TpmResult<ReadonlyMap<number, Uint8Array>, Fault<'pcr-unavailable' | 'pcr-unstable'>>> {
  for (let attempt = 0; attempt < CONSISTENT_READS; attempt++) {
    const read = await readPcrsOnce(tpm, selection);
    if (!read.ok) return read;
    if (read.value) return ok(read.value);
  }
  return fail('pcr-unstable', 'PCRs were extended during each of several readings');
}

async function readPcrsOnce(
  tpm: Tpm,
  { bank, indices }: PcrSelection,
): Promise<TpmResult<ReadonlyMap<number, Uint8Array> | undefined, Fault<'pcr-unavailable'>>> {
  const values = new Map<number, Uint8Array>();
  let counter: number | undefined;
  while (values.size < indices.length) {
    const left = indices.filter((index) => !values.has(index));
    const read = await tpm.run('PCR_Read', { parameters: { pcrSelectionIn: [{ bank, indices: left }] } });
    if (!read.ok) return read;
    const { pcrUpdateCounter, pcrSelectionOut, pcrValues } = read.value.parameters;
    counter ??= pcrUpdateCounter;
    if (counter !== pcrUpdateCounter) return ok(undefined);
    const got = pcrSelectionOut.find((each) => each.bank === bank)?.indices ?? [];
    if (got.length === 0) return fail('pcr-unavailable', `no value for PCR ${left.join(', ')} of ${bank}`);
    if (got.length !== pcrValues.length || got.some((index) => !left.includes(index)))
      return fail('tpm-malformed-response', 'TPM2_PCR_Read gave other PCRs than asked for');
    got.forEach((index, at) => values.set(index, pcrValues[at]!));
  }
  return ok(values);
}

/** TPM2_PCR_Extend of one bank. */
export async function extendPcr(tpm: Tpm, index: number, bank: HashName, digest: Uint8Array): Promise<TpmResult<void>> {
  const extended = await tpm.run('PCR_Extend', {
    handles: { pcrHandle: index },
    parameters: { digests: [{ hashAlg: bank, digest }] },
  });
  return extended.ok ? ok(undefined) : extended;
}

/**
 * TPM2_NV_ReadPublic: an NV index with its Name, computed from what the TPM says of it. The Name changes with the first writing. `tpm-error`:
 * there is no such index. Part 3, 31.6.
 */
export async function nvEntity(tpm: Tpm, nvIndex: number): Promise<TpmResult<Entity>> {
  const read = await tpm.run('NV_ReadPublic', { handles: { nvIndex }, parameters: {} });
  if (!read.ok) return read;
  const { nvPublic, nvName } = read.value.parameters;
  const { nameAlg } = nvPublic.value;
  if (!equal(nvName, concat(u16be(TPM_ALG[nameAlg]), tpm.crypto.hash(nameAlg, nvPublic.bytes))))
    return fail('tpm-malformed-response', 'TPM2_NV_ReadPublic gave another Name than that of the public area');
  return ok({ handle: nvIndex, name: nvName });
}

/** Every TPM takes this much at once; TPM_PT_NV_BUFFER_MAX is 768 and more. */
const NV_CHUNK = 512;

/** The content of an NV index, with its own empty authorization where the index allows that, else the owner's. */
export async function readNv(tpm: Tpm, index: number): Promise<TpmResult<Uint8Array>> {
  const found = await tpm.run('NV_ReadPublic', { handles: { nvIndex: index }, parameters: {} });
  if (!found.ok) return found;
  const { attributes, dataSize } = found.value.parameters.nvPublic.value;
  const authHandle = attributes.authRead ? index : TPM_RH.owner;
  let data: Uint8Array = new Uint8Array(0);
  while (data.length < dataSize) {
    const size = Math.min(dataSize - data.length, NV_CHUNK);
    const read = await tpm.run('NV_Read', {
      handles: { authHandle, nvIndex: index },
      parameters: { size, offset: data.length },
    });
    if (!read.ok) return read;
    if (read.value.parameters.data.length !== size)
      return fail('tpm-malformed-response', 'TPM2_NV_Read gave another number of bytes');
    data = concat(data, read.value.parameters.data);
  }
  return ok(data);
}

/** An object in the TPM, with its public area as it arrived and the Names computed from that. */
export interface LoadedKey extends Entity {
  readonly publicArea: PublicArea;
  /** TPM2B_PUBLIC, for the wire. */
  readonly tpm2bPublic: Uint8Array;
  readonly qualifiedName: Uint8Array;
}

/** TPM2_CreatePrimary with empty authorizations. The caller flushes the key. */
export async function createPrimary(tpm: Tpm, hierarchy: number, template: PublicArea): Promise<TpmResult<LoadedKey>> {
  const made = await tpm.run('CreatePrimary', {
    handles: { primaryHandle: hierarchy },
    parameters: { inSensitive: NO_SENSITIVE, inPublic: template, outsideInfo: new Uint8Array(0), creationPCR: [] },
  });
  if (!made.ok) return made;
  const { outPublic: publicArea, name } = made.value.parameters;
  const { handle } = made.value;
  if (!equal(nameOf(tpm.crypto, publicArea), name)) {
    await tpm.flush(handle);
    return fail('tpm-malformed-response', 'TPM2_CreatePrimary gave another Name than that of the public area');
  }
  const qualifiedName = qualifiedNameOfPrimary(tpm.crypto, publicArea, hierarchy);
  return ok({ handle, name, publicArea, tpm2bPublic: encode(TPM2B_PUBLIC, publicArea), qualifiedName });
}

/** TPM2_ReadPublic. The qualified name is the TPM's word. */
export async function readPublic(tpm: Tpm, handle: number): Promise<TpmResult<LoadedKey>> {
  const read = await tpm.run('ReadPublic', { handles: { objectHandle: handle }, parameters: {} });
  if (!read.ok) return read;
  const { outPublic: publicArea, name, qualifiedName } = read.value.parameters;
  if (!equal(nameOf(tpm.crypto, publicArea), name))
    return fail('tpm-malformed-response', 'TPM2_ReadPublic gave another Name than that of the public area');
  return ok({ handle, name, publicArea, tpm2bPublic: encode(TPM2B_PUBLIC, publicArea), qualifiedName });
}

/** Makes a transient object persistent. */
export async function makePersistent(tpm: Tpm, key: LoadedKey, persistentHandle: number): Promise<TpmResult<void>> {
  const kept = await tpm.run('EvictControl', {
    handles: { auth: TPM_RH.owner, objectHandle: key },
    parameters: { persistentHandle },
  });
  return kept.ok ? ok(undefined) : kept;
}

/** TPMS_ATTEST without the size of its TPM2B, and TPMT_SIGNATURE: both as the TPM wrote them. */
export interface Attestation {
  readonly attest: Uint8Array;
  readonly signature: Uint8Array;
}

/** TPM2_Quote by a restricted key, in the key's own scheme. */
export async function quote(
  tpm: Tpm,
  key: LoadedKey,
  selection: PcrSelection,
  qualifyingData: Uint8Array,
): Promise<TpmResult<Attestation>> {
  const quoted = await tpm.run('Quote', {
    handles: { signHandle: key },
    parameters: { qualifyingData, inScheme: { scheme: 'null' }, PCRselect: [selection] },
  });
  if (!quoted.ok) return quoted;
  const { attest, signature } = quoted.value.parameters;
  return ok({ attest, signature: signature.bytes });
}

/** TPM2_Certify of an object with empty authorization by a restricted key, in the key's own scheme. */
export async function certify(
  tpm: Tpm,
  object: LoadedKey,
  key: LoadedKey,
  qualifyingData: Uint8Array,
): Promise<TpmResult<Attestation>> {
  const certified = await tpm.run('Certify', {
    handles: { objectHandle: object, signHandle: key },
    parameters: { qualifyingData, inScheme: { scheme: 'null' } },
  });
  if (!certified.ok) return certified;
  const { attest, signature } = certified.value.parameters;
  return ok({ attest, signature: signature.bytes });
}

/** A quote with the values that it is over. */
export interface PcrQuote extends Attestation {
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
}

/**
 * A quote and the PCR values it is over. A PCR extended between quoting and reading makes the two differ: then both are
 * taken again, five times at most (`pcr-unstable`). `pcr-unavailable`: the bank or a PCR of it does not exist. Part 3, 18.4.
 */
export async function quoteWithPcrs(
  tpm: Tpm,
  key: LoadedKey,
  selection: PcrSelection,
  qualifyingData: Uint8Array,
): Promise<TpmResult<PcrQuote, Fault<'pcr-unavailable' | 'pcr-unstable'>>> {
  for (let attempt = 0; attempt < CONSISTENT_READS; attempt++) {
    const quoted = await quote(tpm, key, selection, qualifyingData);
    if (!quoted.ok) return quoted;
    const pcrs = await readPcrs(tpm, selection);
    if (!pcrs.ok) return pcrs;
    const digest = digestIn(quoted.value.attest);
    if (!digest.ok) return digest;
    const values = [...pcrs.value].toSorted(([a], [b]) => a - b).map(([, value]) => value);
    if (equal(pcrDigestOf(tpm.crypto, signingHash(key), values), digest.value))
      return ok({ ...quoted.value, pcrs: pcrs.value });
  }
  return fail('pcr-unstable', 'PCRs were extended during each of several quotes');
}

function digestIn(attest: Uint8Array): Result<Uint8Array, Fault<'tpm-malformed-response'>> {
  const decoded = decode(TPMS_ATTEST, attest);
  if (!decoded.ok) return fail('tpm-malformed-response', 'TPM2_Quote', { cause: decoded.fault });
  const { attested } = decoded.value;
  return attested.is === 'quote'
    ? ok(attested.value.pcrDigest)
    : fail('tpm-malformed-response', `TPM2_Quote gave a ${attested.is}`);
}

function signingHash(key: LoadedKey): HashName {
  const { parameters } = key.publicArea.value;
  const scheme = parameters.is === 'rsa' || parameters.is === 'ecc' ? parameters.value.scheme : undefined;
  return scheme && 'hashAlg' in scheme ? scheme.hashAlg : 'sha256';
}
