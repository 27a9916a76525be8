import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** QEMU's end of the guest's port, in a run folder. It ends with QEMU; one that QEMU does not open is destroyed already. */
export async function openGuestSocket(path: string): Promise<Socket> {
  const socket = connect(path);
  await once(socket, 'connect').catch(() => {});
  socket.on('error', () => {});
  return socket;
}
