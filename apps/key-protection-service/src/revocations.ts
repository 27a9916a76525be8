import type { Crypto, PublicKey } from '@sekimori/crypto-core';
import {
  type HealthExpectation,
  type HostId,
  type RevocationStatement,
  type RevokedHost,
  verifyRevocationStatement,
} from '@sekimori/health-certificate';
import { describeFault, fail, type Fault, ok, type Result } from '@sekimori/result';
import type { Clock, Logger } from '@sekimori/service-kit';
import type { KeyProtectionStore } from '@sekimori/store';

/** With a statement older than this nothing is released: it is what makes a revocation work within seconds. */
const MAX_AGE_SECONDS = 30;

export interface RevocationDeps {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly store: Pick<KeyProtectionStore, 'seeRevocationNumber'>;
  /** The attestation service's identifier and pinned signers. */
  readonly issuer: string;
  readonly signers: readonly PublicKey[];
  /** Fetches the newest signed statement. */
  readonly fetchStatement: () => Promise<string>;
}

/** What is revoked, as far as this service knows; trust in it is a lease that every failure lets lapse. */
export class Revocations {
  readonly #deps: RevocationDeps;
  #newest: { readonly statement: RevocationStatement; readonly hosts: ReadonlyMap<HostId, RevokedHost> } | undefined;

  constructor(deps: RevocationDeps) {
    this.#deps = deps;
  }

  /** Asks for the newest statement. One that does not verify, or goes back, changes nothing: the last one ages. */
  async refresh(): Promise<void> {
    const { crypto, issuer, signers, store, logger, fetchStatement } = this.#deps;
    const verified = verifyRevocationStatement(crypto, await fetchStatement(), { issuer, signers });
    if (!verified.ok) {
      logger.warn({ fault: describeFault(verified.fault) }, 'a revocation statement was refused');
      return;
    }
    const statement = verified.value;
    // Kept, it would outlast every later one that has the right time.
    if (!(statement.at.getTime() - this.#deps.clock.now().getTime() <= MAX_AGE_SECONDS * 1000)) {
      logger.warn({ at: statement.at }, 'a revocation statement from the future was refused');
      return;
    }
    const seen = await store.seeRevocationNumber(issuer, statement.number);
    // After the last await: another refresh may have brought a newer one in the meantime.
    if (!seen.ok || this.#isOlder(statement)) {
      logger.warn({ number: statement.number }, 'a revocation statement went back and was refused');
      return;
    }
    this.#newest = { statement, hosts: new Map(statement.hosts.map((host) => [host.id, host])) };
  }

  #isOlder({ number, at }: RevocationStatement): boolean {
    const newest = this.#newest?.statement;
    return newest !== undefined && (number < newest.number || at.getTime() < newest.at.getTime());
  }

  /** The lists to decide by, or `revocations-stale`: then nothing may be released. */
  current(): Result<
    { readonly isRevoked: HealthExpectation['isRevoked']; readonly denyIssuedBefore?: Date },
    Fault<'revocations-stale'>
  > {
    const newest = this.#newest;
    const age = this.ageSeconds;
    if (!newest || age === undefined) return fail('revocations-stale', 'no revocation statement has arrived yet');
    // Clocks may differ a little; a statement from further in the future is not believed either.
    if (!(Math.abs(age) <= MAX_AGE_SECONDS))
      return fail(
        'revocations-stale',
        `the newest revocation statement is ${Math.round(age)} s old, ${MAX_AGE_SECONDS} at most`,
      );
    const { denyIssuedBefore } = newest.statement;
    return ok({
      isRevoked: ({ hostId, evidenceTime }) => {
        const host = newest.hosts.get(hostId);
        if (!host) return false;
        // the negation, so that an invalid Date is revoked
        return !host.before || !(evidenceTime.getTime() > host.before.getTime());
      },
      ...(denyIssuedBefore ? { denyIssuedBefore } : {}),
    });
  }

  get number(): number {
    return this.#newest?.statement.number ?? 0;
  }

  /** Undefined before the first statement. */
  get ageSeconds(): number | undefined {
    return this.#newest && (this.#deps.clock.now().getTime() - this.#newest.statement.at.getTime()) / 1000;
  }
}
