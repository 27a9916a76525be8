import { link, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { privateFolder, readJson, syncFolder } from '@sekimori/service-kit/program';
import { expectOk, fail, type Fault, ok, type Result } from '@sekimori/result';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { numbered, numberIn, vmPaths } from './layout.ts';

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

export type ClaimFault = Fault<'vm-held-elsewhere' | 'vm-fenced'>;

/**
 * Claims are numbered files that appear once and never change: the highest number is who may write. A host that comes back from the dead
 * finds a higher one than its own, and what it wrote meanwhile carries a lower number, which nobody reads.
 */
export async function latestClaim(folder: string): Promise<Claim | undefined> {
  const { claims } = vmPaths(folder);
  const names = await readdir(claims).catch((error: unknown) => {
    if ((error as { readonly code?: string }).code === 'ENOENT') return [] as string[];
    throw error;
  });
  const generation = names.flatMap((name) => numberIn(name) ?? []).reduce((a, b) => (a > b ? a : b), 0n);
  if (generation === 0n) return undefined;
  const value = readJson(await readFile(join(claims, numbered(generation))));
  const record = value.ok && Value.Check(ClaimRecord, value.value) ? value.value : UNREADABLE;
  return { ...record, generation, released: names.includes(`${numbered(generation)}${RELEASED}`) };
}

/** What stands for a claim that says nothing: a host that nobody can be, so that it is waited for. */
const UNREADABLE = { version: 1, machine: '', boot: '', host: 'unknown', at: '' } as const;
const UNFINISHED = '.unfinished-';
const RELEASED = '.released';
const BEAT = '.beat';

/**
 * Takes the next generation. The storage's lock must be held: then nobody on a host that the storage still knows runs this VM. Another
 * host's claim that was not given back must also have stopped beating for `leaseMillis`, seen on our own clock, unless somebody
 * answers for that host being fenced. `vm-held-elsewhere`: it beats, or was faster.
 */
export async function claim(
  folder: string,
  claimant: Claimant,
  options: { readonly atLeast: bigint; readonly fenced: boolean; readonly leaseMillis: number; readonly at: Date },
): Promise<Result<bigint, ClaimFault>> {
  const { claims } = vmPaths(folder);
  expectOk(await privateFolder(claims));
  const last = await latestClaim(folder);
  // Our own machine's locks tell by themselves that nobody runs it here.
  const isOther = last && !last.released && last.machine !== claimant.machine;
  if (isOther && !options.fenced && (await beats(folder, last.generation, options.leaseMillis)))
    return fail('vm-held-elsewhere', `${last.host} runs it since ${last.at} (generation ${last.generation})`);
  const highest = last?.generation ?? 0n;
  const generation = (highest > options.atLeast ? highest : options.atLeast) + 1n;
  const record: Static<typeof ClaimRecord> = { version: 1, ...claimant, at: options.at.toISOString() };
  const own = join(claims, `${UNFINISHED}${numbered(generation)}-${claimant.boot.slice(0, 8)}-${process.pid}`);
  await writeFile(own, `${JSON.stringify(record)}\n`, { mode: 0o600, flush: true });
  try {
    await link(own, join(claims, numbered(generation))); // appears whole, and only where no other did
  } catch (error) {
    // EEXIST; or ENOENT: it was so much faster that it has removed ours as one long past.
    if (!['EEXIST', 'ENOENT'].includes((error as { readonly code?: string }).code ?? '')) throw error;
    return fail('vm-held-elsewhere', 'another host was faster');
  } finally {
    await rm(own, { force: true });
  }
  await syncFolder(claims);
  // Old claims are removed, so a number can be free again for a host that was away between looking and taking.
  const still = await stillOurs(folder, generation);
  if (!still.ok) return still;
  await beat(folder, generation);
  await removeOld(claims, generation);
  return ok(generation);
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
  const file = join(vmPaths(folder).claims, `${numbered(generation)}${BEAT}`);
  await writeFile(file, `${performance.now()}\n`, { mode: 0o600 });
}

/** After an orderly stop: the next host need not wait. */
export async function releaseClaim(folder: string, generation: bigint): Promise<void> {
  const { claims } = vmPaths(folder);
  await writeFile(join(claims, `${numbered(generation)}${RELEASED}`), '', { mode: 0o600, flush: true });
  await syncFolder(claims);
}

/** Whether the holder's beat changes within the lease. Clocks are not compared. */
async function beats(folder: string, generation: bigint, leaseMillis: number): Promise<boolean> {
  const file = join(vmPaths(folder).claims, `${numbered(generation)}${BEAT}`);
  const seen = async () => {
    const [content, status] = await Promise.all([readFile(file, 'utf8'), stat(file)]).catch(
      () => ['', undefined] as const,
    );
    return `${content}${status?.mtimeMs ?? ''}`;
  };
  const before = await seen();
  const until = performance.now() + leaseMillis;
  while (performance.now() < until) {
    await sleep(Math.min(500, leaseMillis));
    if ((await seen()) !== before) return true;
  }
  return false;
}

/** The highest claim counts; one before it is kept for people. Unfinished ones were cut short, or lost to this one. */
async function removeOld(claims: string, generation: bigint): Promise<void> {
  for (const name of await readdir(claims)) {
    const isUnfinished = name.startsWith(UNFINISHED);
    const number = numberIn(
      isUnfinished ? name.slice(UNFINISHED.length).replace(/-.*$/, '') : name.replace(/\..*$/, ''),
    );
    if (number !== undefined && number <= (isUnfinished ? generation : generation - 2n))
      await unlink(join(claims, name)).catch(() => {});
  }
}
