import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { extendPcr, startup, Tpm } from '@sekimori/tpm2';
import { openTpmSocket } from '@sekimori/tpm2-device';
import { BOOTS, type BootName, recordedBoot } from './machine/boots.ts';

const USAGE = `Usage: boot-recorded SOCKET BOOT

Extends the PCRs of a freshly started swtpm as the firmware of a recorded boot did. For trials.

  SOCKET  the swtpm's UNIX socket
  BOOT    ${BOOTS.join(', ')}

Example:
  boot-recorded trial/tpm.sock uki-snakeoil
`;

const [socket, name] = process.argv.slice(2);
if (socket === '--help') {
  process.stdout.write(USAGE);
} else if (!socket || !BOOTS.includes(name as BootName)) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  const boot = recordedBoot(name as BootName);
  const tpm = new Tpm(await openTpmSocket({ path: socket }), nodeCrypto);
  await startup(tpm); // refused where the TPM is started already; what matters shows in the first extend
  for (const { pcr, digest } of boot.measurements) expectOk(await extendPcr(tpm, pcr, 'sha256', digest));
  await tpm.close();
  process.stdout.write(`extended ${boot.measurements.length} measurements: ${boot.commandLine}\n`);
}
