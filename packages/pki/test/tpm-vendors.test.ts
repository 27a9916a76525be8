import { expect, it } from 'vitest';
import { HARDWARE_TPM_VENDORS, isSoftwareTpmVendor, tpmVendorName } from '../src/index.ts';

it('knows makers of chips by their identifiers in the TCG registry', () => {
  expect(HARDWARE_TPM_VENDORS).toHaveLength(24);
  for (const id of HARDWARE_TPM_VENDORS) {
    expect(id).toMatch(/^[0-9a-f]{8}$/);
    expect(isSoftwareTpmVendor(id)).toBe(false);
  }
  expect(['53544d20', '49465800', '494e5443'].map(tpmVendorName)).toEqual(['STMicroelectronics', 'Infineon', 'Intel']);
});

it('tells TPMs in software and of virtual machines from them', () => {
  for (const id of ['49424d00', '49424d20', '4d534654', '474f4f47', '00001014', '53454b49']) {
    expect(isSoftwareTpmVendor(id)).toBe(true);
    expect(HARDWARE_TPM_VENDORS).not.toContain(id);
    expect(tpmVendorName(id)).toMatch(/^[A-Za-z]/);
  }
  for (const id of ['00000000', 'toString', ''])
    expect([isSoftwareTpmVendor(id), tpmVendorName(id)]).toEqual([false, undefined]);
});
