export { BOOTS, type BootName, buildLab, type Lab, missingParts } from './build.ts';
export { type MeasuredGuest, startMeasuredGuest } from './guest.ts';
