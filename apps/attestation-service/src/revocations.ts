import { parseHostId, type RevokedHost, signRevocationStatement } from '@sekimori/health-certificate';
import type { Fault } from '@sekimori/result';
import type { RevokedHost as RevokedRow } from '@sekimori/store';
import type { AttestationDeps } from './deps.ts';

type FeedDeps = Pick<AttestationDeps, 'crypto' | 'clock' | 'store' | 'settings' | 'signer'>;

/** One statement serves everybody who asks within this time. Milliseconds. */
const SHARED_FOR = 1000;

/** The signed, numbered statement of what is revoked. One for a service: whoever asks shares the work. */
export class RevocationFeed {
  readonly #deps: FeedDeps;
  #latest: { readonly at: Date; readonly statement: Promise<string> } | undefined;
  #trouble: Fault | undefined;

  constructor(deps: FeedDeps) {
    this.#deps = deps;
  }

  /** As of now, or of one second before at most. Rejects where there are more revoked hosts than a statement may name. */
  statement(): Promise<string> {
    const at = this.#deps.clock.now();
    const age = this.#latest ? at.getTime() - this.#latest.at.getTime() : NaN;
    // a clock that went back ends it too
    if (!this.#latest || !(age >= 0 && age < SHARED_FOR)) this.#latest = { at, statement: this.#watched(at) };
    return this.#latest.statement;
  }

  /** Why there was no statement the last time: then key protection services let trust lapse. */
  get trouble(): Fault | undefined {
    return this.#trouble;
  }

  async #watched(at: Date): Promise<string> {
    try {
      const statement = await this.#signed(at);
      this.#trouble = undefined;
      return statement;
    } catch (error) {
      this.#trouble = { code: 'not-ready', detail: `there is no revocation statement: ${messageOf(error)}` };
      throw error;
    }
  }

  async #signed(at: Date): Promise<string> {
    const { crypto, store, settings, signer } = this.#deps;
    const { number, hosts, denyIssuedBefore } = await store.revocations(at);
    const statement = {
      issuer: settings.serviceId,
      number,
      at,
      hosts: hosts.map(revokedHost),
      ...(denyIssuedBefore ? { denyIssuedBefore } : {}),
    };
    return signRevocationStatement(crypto, statement, signer.key);
  }
}

/** For whoever follows the feed in process. */
export const revocationStatement = (deps: FeedDeps): (() => Promise<string>) => {
  const feed = new RevocationFeed(deps);
  return () => feed.statement();
};

function revokedHost({ id, before }: RevokedRow): RevokedHost {
  const hostId = parseHostId(id);
  if (!hostId) throw new Error('a host of ours has an identifier');
  return before ? { id: hostId, before } : { id: hostId };
}

function messageOf(error: unknown): string {
  return error instanceof RangeError ? error.message : 'see the log of the service'; // anyone may read it
}
