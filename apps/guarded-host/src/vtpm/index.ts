export { type ManufacturedVirtualTpm, manufactureTrialTpm, manufactureVirtualTpm } from './manufacture.ts';
export { startVirtualTpm, type VirtualTpm } from './start.ts';
export { withVirtualTpm } from './use.ts';
