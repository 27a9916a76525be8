import { programsMissing } from '@sekimori/testkit';
import { it } from 'vitest';
import { compareWithTools } from './rc-decode.ts';

it.skipIf(programsMissing('tpm2_rc_decode', 'sh'))('every code from 0 to 0xfff means what tpm2_rc_decode says', () =>
  compareWithTools(Array.from({ length: 0x1000 }, (_, code) => code)),
);
