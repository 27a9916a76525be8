/** TCG Vendor ID Registry: four bytes in lower-case hex, as in `TpmIdentity.manufacturer`, of makers of chips and of firmware TPMs. */
const HARDWARE: Readonly<Record<string, string>> = {
  '414d4400': 'AMD',
  '414e5400': 'Ant Group',
  '41544d4c': 'Atmel',
  '4252434d': 'Broadcom',
  '4353434f': 'Cisco',
  '464c5953': 'Flyslice',
  '48504900': 'HPI',
  '48504500': 'HPE',
  '48495349': 'Huawei',
  '49465800': 'Infineon',
  '494e5443': 'Intel',
  '4c454e00': 'Lenovo',
  '4e534d20': 'National Semiconductor',
  '4e545a00': 'Nationz',
  '4e544300': 'Nuvoton',
  '4e534700': 'NSING',
  '51434f4d': 'Qualcomm',
  '524f4343': 'Rockchip',
  '534d534e': 'Samsung',
  '534e5300': 'Sinosun',
  '534d5343': 'SMSC',
  '53544d20': 'STMicroelectronics',
  '54584e00': 'Texas Instruments',
  '57454300': 'Winbond',
};

/**
 * What TPMs of virtual machines and TPMs in software call themselves. Whoever runs the machine below holds their keys. Microsoft's
 * identifier is also that of Pluton; nothing in a certificate tells the two apart.
 */
const SOFTWARE: Readonly<Record<string, string>> = {
  '00001014': 'swtpm',
  '474f4f47': 'Google',
  '49424d00': 'IBM',
  '49424d20': 'IBM software TPM',
  '4d534654': 'Microsoft',
  '53454b49': 'Sekimori software TPM',
};

/** The identifiers of known makers of TPMs that are not software. */
export const HARDWARE_TPM_VENDORS: readonly string[] = Object.keys(HARDWARE);

/** The identifiers of TPMs that are software. */
export const SOFTWARE_TPM_VENDORS: readonly string[] = Object.keys(SOFTWARE);

export function isSoftwareTpmVendor(manufacturer: string): boolean {
  return Object.hasOwn(SOFTWARE, manufacturer);
}

/** For people; undefined for an identifier that is in neither list. */
export function tpmVendorName(manufacturer: string): string | undefined {
  if (Object.hasOwn(HARDWARE, manufacturer)) return HARDWARE[manufacturer];
  return Object.hasOwn(SOFTWARE, manufacturer) ? SOFTWARE[manufacturer] : undefined;
}
