import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { fromUtf8 } from '@sekimori/bytes';
import type { Secret } from '@sekimori/crypto-core';
import type { KeyFiles } from '@sekimori/hsm';
import { type Certificate, certificatesFromPem, writePem } from '@sekimori/pki';
import { describeFault, type Fault, ok, type Result } from '@sekimori/result';
import { fileKeyFiles } from './key-files.ts';
import { codeOf, readPrivateFile } from './private-files.ts';
import type { StartFault } from './service.ts';

type Refused = { readonly ok: false; readonly fault: StartFault };

/** What a setting names cannot be used: the fault names the setting and says how to mend it. */
export function settingRefused(setting: string, fault: Fault): Refused {
  const hint = "'sekimori init' makes a data folder with everything in it";
  return { ok: false, fault: { code: 'start-refused', detail: `${setting}: ${describeFault(fault)}`, hint } };
}

/** A file that holds no secret. */
export async function readSettingFile(setting: string, path: string): Promise<Result<Uint8Array, StartFault>> {
  try {
    return ok(Uint8Array.from(await readFile(path)));
  } catch (error) {
    return settingRefused(setting, { code: 'unreadable-file', detail: `${path} (${codeOf(error) ?? 'unknown'})` });
  }
}

/** The certificates of a PEM file, one at least. */
export async function readCertificateFile(
  setting: string,
  path: string,
): Promise<Result<readonly [Certificate, ...Certificate[]], StartFault>> {
  const bytes = await readSettingFile(setting, path);
  if (!bytes.ok) return bytes;
  const read = certificatesFromPem(fromUtf8(bytes.value) ?? '');
  if (!read.ok) return settingRefused(setting, read.fault);
  const [first, ...others] = read.value;
  return first ? ok([first, ...others]) : settingRefused(setting, { code: 'pem-malformed', detail: 'no certificate' });
}

/** Key and certificate of a TLS server, which belong together. */
export async function readTlsFiles(tls: {
  readonly key: string;
  readonly certificate: string;
}): Promise<Result<{ readonly key: Secret; readonly cert: string }, StartFault>> {
  const key = await readPrivateFile(tls.key);
  if (!key.ok) return settingRefused('tls.key', key.fault);
  const certificate = await readSettingFile('tls.certificate', tls.certificate);
  if (!certificate.ok) return certificate;
  const cert = fromUtf8(certificate.value) ?? '';
  try {
    createSecureContext({ key: key.value.use(tlsKeyPem), cert });
  } catch {
    // the library's own words might quote what it read
    const detail = `${tls.key} and ${tls.certificate} are no private key and the certificate for it`;
    return settingRefused('tls', { code: 'tls-mismatch', detail });
  }
  return ok({ key: key.value, cert });
}

/** The folder of a software key store, which must be its owner's alone. */
export async function openKeyFiles(setting: string, folder: string): Promise<Result<KeyFiles, StartFault>> {
  try {
    return ok(await fileKeyFiles(folder));
  } catch (error) {
    return settingRefused(setting, { code: 'unsafe-folder', detail: error instanceof Error ? error.message : folder });
  }
}

/** PKCS#8, as DER or PEM, in the form that node:tls takes. */
export function tlsKeyPem(pkcs8: Uint8Array): string | Buffer {
  return pkcs8[0] === DER_SEQUENCE ? writePem('PRIVATE KEY', pkcs8) : Buffer.from(pkcs8);
}

const DER_SEQUENCE = 0x30;
