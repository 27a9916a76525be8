export { openLinuxTpm } from './linux.ts';
export { openTpmSocket, type SocketAddress } from './socket.ts';
export type { TransportOptions } from './serial.ts';
