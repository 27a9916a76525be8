import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { constants, existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '@sekimori/crypto-core';
import { createOuterDisk, luksPassphrase, secretFifos } from '@sekimori/qemu';
import { expectOk } from '@sekimori/result';
import { type Cache, type Workload, WORKLOADS } from './cases.ts';
import { Values } from './row.ts';

const MIB = 1024 * 1024;
/** Of the requests for small blocks, which take longer. */
const SMALL_REQUESTS = 16_384;

export interface Images {
  readonly raw: string;
  /** LUKS1 with the same content, as `shieldVm` makes it. */
  readonly luks: string;
  readonly key: Secret;
  readonly bytes: number;
}

export async function makeImages(folder: string, mebibytes: number): Promise<Images> {
  const [raw, luks, key] = [join(folder, 'bench.raw'), join(folder, 'bench.luks'), new Secret(randomBytes(32))];
  const file = await open(raw, 'wx', 0o600);
  for (let written = 0; written < mebibytes; written++) await file.write(randomBytes(MIB));
  await file.sync();
  await file.close();
  expectOk(await createOuterDisk({ source: raw, target: luks, key }));
  return { raw, luks, key, bytes: mebibytes * MIB };
}

export async function hasDirectAccess({ raw }: Images): Promise<boolean> {
  return open(raw, constants.O_RDONLY | constants.O_DIRECT).then(
    (file) => file.close().then(() => true),
    () => false,
  );
}

/**
 * qemu-img bench of both images in turns. It takes no secrets, so both are served by qemu-nbd, each in a process of its own; the raw file
 * is measured without that too. One turn before them is not counted. `folder`: closed to others, and with a short path.
 */
export async function diskRates(folder: string, images: Images, turns: number, cache: Cache): Promise<Values> {
  await using raw = await serve(folder, 'raw', cache, images);
  await using luks = await serve(folder, 'luks', cache, images);
  const values = new Values();
  for (let turn = -1; turn < turns; turn++)
    for (const workload of WORKLOADS) {
      const name = `${workload.name}, ${cache}`;
      const rate = (image: string) => rateOf(image, { workload, cache, bytes: images.bytes });
      const [file, bare, encrypted] = [await rate(images.raw), await rate(raw.url), await rate(luks.url)];
      if (turn < 0) continue;
      values.add(`${name}: raw file`, file);
      values.add(`${name}: raw`, bare);
      values.add(`${name}: LUKS`, encrypted);
      values.add(`${name}: LUKS to raw`, encrypted / bare);
    }
  return values;
}

/** Mebibytes or requests per second. */
async function rateOf(
  image: string,
  { workload, cache, bytes }: { readonly workload: Workload; readonly cache: Cache; readonly bytes: number },
): Promise<number> {
  const { blockBytes, write, scattered, unit } = workload;
  const blocks = bytes / blockBytes;
  const requests = scattered ? Math.min(SMALL_REQUESTS, blocks) : blocks;
  const step = blockBytes * (scattered ? scatteringStep(blocks) : 1);
  const args = [
    'bench',
    '-f',
    'raw',
    '-t',
    cache,
    '-s',
    blockBytes,
    '-S',
    step,
    '-c',
    requests,
    ...(write ? ['-w'] : []),
  ];
  const child = spawn('qemu-img', [...args.map(String), image], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(child, 'close');
  const seconds = Number(/Run completed in ([\d.]+) seconds/.exec(said)?.[1]);
  if (!(seconds > 0)) throw new Error(`qemu-img bench says: ${said}`);
  return unit === 'MiB/s' ? (requests * blockBytes) / MIB / seconds : requests / seconds;
}

/**
 * qemu-img bench knows no random order, only a step, and begins anew at the end. By the golden ratio and odd, so that in an image of 2^n
 * blocks each one is met once, and no two that follow each other are near.
 */
function scatteringStep(blocks: number): number {
  return Math.floor((blocks * (Math.sqrt(5) - 1)) / 4) * 2 + 1;
}

interface Served extends AsyncDisposable {
  readonly url: string;
}

async function serve(folder: string, kind: 'raw' | 'luks', cache: Cache, images: Images): Promise<Served> {
  const socket = join(folder, `${kind}-${cache}.sock`);
  const passphrase = luksPassphrase(images.key);
  const fifos = await secretFifos(folder, new Map(kind === 'luks' ? [['disk', passphrase]] : []));
  const secrets = [...fifos.files.values()].flatMap((file) => ['--object', `secret,id=key,file=${file}`]);
  const keyed = secrets.length > 0 ? ['key-secret=key'] : [];
  const image = [`driver=${kind}`, ...keyed, 'file.driver=file', `file.filename=${images[kind]}`].join(',');
  const args = ['-t', '-k', socket, `--cache=${cache}`, ...secrets, '--image-opts', image];
  const child = spawn('qemu-nbd', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  await fifos.feed(ended);
  await fifos.remove();
  passphrase.wipe();
  while (!existsSync(socket)) {
    if (child.exitCode !== null) throw new Error('qemu-nbd did not start');
    await sleep(10);
  }
  return {
    url: `nbd+unix:///?socket=${socket}`,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
    },
  };
}
