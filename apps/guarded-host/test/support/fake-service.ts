import type { CallFault, Client } from '@sekimori/client';
import type { Result } from '@sekimori/result';

type Answer = Result<unknown, CallFault>;

/** A service that answers by operation; what it has no answer for is a mistake of the test. Keeps what it was asked. */
export function fakeService(answers: Readonly<Record<string, (input: never) => Promise<Answer> | Answer>>): Client & {
  readonly asked: readonly string[];
} {
  const asked: string[] = [];
  return {
    asked,
    async call(route, ...[input]) {
      asked.push(route.operationId);
      const answer = answers[route.operationId];
      if (!answer) throw new Error(`nobody expected ${route.operationId}`);
      return (await answer(input as never)) as never;
    },
  };
}

export function refusal(code: string, subStatus: readonly string[] = []): Result<never, CallFault> {
  return { ok: false, fault: { code, detail: 'a refusal', status: 403, traceId: 'trace', subStatus } };
}
