import type { Crypto } from '@sekimori/crypto-core';
import type { Certificate } from './certificate.ts';

/**
 * Remembers which CA certificate was signed by which, so that a chain seen before costs one signature: the leaf's. It holds
 * facts about bytes only, so it is right for every set of roots, every time and every policy: those are judged anew at each call.
 * Only links of paths that were accepted enter, so strangers cannot fill it; the least recently used one leaves first.
 */
export class ChainCache {
  readonly #size: number;
  readonly #links = new Map<string, { readonly certificate: Certificate; readonly issuer: string }>();

  constructor(size = 256) {
    if (!(size >= 1)) throw new RangeError('a cache holds one entry at least');
    this.#size = size;
  }

  get size(): number {
    return this.#links.size;
  }

  /** The equal certificate seen before, whose key is imported already; else this one. */
  intern(crypto: Crypto, certificate: Certificate): Certificate {
    return this.#links.get(certificate.fingerprint(crypto))?.certificate ?? certificate;
  }

  /** True when `issuer`'s key was seen to verify `certificate`. */
  has(crypto: Crypto, certificate: Certificate, issuer: Certificate): boolean {
    const key = certificate.fingerprint(crypto);
    const link = this.#links.get(key);
    if (link?.issuer !== issuer.fingerprint(crypto)) return false;
    this.#links.delete(key);
    this.#links.set(key, link);
    return true;
  }

  /** For `validatePath`, after a path was accepted. */
  add(crypto: Crypto, certificate: Certificate, issuer: Certificate): void {
    const key = certificate.fingerprint(crypto);
    this.#links.delete(key);
    this.#links.set(key, { certificate, issuer: issuer.fingerprint(crypto) });
    for (const oldest of this.#links.keys()) {
      if (this.#links.size <= this.#size) break;
      this.#links.delete(oldest);
    }
  }
}
