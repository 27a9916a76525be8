import { cryptoContract } from '../src/contract.ts';
import { nodeCrypto } from '../src/node/index.ts';

cryptoContract('node:crypto', nodeCrypto);
