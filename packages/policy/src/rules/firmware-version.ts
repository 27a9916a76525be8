import type { Rule } from '../rule.ts';

/** The TPM's firmware is older than it last was. A remark: the number has the vendor's form, and only the vendor knows its order. */
export const firmwareVersion: Rule = {
  id: 'firmware-version',
  check: ({ quote: { firmware } }) => {
    if (firmware?.previous === undefined || firmware.version >= firmware.previous) return [];
    const [expected, actual] = [hex(firmware.previous), hex(firmware.version)];
    return [
      {
        rule: 'firmware-version',
        effect: 'remark',
        subStatus: 'TpmFirmware',
        detail: `the firmware version of the TPM went from ${expected} down to ${actual}`,
        expected,
        actual,
      },
    ];
  },
};

function hex(version: bigint): string {
  return version.toString(16).padStart(16, '0');
}
