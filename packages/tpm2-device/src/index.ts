export { TpmDeviceError } from './device-error.ts';
export { openLinuxTpm } from './linux.ts';
export { type MssimSignal, openMssim, signalMssim } from './mssim.ts';
export { openTpmSocket, type SocketAddress } from './socket.ts';
export { type Locality, type LocalityOptions, openSwtpm } from './swtpm-socket.ts';
export type { TransportOptions } from './serial.ts';
