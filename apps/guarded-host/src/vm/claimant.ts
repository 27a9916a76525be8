import { hostname } from 'node:os';
import { readFile } from 'node:fs/promises';
import { toHex, utf8 } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import type { Claimant } from './folder/claim.ts';

/** How this machine names itself on the VMs' storage. The machine id is confidential (machine-id(5)), so its hash is written. */
export async function claimantOfThisMachine(): Promise<Claimant> {
  const [id, boot] = await Promise.all([
    readFile('/etc/machine-id', 'utf8').catch(() => hostname()),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'unknown'),
  ]);
  const machine = toHex(crypto.hash('sha256', utf8(`sekimori vm claim ${id.trim()}`))).slice(0, 32);
  return { machine, boot: boot.trim(), host: hostname() };
}
