import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** An address of a service that can be down: then nothing listens there. */
export interface Proxy {
  readonly url: string;
  /** How many connections came. */
  readonly connections: () => number;
  down(): Promise<void>;
  up(): Promise<void>;
}

/** Passes bytes on, so TLS is the service's own. Down after the test. */
export async function proxyTo(target: string): Promise<Proxy> {
  const { hostname: host, port: targetPort } = new URL(target);
  const open = new Set<Socket>();
  let count = 0;
  let server: Server | undefined;
  let port = 0;
  async function up() {
    if (server) return;
    server = createServer((socket) => {
      count++;
      const onward = connect({ host, port: Number(targetPort) });
      for (const each of [socket, onward]) {
        open.add(each);
        each.on('error', () => {}).on('close', () => [socket, onward].forEach((end) => end.destroy()));
      }
      socket.pipe(onward).pipe(socket);
    });
    server.listen({ host: '127.0.0.1', port });
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  }
  async function down() {
    const closing = server;
    server = undefined;
    for (const each of open) each.destroy();
    open.clear();
    if (closing) await new Promise((resolve) => closing.close(resolve));
  }
  await up();
  onTestFinished(down);
  return { url: `https://127.0.0.1:${port}`, connections: () => count, down, up };
}
