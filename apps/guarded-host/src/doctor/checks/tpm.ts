import { isAllZero } from '@sekimori/bytes';
import { describeFault, ok } from '@sekimori/result';
import { readPcrs, tpmProperties } from '@sekimori/tpm2';
import { parseCertificate } from '@sekimori/pki';
import { withEndorsementKeys } from '../../endorsement.ts';
import { HOST_FAULTS } from '../../faults.ts';
import { TpmOutageError } from '../../tpm-transport.ts';
import { type Check, type DoctorDeps, failed, good, type Outcome, skipped, warning } from '../check.ts';

/** TPM_PT. Part 2, 6.13. */
const PT = { family: 0x100, manufacturer: 0x105, permanent: 0x200, lockoutCounter: 0x20e, maxAuthFail: 0x20f } as const;
const LOCKOUT_INTERVAL = 0x210;
/** "2.0" with its NUL. */
const FAMILY_2 = 0x322e3000;
/** TPMA_PERMANENT: inLockout. Part 2, 8.6. */
const IN_LOCKOUT = 1 << 9;

export const tpmCheck: Check = {
  id: 'tpm',
  fabricOnly: true,
  async run({ tpm, settings }) {
    const read = await tpmProperties(tpm, PT.family, 16).catch((error: unknown) => error as Error);
    if (read instanceof TpmOutageError) return failed(read.message, mendFor(settings.tpm));
    if (read instanceof Error) throw read;
    if (!read.ok)
      return failed(`it does not answer as a TPM 2.0: ${describeFault(read.fault)}`, 'a TPM 2.0 is needed, not 1.2');
    if (read.value.get(PT.family) !== FAMILY_2)
      return failed('it is no TPM 2.0', 'a TPM 2.0 is needed; look for it in the firmware setup');
    return good(`a TPM 2.0 of ${manufacturer(read.value.get(PT.manufacturer) ?? 0)}`);
  },
};

function mendFor({ kind }: DoctorDeps['settings']['tpm']): string {
  return kind === 'device'
    ? "switch the TPM on in the firmware setup; run this as root, or in the group 'tss'"
    : 'start the software TPM, and see that nobody else is connected to it';
}

/** Four characters, filled up with NUL or spaces. */
function manufacturer(value: number): string {
  const text = String.fromCharCode(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
  return /^[\x20-\x7e]+\0*$/.test(text) ? text.replace(/[\0 ]+$/, '') : value.toString(16);
}

/** Firmware that extends a bank leaves no PCR from 0 to 7 as it was at the reset: each has a separator at least. */
export const pcrBankCheck: Check = {
  id: 'tpm-pcr-bank',
  fabricOnly: true,
  run: asking(async ({ tpm }) => {
    const read = await readPcrs(tpm, { bank: 'sha256', indices: [0, 1, 2, 3, 4, 5, 6, 7] });
    const mend =
      'switch on measured boot and the SHA-256 bank in the firmware setup; a VM needs firmware with TPM 2.0 support';
    if (!read.ok) return failed(`no SHA-256 bank: ${describeFault(read.fault)}`, mend);
    const untouched = [...read.value].filter(([, value]) => isAllZero(value.subarray(0, -1))).map(([pcr]) => pcr);
    if (untouched.length === 0) return good('the firmware measures into the SHA-256 bank');
    return failed(`nothing was measured into PCRs ${untouched.join(', ')} of the SHA-256 bank`, mend);
  }),
};

export const endorsementCheck: Check = {
  id: 'tpm-endorsement',
  fabricOnly: true,
  run: asking(async ({ tpm, clock }) => {
    const found = await withEndorsementKeys(tpm, async (keys) => ok(keys));
    if (!found.ok) return failed(describeFault(found.fault), HOST_FAULTS['endorsement-key-missing']);
    const names = found.value.map(({ kind, key }) => {
      const certificate = parseCertificate(key.certificate);
      const ended = certificate.ok && certificate.value.notAfter < clock.now() ? ', which has ended' : '';
      return `${kind} by ${certificate.ok ? certificate.value.issuer.text : 'nobody'}${ended}`;
    });
    return good(`endorsement keys with certificates: ${names.join('; ')}`);
  }),
};

export const lockoutCheck: Check = {
  id: 'tpm-lockout',
  fabricOnly: true,
  run: asking(async ({ tpm }) => {
    const read = await tpmProperties(tpm, PT.permanent, LOCKOUT_INTERVAL - PT.permanent + 1);
    if (!read.ok) return warning(describeFault(read.fault), 'this TPM does not tell its state: ask its vendor');
    const value = (property: number) => read.value.get(property) ?? 0;
    const [counter, limit] = [value(PT.lockoutCounter), value(PT.maxAuthFail)];
    const mend = "find who uses a wrong authorization; 'tpm2_dictionarylockout --clear-lockout' ends it";
    if ((value(PT.permanent) & IN_LOCKOUT) !== 0)
      return failed(
        `locked after ${counter} wrong authorizations; one is forgiven each ${value(LOCKOUT_INTERVAL)} s`,
        mend,
      );
    if (counter > 0) return warning(`${counter} of ${limit} wrong authorizations until it locks itself`, mend);
    return good('no wrong authorization is counted');
  }),
};

/** What the TPM is asked for says nothing where it does not answer; the check of the TPM itself does. */
export function asking(run: (deps: DoctorDeps) => Promise<Outcome>): Check['run'] {
  return async (deps) => {
    try {
      return await run(deps);
    } catch (error) {
      if (error instanceof TpmOutageError) return skipped('the TPM cannot be asked');
      throw error;
    }
  };
}
