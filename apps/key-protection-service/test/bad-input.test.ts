import { healthRoutes, keyProtectionRoutes } from '@sekimori/protocol';
import { badRequests, createTlsClient, dumpDatabase, goodRequest } from '@sekimori/testkit';
import { describe, expect, it } from 'vitest';
import { crypto } from './support/parties.ts';
import { makeFolder, startService } from './support/service.ts';

const routes = Object.values({ ...keyProtectionRoutes, ...healthRoutes });
const client = await createTlsClient(crypto);

describe('bad input: a problem document with a stable code, and nothing written', () => {
  it.each(routes)('$method $url', async (route) => {
    const folder = await makeFolder();
    const { ask } = await startService(folder);
    const before = dumpDatabase(folder.database);
    const wrong = [];
    for (const { status, code, defect, ...request } of badRequests(route)) {
      const answer = await ask({ ...request, headers: { ...request.headers, ...folder.credentials } }, client);
      const { type, code: actual, traceId } = answer.json;
      const isProblem =
        answer.contentType.startsWith('application/problem+json') && /^[0-9a-f]{32}$/.test(String(traceId));
      if (!isProblem || answer.status !== status || actual !== code || type !== `urn:sekimori:fault:${code}`)
        wrong.push({ defect, expected: { status, code }, answer });
    }
    expect(wrong).toEqual([]);
    expect(dumpDatabase(folder.database)).toBe(before);
    // what all of them were made from has the right form
    const { headers, ...good } = goodRequest(route);
    const { json } = await ask({ ...good, headers: { ...headers, ...folder.credentials } }, client);
    expect(json['detail'] ?? '').not.toMatch(/^(body|query|params)\b/);
  });
});
