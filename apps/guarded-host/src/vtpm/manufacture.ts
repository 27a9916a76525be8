import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Crypto, Secret } from '@sekimori/crypto-core';
import type { VmId } from '@sekimori/guest-state';
import type { GuardianKeys } from '@sekimori/key-protector';
import {
  type CertificateAuthority,
  issueEndorsementAuthority,
  issueEndorsementCertificate,
  NO_EXPIRY,
  type TpmIdentity,
  writeName,
} from '@sekimori/pki';
import { type Fault, ok, type Result } from '@sekimori/result';
import {
  changeHierarchyAuth,
  createPrimary,
  type EndorsementKeyKind,
  makePersistent,
  publicKeyOf,
  readPublic,
  SRK_ECC_P256,
  storeEndorsementCertificate,
  type Tpm,
  TPM_RH,
  type TpmFault,
  tpmProperties,
  type TpmResult,
  WELL_KNOWN,
} from '@sekimori/tpm2';
import { createSwtpmState } from '@sekimori/tpm2-device/swtpm';
import { newStateFolder, startFault, type VirtualTpmFault } from './state.ts';
import { withVirtualTpm } from './use.ts';

export interface ManufacturedVirtualTpm {
  /** The authorization of owner and lockout, random: for the owner's escrow, and nobody else. */
  readonly ownerAuth: Secret;
  /** X.509, DER, self-signed: an authority over the guardian's own signing key. Public. */
  readonly endorsementAuthority: Uint8Array;
  /** X.509, DER. The subject's common name is the VM's id. */
  readonly endorsementCertificates: { readonly rsa2048: Uint8Array; readonly eccP384: Uint8Array };
}

/**
 * A VM's TPM, made by the VM's owner: state encrypted under `stateKey` (32 bytes), endorsement keys (RSA-2048, P-384) with
 * certificates under the owner's guardian in NV, storage root key (P-256) at 0x81000001, owner and lockout authorization set. The
 * platform hierarchy is as swtpm_setup leaves it: its authorization is the firmware's to set at each boot.
 */
export async function manufactureVirtualTpm(options: {
  readonly crypto: Crypto;
  readonly owner: GuardianKeys;
  readonly vmId: VmId;
  /** When the certificates begin; they do not end. */
  readonly at: Date;
  readonly stateDir: string;
  readonly stateKey: Secret;
}): Promise<Result<ManufacturedVirtualTpm, VirtualTpmFault | TpmFault | Fault<'invalid-key'>>> {
  const { crypto, owner, vmId, at, stateDir, stateKey } = options;
  const created = await createState(stateDir, stateKey);
  if (!created.ok) return created;
  const life = { notBefore: at, notAfter: NO_EXPIRY };
  const name = writeName({ OU: 'Sekimori virtual TPMs', CN: owner.guardian.name || owner.guardian.fingerprint });
  const certificate = await issueEndorsementAuthority(crypto, { ...life, subject: name, key: owner.signing });
  const authority = { certificate, key: owner.signing };
  return withVirtualTpm({ crypto, stateDir, stateKey }, async (tpm) => {
    const identity = await identityOf(tpm);
    if (!identity.ok) return identity;
    const issue = (kind: EndorsementKeyKind) => certify(tpm, kind, { authority, vmId, at, tpm: identity.value });
    const [rsa2048, eccP384] = [await issue('rsa-2048'), await issue('ecc-p384')];
    if (!rsa2048.ok) return rsa2048;
    if (!eccP384.ok) return eccP384;
    const owned = await takeOwnership(tpm);
    if (!owned.ok) return owned;
    return ok({
      ownerAuth: owned.value,
      endorsementAuthority: certificate.der,
      endorsementCertificates: { rsa2048: rsa2048.value, eccP384: eccP384.value },
    });
  });
}

/** A TPM for trial boots: with the PCRs of the others, without certificates and without an owner. */
export async function manufactureTrialTpm(options: {
  readonly stateDir: string;
  readonly stateKey: Secret;
}): Promise<Result<void, VirtualTpmFault>> {
  return createState(options.stateDir, options.stateKey);
}

async function createState(stateDir: string, stateKey: Secret): Promise<Result<void, VirtualTpmFault>> {
  const folder = await newStateFolder(stateDir);
  if (!folder.ok) return folder;
  try {
    await createSwtpmState({ stateDir, stateKey });
    await rm(join(stateDir, 'setup.log'), { force: true });
    return ok(undefined);
  } catch (error) {
    return startFault(error);
  }
}

/** TPM_PT_MANUFACTURER and TPM_PT_FIRMWARE_VERSION_1. Part 2, 6.13. */
async function identityOf(tpm: Tpm): Promise<TpmResult<TpmIdentity>> {
  const properties = await tpmProperties(tpm, 0x105, 8);
  if (!properties.ok) return properties;
  const hex = (property: number) => (properties.value.get(property) ?? 0).toString(16).padStart(8, '0');
  return ok({ manufacturer: hex(0x105), model: 'swtpm', version: `id:${hex(0x10b).toUpperCase()}` });
}

const PERSISTENT: Readonly<Record<EndorsementKeyKind, number>> = {
  'rsa-2048': WELL_KNOWN.rsa2048EndorsementKey,
  'ecc-p384': WELL_KNOWN.eccP384EndorsementKey,
};

async function certify(
  tpm: Tpm,
  kind: EndorsementKeyKind,
  parts: {
    readonly authority: CertificateAuthority;
    readonly vmId: VmId;
    readonly at: Date;
    readonly tpm: TpmIdentity;
  },
): Promise<TpmResult<Uint8Array, Fault<'invalid-key'>>> {
  const endorsementKey = await readPublic(tpm, PERSISTENT[kind]);
  if (!endorsementKey.ok) return endorsementKey;
  const publicKey = publicKeyOf(tpm.crypto, endorsementKey.value.publicArea);
  if (!publicKey.ok) return publicKey;
  const certificate = await issueEndorsementCertificate(tpm.crypto, {
    subject: writeName({ CN: parts.vmId }),
    notBefore: parts.at,
    notAfter: NO_EXPIRY,
    publicKey: publicKey.value,
    tpm: parts.tpm,
    issuer: parts.authority,
  });
  const stored = await storeEndorsementCertificate(tpm, kind, certificate.der);
  return stored.ok ? ok(certificate.der) : stored;
}

const AUTH_BYTES = 32;

/** The storage root key first: the authorizations then cross the wire encrypted to it. */
async function takeOwnership(tpm: Tpm): Promise<TpmResult<Secret, Fault<'invalid-key'>>> {
  const made = await createPrimary(tpm, TPM_RH.owner, SRK_ECC_P256);
  if (!made.ok) return made;
  const kept = await makePersistent(tpm, made.value, WELL_KNOWN.storageRootKey);
  await tpm.flush(made.value.handle);
  if (!kept.ok) return kept;
  const bytes = tpm.crypto.random(AUTH_BYTES);
  const ownerAuth = new Secret(bytes);
  bytes.fill(0);
  const nobody = {
    auth: new Secret(new Uint8Array(0)),
    saltTo: { handle: WELL_KNOWN.storageRootKey, publicArea: made.value.publicArea },
  };
  for (const hierarchy of ['lockout', 'owner'] as const) {
    const changed = await changeHierarchyAuth(tpm, hierarchy, nobody, ownerAuth);
    if (changed.ok) continue;
    ownerAuth.wipe();
    return changed;
  }
  return ok(ownerAuth);
}
