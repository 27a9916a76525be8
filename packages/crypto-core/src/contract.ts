import { describe } from 'vitest';
import { ecContract } from './contract/ec.ts';
import { keysContract } from './contract/keys.ts';
import { rsaContract } from './contract/rsa.ts';
import { symmetricContract } from './contract/symmetric.ts';
import type { Crypto } from './crypto.ts';

/** What every provider of the Crypto port must do. Known answers from the documents named at each test. */
export function cryptoContract(name: string, crypto: Crypto): void {
  describe(`Crypto: ${name}`, () => {
    symmetricContract(crypto);
    ecContract(crypto);
    rsaContract(crypto);
    keysContract(crypto);
  });
}
