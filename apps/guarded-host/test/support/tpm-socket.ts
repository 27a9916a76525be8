import { createServer } from 'node:net';
import type { TpmTransport } from '@sekimori/tpm2';
import { afterAll } from 'vitest';

/** A TPM of this process behind a UNIX socket, as swtpm's: for programs that run beside. */
export async function listenAsTpm(tpm: TpmTransport, path: string): Promise<void> {
  const server = createServer((socket) => {
    let held = Buffer.alloc(0);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      if (held.length < 10 || held.length < held.readUInt32BE(2)) return;
      const command = Uint8Array.from(held);
      held = Buffer.alloc(0);
      void tpm.transmit(command).then((response) => socket.write(response));
    });
  });
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  afterAll(() => new Promise((resolve) => void server.close(resolve)));
}
