import { labIsMissing } from '@sekimori/lab';
import { killSuite } from './suite.ts';

killSuite({ points: 50, seed: 1, skip: labIsMissing('outer') });
