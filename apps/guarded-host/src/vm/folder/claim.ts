import { lstat, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { utf8 } from '@sekimori/bytes';
import { codeOf, readJson, readPrivateFile, writePrivateFile } from '@sekimori/service-kit/program';
import { expectOk, fail, type Fault, ok, type Result } from '@sekimori/result';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { CLAIMS, HIGHEST, numbered, numberIn } from './layout.ts';
import { makeFolder, withPinned } from './pinned.ts';

/** Who runs a VM, or ran it last. */
const ClaimRecord = Type.Object(
  {
    version: Type.Literal(1),
    /** Of the machine, /etc/machine-id hashed: names can repeat. */
    machine: Type.String({ maxLength: 128 }),
    /** Of this start of the machine: /proc/sys/kernel/random/boot_id. */
    boot: Type.String({ maxLength: 128 }),
    host: Type.String({ maxLength: 253 }),
    at: Type.String({ maxLength: 64 }),
  },
  { additionalProperties: false },
);
export type Claimant = Omit<Static<typeof ClaimRecord>, 'version' | 'at'>;

export interface Claim extends Static<typeof ClaimRecord> {
  readonly generation: bigint;
  /** Given back in order: the VM was stopped. */
  readonly released: boolean;
}

export type ClaimFault = Fault<'vm-held-elsewhere' | 'vm-fenced' | 'vm-claims-damaged'>;

/**
 * Claims are numbered files that appear once and never change: the highest number is who may write. A host that comes back from the dead
 * finds a higher one than its own, and what it wrote meanwhile carries a lower number, which nobody reads.
 */
export async function latestClaim(folder: string): Promise<Claim | undefined> {
  try {
    return await withPinned(folder, [CLAIMS], latestIn);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** `vm-locked`: somebody has the storage's lock, who starts or runs it as far as its claims tell. */
export async function vmLocked(folder: string) {
  const holder = await latestClaim(folder);
  const isHeld = holder && !holder.released;
  return fail('vm-locked', isHeld ? `${holder.host} has it, since ${holder.at}` : 'somebody works on this VM');
}

async function latestIn(claims: string): Promise<Claim | undefined> {
  const names = await readdir(claims);
  const generation = names.flatMap((name) => numberIn(name) ?? []).reduce((a, b) => (a > b ? a : b), 0n);
  if (generation === 0n) return undefined;
  const file = await readPrivateFile(join(claims, numbered(generation)), { maxBytes: MAX_RECORD });
  const value = file.ok ? file.value.use(readJson) : file;
  const record = value.ok && Value.Check(ClaimRecord, value.value) ? value.value : UNREADABLE;
  return { ...record, generation, released: names.includes(`${numbered(generation)}${RELEASED}`) };
}

/** What stands for a claim that says nothing: a host that nobody can be, so that it is waited for. */
const UNREADABLE = { version: 1, machine: '', boot: '', host: 'unknown', at: '' } as const;
const MAX_RECORD = 4096;
const UNFINISHED = '.unfinished-';
const RELEASED = '.released';
const BEAT = '.beat';

/**
 * Takes the next generation. The storage's lock must be held: then nobody on a host that the storage still knows runs this VM. A claim
 * that was not given back must also have stopped beating for `leaseMillis`, seen on our own clock, unless it is of this very start of this
 * machine, or somebody answers for that host being fenced. `vm-held-elsewhere`: it beats, or was faster. `vm-claims-damaged`: somebody
 * has used up the numbers.
 */
export async function claim(
  folder: string,
  claimant: Claimant,
  options: { readonly atLeast: bigint; readonly fenced: boolean; readonly leaseMillis: number; readonly at: Date },
): Promise<Result<bigint, ClaimFault>> {
  await withPinned(folder, [], (path) => makeFolder(join(path, CLAIMS)));
  const taken = await withPinned(folder, [CLAIMS], async (claims) => {
    const last = await latestIn(claims);
    // Our own locks tell by themselves that nobody runs it here. A machine's name can be that of its clone; this start of it cannot.
    const isOurs = last && last.machine === claimant.machine && last.boot === claimant.boot;
    if (
      last &&
      !last.released &&
      !isOurs &&
      !options.fenced &&
      (await beats(claims, last.generation, options.leaseMillis))
    )
      return fail('vm-held-elsewhere', `${last.host} runs it since ${last.at} (generation ${last.generation})`);
    const highest = last?.generation ?? 0n;
    const generation = (highest > options.atLeast ? highest : options.atLeast) + 1n;
    if (generation >= HIGHEST) return fail('vm-claims-damaged', `the claims have reached the number ${highest}`);
    const record: Static<typeof ClaimRecord> = { version: 1, ...claimant, at: options.at.toISOString() };
    const text = utf8(`${JSON.stringify(record)}\n`);
    // Appears whole, and only where no other did. ENOENT: another was so much faster that it has cleared ours away.
    const written = await writePrivateFile(join(claims, numbered(generation)), text).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
      return undefined;
    });
    return written?.ok ? ok(generation) : fail('vm-held-elsewhere', 'another host was faster');
  });
  if (!taken.ok) return taken;
  // Old claims are removed, so a number can be free again for a host that was away between looking and taking.
  const still = await stillOurs(folder, taken.value);
  if (!still.ok) return still;
  await beat(folder, taken.value);
  await withPinned(folder, [CLAIMS], (claims) => removeOld(claims, taken.value));
  return taken;
}

/** `vm-fenced`: a higher claim exists, so this generation must not write any more. Rejects where the storage cannot be read. */
export async function stillOurs(folder: string, generation: bigint): Promise<Result<void, ClaimFault>> {
  const last = await latestClaim(folder);
  if (!last) throw new Error('the claims on this VM are gone'); // ours with them: the storage went away
  if (last.generation === generation) return ok(undefined);
  return fail('vm-fenced', `generation ${generation} is over: ${last.host} has ${last.generation}`);
}

/** Shows others that the holder lives. */
export async function beat(folder: string, generation: bigint): Promise<void> {
  await put(folder, `${numbered(generation)}${BEAT}`, `${performance.now()}\n`);
}

/** After an orderly stop: the next host need not wait. */
export async function releaseClaim(folder: string, generation: bigint): Promise<void> {
  await put(folder, `${numbered(generation)}${RELEASED}`, '');
}

/** In place of what has the name, never through it. */
async function put(folder: string, name: string, content: string): Promise<void> {
  await withPinned(folder, [CLAIMS], async (claims) => {
    expectOk(await writePrivateFile(join(claims, name), utf8(content), { replace: true }));
  });
}

/** Whether the holder's beat changes within the lease. Clocks are not compared. */
async function beats(claims: string, generation: bigint, leaseMillis: number): Promise<boolean> {
  const file = join(claims, `${numbered(generation)}${BEAT}`);
  const seen = async () => {
    const content = await readPrivateFile(file, { maxBytes: MAX_RECORD });
    const time = await lstat(file).catch(() => undefined);
    return `${content.ok ? content.value.use((bytes) => bytes.toString()) : ''} ${time?.mtimeMs ?? ''} ${time?.ino ?? ''}`;
  };
  const before = await seen();
  const until = performance.now() + leaseMillis;
  while (performance.now() < until) {
    await sleep(Math.min(500, leaseMillis));
    if ((await seen()) !== before) return true;
  }
  return false;
}

/** The highest claim counts; one before it is kept for people. Unfinished files were cut short, or lost to this one. */
async function removeOld(claims: string, generation: bigint): Promise<void> {
  for (const name of await readdir(claims)) {
    const number = numberIn(name.replace(/\..*$/, ''));
    if (name.startsWith(UNFINISHED) || (number !== undefined && number < generation - 1n))
      await unlink(join(claims, name)).catch(() => {});
  }
}
