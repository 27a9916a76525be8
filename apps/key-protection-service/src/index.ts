export { KeyProtectionConfig, UNSAFE_SETTINGS } from './config.ts';
export { type RunningKeyProtection, startKeyProtectionService } from './start.ts';
