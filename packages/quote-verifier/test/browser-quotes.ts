import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBase64, toHex } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { boot, virtualHost } from '@sekimori/testkit';
import {
  AK_ECC_P256,
  AK_RSA_2048,
  createPrimary,
  type PublicArea,
  publicArea,
  quoteWithPcrs,
  TPM2B_PUBLIC,
  TPM_RH,
  TPMS_ATTEST,
} from '@sekimori/tpm2';
import type { QuoteCase } from './browser-cases.ts';
import { RECORDED_BOOTS, RECORDED_PCRS, recordedBoot } from './recorded-boots.ts';

const ecc = (curveID: 'P-256' | 'P-384' | 'P-521', hashAlg: 'sha256' | 'sha384' | 'sha512') => {
  const { parameters } = AK_ECC_P256.value;
  if (parameters.is !== 'ecc') throw new Error('an ECC template');
  const value = { ...parameters.value, curveID, scheme: { scheme: 'ecdsa', hashAlg } } as const;
  return publicArea({ ...AK_ECC_P256.value, parameters: { is: 'ecc', value } });
};
const rsa = (keyBits: 2048 | 3072, scheme: 'rsassa' | 'rsapss', hashAlg: 'sha256' | 'sha384') => {
  const { parameters } = AK_RSA_2048.value;
  if (parameters.is !== 'rsa') throw new Error('an RSA template');
  const value = { ...parameters.value, keyBits, scheme: { scheme, hashAlg } } as const;
  return publicArea({ ...AK_RSA_2048.value, parameters: { is: 'rsa', value } });
};
const TEMPLATES: readonly (readonly [name: string, template: PublicArea])[] = [
  ['ECDSA P-256', ecc('P-256', 'sha256')],
  ['ECDSA P-384', ecc('P-384', 'sha384')],
  ['ECDSA P-521', ecc('P-521', 'sha512')],
  ['RSASSA 2048', rsa(2048, 'rsassa', 'sha256')],
  ['RSAPSS 2048', rsa(2048, 'rsapss', 'sha256')],
  ['RSAPSS 3072', rsa(3072, 'rsapss', 'sha384')],
];

/** By a software TPM, with every signature scheme that attestation keys have. */
export async function softwareTpmQuotes(): Promise<readonly QuoteCase[]> {
  const host = await virtualHost({ crypto, boot: boot('uki-snakeoil') });
  const quotes: QuoteCase[] = [];
  for (const [name, template] of TEMPLATES) {
    const key = expectOk(await createPrimary(host.tpm, TPM_RH.endorsement, template));
    const extraData = crypto.random(32);
    const quoted = expectOk(await quoteWithPcrs(host.tpm, key, host.selection, extraData));
    await host.tpm.flush(key.handle);
    quotes.push({
      name,
      expected: 'ok',
      attestationKey: toHex(key.tpm2bPublic),
      qualifiedName: undefined,
      attest: toHex(quoted.attest),
      signature: toHex(quoted.signature),
      extraData: toHex(extraData),
      bank: 'sha256',
      pcrs: [...quoted.pcrs].map(([index, value]) => [index, toHex(value)]),
      step: 3,
    });
  }
  return quotes;
}

/** The recorded boots of the lab: as they are, and asked about wrongly. */
export function recordedQuotes(folder: string): readonly QuoteCase[] {
  const good = RECORDED_BOOTS.map((name) => recorded(join(folder, name), name));
  return good.flatMap((quote, place) => {
    const other = good.at(place - 1)!;
    const as = (what: string, expected: string, changes: Partial<QuoteCase>): QuoteCase => ({
      ...quote,
      name: `${quote.name}: ${what}`,
      expected,
      step: 0,
      ...changes,
    });
    return [
      quote,
      as('for another request', 'quote-nonce', { extraData: toHex(crypto.hash('sha256', crypto.random(1))) }),
      as('of a key in another place', 'quote-signer', { qualifiedName: undefined }),
      as('of another key', 'quote-signature', { attestationKey: other.attestationKey }),
      as('over other PCRs', 'quote-selection', { pcrs: quote.pcrs.slice(1) }),
    ];
  });
}

function recorded(folder: string, name: string): QuoteCase {
  const { akPublic, qualifiedName, attest, signature, extraData, pcrs } = recordedBoot(folder);
  return {
    name,
    expected: 'ok',
    attestationKey: toHex(akPublic),
    qualifiedName: toHex(qualifiedName),
    attest: toHex(attest),
    signature: toHex(signature),
    extraData: toHex(extraData),
    bank: RECORDED_PCRS.bank,
    pcrs: pcrs.map(({ index, value }) => [index, toHex(value)]),
    step: 4,
  };
}

/** Evidence of confidential-containers/trustee: signature and digest hold, and the TPM measured nothing. */
export function trusteeQuote(file: string): QuoteCase {
  const evidence = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly ak_public: string;
    readonly tpm_quote: { readonly message: string; readonly signature: string; readonly pcrs: readonly string[] };
  };
  const { message, signature, pcrs } = evidence.tpm_quote;
  const key = expectOk(crypto.publicKey({ type: 'spki', der: fromBase64(evidence.ak_public)! }));
  if (key.type !== 'rsa') throw new Error('an RSA key was recorded');
  const area = publicArea({ ...AK_RSA_2048.value, unique: { is: 'rsa', value: key.modulus } });
  const { qualifiedSigner, extraData } = expectOk(decode(TPMS_ATTEST, fromBase64(message)!));
  return {
    name: 'trustee',
    expected: 'quote-pcr-unextended',
    attestationKey: toHex(encode(TPM2B_PUBLIC, area)),
    qualifiedName: toHex(qualifiedSigner),
    attest: toHex(fromBase64(message)!),
    signature: toHex(fromBase64(signature)!),
    extraData: toHex(extraData),
    bank: 'sha256',
    pcrs: pcrs.map((value, index) => [index, value]),
    step: 4,
  };
}
