import { EK_PLACES, type EkName, type EndorsementPlace, handleType, TPM_RH, WELL_KNOWN } from '@sekimori/tpm2';

const PERMANENT = new Map<number, string>(Object.entries(TPM_RH).map(([name, handle]) => [handle, name]));

/** What each endorsement key of the profile is. */
const ENDORSEMENT_KEYS: Readonly<Record<EkName, string>> = {
  'L-1': 'RSA-2048',
  'L-2': 'P-256',
  'H-1': 'RSA-2048',
  'H-2': 'P-256',
  'H-3': 'P-384',
  'H-4': 'P-521',
  'H-5': 'SM2-P256',
  'H-6': 'RSA-3072',
  'H-7': 'RSA-4096',
};

/** TCG EK Credential Profile 2.2.1.4; TPM 2.0 Keys for Device Identity; TCG Provisioning Guidance. */
const KNOWN: ReadonlyMap<number, string> = new Map([
  ...(Object.entries(ENDORSEMENT_KEYS) as [EkName, string][]).flatMap(([name, key]) =>
    usesOf(EK_PLACES[name], key, name),
  ),
  [WELL_KNOWN.storageRootKey, 'storage root key'],
  [0x81000003, 'attestation key of Azure’s virtual TPMs'],
  [WELL_KNOWN.idevid, 'IDevID key'],
  [WELL_KNOWN.iak, 'initial attestation key (IAK)'],
  [WELL_KNOWN.platformCertificate, 'platform certificate'],
  [WELL_KNOWN.iakCertificate, 'certificate of the initial attestation key (IAK), as swtpm places it'],
  [WELL_KNOWN.idevidCertificate, 'certificate of the IDevID key, as swtpm places it'],
]);

function usesOf(place: EndorsementPlace, key: string, name: EkName): readonly (readonly [number, string])[] {
  const { nonceIndex } = place;
  return [
    [place.certificateIndex, `endorsement certificate, ${key} (${name})`],
    [place.templateIndex, `template of the ${key} endorsement key (${name})`],
    [place.persistentHandle, `endorsement key, ${key} (${name})`],
    ...(nonceIndex === undefined ? [] : [[nonceIndex, `nonce of the ${key} endorsement key (${name})`] as const]),
  ];
}

/** What usually stands under a persistent handle or an NV index. Undefined where no convention is known. */
export function usualUse(handle: number): string | undefined {
  // where vendors keep the certificates above those of the endorsement keys
  const isChain = handle >= 0x01c00100 && handle <= 0x01c001ff;
  return isChain ? 'certificates above the endorsement certificates' : KNOWN.get(handle);
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
