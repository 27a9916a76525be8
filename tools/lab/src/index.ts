export { BOOTS, type BootName, buildLab, type Lab, labIsMissing } from './build.ts';
export { type MeasuredGuest, startMeasuredGuest } from './guest.ts';
