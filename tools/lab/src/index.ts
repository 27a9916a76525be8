export { BOOTS, type BootName, buildLab, type Lab, labIsMissing } from './build.ts';
export { type MeasuredGuest, startMeasuredGuest } from './guest.ts';
export { buildShieldedLab, MARKER, SHIELDED_BOOTS, type ShieldedBoot, type ShieldedLab } from './shielded.ts';
export {
  bootsOnDisk,
  signedTinyGuestImage,
  tinyGuestApplication,
  tinyGuestImage,
  type TinyGuestOptions,
} from './tiny-guest.ts';
