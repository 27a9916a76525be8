import type { DistinguishedName } from './names.ts';
import { HARDWARE_TPM_VENDORS, SOFTWARE_TPM_VENDORS, tpmVendorName } from './tpm-vendors.ts';

/** Whose certification authority it is, and which manufacturers EK certificates below it may name. */
export interface VendorAuthority {
  readonly vendor: string;
  /** As `TpmIdentity.manufacturer`. */
  readonly manufacturers: readonly string[];
}

/**
 * The authorities that are known to be of vendors of TPMs, by what stands in their subject: the first line that fits holds. Their
 * certificates are published by the vendors (shown are the organisations of their roots and of who signed for them before).
 */
const AUTHORITIES: readonly (readonly [RegExp, string, readonly string[]])[] = [
  [/^Advanced Micro Devices\b/, 'AMD', ['414d4400']],
  [/^Infineon Technologies AG$/, 'Infineon', ['49465800']],
  // "VeriSign Trusted Platform Module Root CA" stands over "IFX TPM EK Root CA"
  [/^VeriSign Trusted Platform Module\b/, 'Infineon', ['49465800']],
  [/^STMicroelectronics\b/, 'STMicroelectronics', ['53544d20']],
  // over "STM TPM EK Root CA" and "STM TPM ECC Root CA 01"
  [/^GlobalSign Trusted Platform Module\b/, 'STMicroelectronics', ['53544d20']],
  [/^Nuvoton Technology Corporation$/, 'Nuvoton', ['4e544300']],
  [/^Nationz Technologies\b/, 'Nationz', ['4e545a00']],
  [/^NSING Technologies\b/, 'NSING', ['4e534700']],
  [/^Intel Corporation$/, 'Intel', ['494e5443']],
  // intermediates of the On-Die CA have no organisation
  [/^(www\.intel\.com|CSME .+)$/, 'Intel', ['494e5443']],
  // Pluton is built into processors of others, whose factories certify below this root
  [/^Microsoft Pluton\b/, 'Microsoft', ['4d534654', '414d4400']],
  [/^Microsoft Corporation$/, 'Microsoft', ['4d534654']],
  [/^IBM$/, 'IBM', ['49424d00', '49424d20']],
];

/** Other words for vendors: folders of Microsoft's TrustedTPM.cab and of other collections. */
const ALIASES: Readonly<Record<string, string>> = {
  ifx: 'Infineon',
  nationz: 'Nationz',
  qc: 'Qualcomm',
  qcom: 'Qualcomm',
  stm: 'STMicroelectronics',
  stmicro: 'STMicroelectronics',
};

/** By what a certificate calls itself; undefined for an authority that is not known. Common names go before organisations. */
export function authorityNamed(subject: DistinguishedName): VendorAuthority | undefined {
  const texts = [...subject.values('2.5.4.3'), ...subject.values('2.5.4.10')];
  for (const [pattern, vendor, manufacturers] of AUTHORITIES)
    if (texts.some((text) => pattern.test(text))) return { vendor, manufacturers };
  return undefined;
}

/**
 * The vendor that a person or a folder means: the registry's name in any case ('Infineon'), its letters ('IFX', 'INTC') or its four bytes
 * in hex ('49465800'). Undefined where the registry has none such.
 */
export function vendorNamed(text: string): VendorAuthority | undefined {
  const wanted = text.trim().toLowerCase();
  const name = (Object.hasOwn(ALIASES, wanted) ? (ALIASES[wanted] as string) : wanted).toLowerCase();
  const manufacturers = [...HARDWARE_TPM_VENDORS, ...SOFTWARE_TPM_VENDORS].filter(
    (id) => tpmVendorName(id)?.toLowerCase() === name || id === wanted || lettersOf(id) === wanted,
  );
  const vendor = manufacturers[0] && tpmVendorName(manufacturers[0]);
  return vendor === undefined ? undefined : { vendor, manufacturers };
}

function lettersOf(id: string): string {
  const letters = (id.match(/../g) ?? []).map((pair) => String.fromCharCode(Number.parseInt(pair, 16)));
  return letters.join('').replaceAll('\0', '').trim().toLowerCase();
}
