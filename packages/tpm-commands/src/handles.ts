import { handleType, TPM_RH } from '@sekimori/tpm2';

const PERMANENT = new Map<number, string>(Object.entries(TPM_RH).map(([name, handle]) => [handle, name]));

/** TCG EK Credential Profile 2.2.1.4; TPM 2.0 Keys for Device Identity; TCG Provisioning Guidance. */
const KNOWN: ReadonlyMap<number, string> = new Map([
  [0x81000001, 'storage root key'],
  [0x81000003, 'attestation key of Azure’s virtual TPMs'],
  [0x81010001, 'endorsement key, RSA-2048'],
  [0x8101000a, 'endorsement key, P-256'],
  [0x81010012, 'endorsement key, RSA-2048, high range'],
  [0x81010014, 'endorsement key, P-256, high range'],
  [0x81010016, 'endorsement key, P-384'],
  [0x81010018, 'endorsement key, P-521'],
  [0x8101001c, 'endorsement key, RSA-3072'],
  [0x8101001e, 'endorsement key, RSA-4096'],
  [0x81020000, 'IDevID key'],
  [0x81020001, 'initial attestation key (IAK)'],
  [0x01c00003, 'nonce of the RSA-2048 endorsement key'],
  [0x01c00004, 'template of the RSA-2048 endorsement key'],
  [0x01c0000b, 'nonce of the P-256 endorsement key'],
  [0x01c0000c, 'template of the P-256 endorsement key'],
  [0x01c08000, 'platform certificate'],
  [0x01c90100, 'certificate of the initial attestation key (IAK), as swtpm places it'],
  [0x01c90200, 'certificate of the IDevID key, as swtpm places it'],
]);

/** The NV indices of endorsement certificates and the keys they are for. EK Credential Profile 2.2.1.4; L for its low range, H for its high. */
export const CERTIFICATE_INDICES: ReadonlyMap<number, { readonly template: string; readonly key: string }> = new Map([
  [0x01c00002, { template: 'L-1', key: 'RSA-2048' }],
  [0x01c0000a, { template: 'L-2', key: 'P-256' }],
  [0x01c00012, { template: 'H-1', key: 'RSA-2048' }],
  [0x01c00014, { template: 'H-2', key: 'P-256' }],
  [0x01c00016, { template: 'H-3', key: 'P-384' }],
  [0x01c00018, { template: 'H-4', key: 'P-521' }],
  [0x01c0001a, { template: 'H-5', key: 'SM2-P256' }],
  [0x01c0001c, { template: 'H-6', key: 'RSA-3072' }],
  [0x01c0001e, { template: 'H-7', key: 'RSA-4096' }],
]);

/** Where vendors keep the certificates above those of the endorsement keys. */
export function isChainIndex(index: number): boolean {
  return index >= 0x01c00100 && index <= 0x01c001ff;
}

/** What usually stands under a persistent handle or an NV index. Undefined where no convention is known. */
export function usualUse(handle: number): string | undefined {
  const certificate = CERTIFICATE_INDICES.get(handle);
  if (certificate) return `endorsement certificate, ${certificate.key} (${certificate.template})`;
  const template = CERTIFICATE_INDICES.get(handle - 1);
  if (template?.template.startsWith('H'))
    return `template of the ${template.key} endorsement key (${template.template})`;
  return isChainIndex(handle) ? 'certificates above the endorsement certificates' : KNOWN.get(handle);
}

/** 'owner', 'PCR 7', 'transient object 80000000': a handle in words. */
export function handleWords(handle: number): string {
  const permanent = PERMANENT.get(handle);
  if (permanent !== undefined) return permanent;
  const type = handleType(handle);
  if (type === 'pcr') return `PCR ${handle}`;
  const use = usualUse(handle);
  return use ?? (type ? TYPES[type] : 'of an unknown type');
}

const TYPES = {
  pcr: 'PCR',
  nv: 'NV index',
  'hmac-session': 'HMAC session, or one that is loaded',
  'policy-session': 'policy session, or one that is saved',
  permanent: 'permanent handle',
  transient: 'transient object',
  persistent: 'persistent object',
} as const;
