import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** Binary header and JSON of each of the two copies, as cryptsetup makes them. LUKS2 On-Disk Format, section 2. */
const HEADER = 16_384;
const BINARY = 4096;
const CHECKSUM = 448;
const CHECKSUM_FIELD = 64;

/** Rewrites a LUKS2 header as anybody can who has the file: what stands in it is protected by a checksum alone. */
export async function rewriteHeader(file: string, change: (json: string) => string): Promise<void> {
  const handle = await open(file, 'r+');
  for (const at of [0, HEADER]) {
    const header = Buffer.alloc(HEADER);
    await handle.read(header, 0, HEADER, at);
    const json = header.toString('utf8', BINARY, header.indexOf(0, BINARY));
    header.fill(0, BINARY);
    header.write(change(json), BINARY);
    header.fill(0, CHECKSUM, CHECKSUM + CHECKSUM_FIELD);
    createHash('sha256').update(header).digest().copy(header, CHECKSUM);
    await handle.write(header, 0, HEADER, at);
  }
  await handle.close();
}
