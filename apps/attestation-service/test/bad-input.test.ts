import { attestationRoutes, healthRoutes } from '@sekimori/protocol';
import { badRequests, goodRequest, dumpDatabase } from '@sekimori/testkit';
import { describe, expect, it } from 'vitest';
import { makeFolder, startService } from './support/service.ts';

const routes = Object.values({ ...attestationRoutes, ...healthRoutes });

describe('bad input: a problem document with a stable code, and nothing written', () => {
  it.each(routes)('$method $url', async (route) => {
    const folder = await makeFolder();
    await (await startService(folder)).close();
    const before = dumpDatabase(folder.database);
    const requests = [...badRequests(route)];
    const wrong = [];
    while (requests.length > 0) {
      const service = await startService(folder); // one takes no more requests at once from one address
      for (const { status, code, defect, ...request } of requests.splice(0, 150)) {
        const answer = await service.ask({ ...request, headers: { ...request.headers, ...folder.credentials } });
        const { type, code: actual, traceId } = answer.json;
        const isProblem =
          answer.contentType.startsWith('application/problem+json') && /^[0-9a-f]{32}$/.test(String(traceId));
        if (!isProblem || answer.status !== status || actual !== code || type !== `urn:sekimori:fault:${code}`)
          wrong.push({ defect, expected: { status, code }, answer });
      }
      await service.close();
    }
    expect(wrong).toEqual([]);
    expect(dumpDatabase(folder.database)).toBe(before);
    // what all of them were made from has the right form
    const { headers, ...good } = goodRequest(route);
    const { ask } = await startService(folder);
    const { json } = await ask({ ...good, headers: { ...headers, ...folder.credentials } });
    expect(json['detail'] ?? '').not.toMatch(/^(body|query|params)\b/);
  });
});
