export { createVendorCa } from './endorsement.ts';
export { MANUFACTURER, type RsaKeySource } from './machine.ts';
export type { StartupLocality } from './pcrs.ts';
export { createSoftwareTpm, type SoftwareTpm, type SoftwareTpmOptions } from './software-tpm.ts';
