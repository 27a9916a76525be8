import { labIsMissing } from '@sekimori/lab';
import { killSuite } from './kill-suite.ts';

killSuite({ points: 50, seed: 1, skip: labIsMissing('outer') });
