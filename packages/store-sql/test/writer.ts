// A process of its own that records releases until it is killed: prints each id once its record is acknowledged.
import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { openKeyProtectionStore } from '../src/index.ts';

const [file = '', limit = 'Infinity'] = process.argv.slice(2);
const store = expectOk(await openKeyProtectionStore({ file, crypto: nodeCrypto }));
let left = Number(limit);

async function write(): Promise<void> {
  while (left-- > 0) {
    const id = randomUUID();
    const release = {
      id,
      at: new Date(),
      hostId: 'host',
      certificateSerial: '0a',
      guardianFingerprint: 'guardian',
      ingressDigest: '11'.repeat(32),
      egressDigest: '22'.repeat(32),
      details: null,
    };
    const audit = { at: new Date(), kind: 'release.granted', actor: 'host:h', subject: id, body: null };
    expectOk(await store.recordRelease({ release, audit }));
    writeSync(1, `${id}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, write)); // several at once, so that a kill hits a shared commit
await store.close();
