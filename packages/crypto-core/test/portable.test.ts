import { cryptoContract } from '../src/contract.ts';
import { portableCrypto } from '../src/portable/index.ts';

cryptoContract('portable', portableCrypto);
