// For people: node tools/lab/src/main.ts record FOLDER BOOT …    boots each and keeps what tests need in FOLDER/BOOT
//             node tools/lab/src/main.ts boot BOOT STATE_DIR     boots one and leaves it running until Ctrl-C
//             node tools/lab/src/main.ts tiny FILE MESSAGE       writes the disk of a tiny guest that stays, and counts
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BOOTS, type BootName, buildLab } from './build.ts';
import { startMeasuredGuest } from './guest.ts';
import { tinyGuestImage } from './tiny-guest.ts';

const RECORDED = ['binary_bios_measurements', 'pcrs_sha256.txt', 'cmdline'];

const [verb, first, ...rest] = process.argv.slice(2);
if (verb === 'record' && first && rest.length > 0) await record(first, rest.map(bootName));
else if (verb === 'boot' && first && rest[0]) await boot(bootName(first), rest[0]);
else if (verb === 'tiny' && first && rest[0]) await tiny(first, rest[0]);
else usage();

async function record(folder: string, boots: readonly BootName[]): Promise<void> {
  const lab = await buildLab(boots);
  const stateDir = await mkdtemp(join(tmpdir(), 'boot-'));
  for (const name of boots) {
    const guest = await startMeasuredGuest({ lab, boot: name, stateDir });
    await guest.stop();
    await mkdir(join(folder, name), { recursive: true });
    for (const file of RECORDED) await copyFile(join(guest.evidence, file), join(folder, name, file));
    console.error(`${name}: ${guest.eventLog.length} bytes of event log`);
  }
  await rm(stateDir, { recursive: true });
}

async function boot(name: BootName, stateDir: string): Promise<void> {
  const guest = await startMeasuredGuest({ lab: await buildLab([name]), boot: name, stateDir });
  console.log(JSON.stringify({ ...guest, eventLog: guest.eventLog.length }, null, 2));
  await new Promise((done) => process.once('SIGINT', done).once('SIGTERM', done));
  await guest.stop();
}

function tiny(file: string, message: string): Promise<void> {
  return writeFile(file, tinyGuestImage({ message, countOnDisk: true, countInNvram: true, mode: 'stay' }));
}

function bootName(text: string): BootName {
  return BOOTS.find((name) => name === text) ?? usage();
}

function usage(): never {
  console.error(
    `usage: main.ts record FOLDER BOOT … | boot BOOT STATE_DIR | tiny FILE MESSAGE\nboots: ${BOOTS.join(' ')}`,
  );
  process.exit(2);
}
