// Without the server: for whoever runs a use case in process, such as the benchmark.
export type { KeyProtectionDeps } from './deps.ts';
export { release, type ReleaseContext } from './release/release.ts';
export { Revocations } from './revocations.ts';
