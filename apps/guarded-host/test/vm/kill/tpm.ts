import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { certificatesFromPem } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { boot, bootFile, measureInto } from '@sekimori/testkit';
import { Tpm } from '@sekimori/tpm2';
import { manufactureSwtpm, startSwtpm, type Swtpm } from '@sekimori/tpm2-device/swtpm';

const BOOT = 'uki-snakeoil';

/** The TPM of a host: a swtpm of its own, measured as the firmware of a recorded boot did it. */
export async function aHostTpm(
  folder: string,
): Promise<{ readonly swtpm: Swtpm; readonly root: Uint8Array; readonly issuerFile: string; readonly log: string }> {
  const [stateDir, caDir] = [join(folder, 'tpm'), join(folder, 'tpm-ca')];
  const { issuerFile, rootFile } = await manufactureSwtpm({ stateDir, caDir, name: 'node' });
  const [root] = expectOk(certificatesFromPem(await readFile(rootFile, 'utf8')));
  const swtpm = await startSwtpm({ stateDir });
  const transport = await swtpm.open();
  await measureInto(new Tpm(transport, crypto), boot(BOOT));
  await transport.close();
  return { swtpm, root: root!.der, issuerFile, log: bootFile(BOOT, 'binary_bios_measurements') };
}
