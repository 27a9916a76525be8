import { AUTHORIZATIONS } from './authorizations.ts';
import type { RefusalCase } from './bench.ts';
import { INDICES } from './nv.ts';
import { OBJECTS } from './objects.ts';
import { OTHERS } from './others.ts';
import { POLICIES } from './policies.ts';

export { Bench } from './bench.ts';

export const REFUSALS: readonly RefusalCase[] = [...AUTHORIZATIONS, ...POLICIES, ...OBJECTS, ...INDICES, ...OTHERS];
