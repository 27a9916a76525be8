import { labIsMissing } from '@sekimori/lab';
import { killSuite } from './suite.ts';

/** Three points of each phase; by this seed the agent is killed in each, and a service whose release is on record. */
killSuite({ points: 9, seed: 115_420, skip: labIsMissing('outer') });
