import { join } from 'node:path';
import { expectOk, fail } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { agentClient } from '../../src/agent/client.ts';
import { agentServer, closeServer, listenOn } from '../../src/agent/server.ts';
import { agentRoute, type AgentRoute } from '../../src/agent/routes.ts';
import { vmRoutes } from '../../src/vm/api.ts';
import { vmAgentRoutes } from '../../src/vm/routes.ts';
import { logger } from '../support/agent-host.ts';
import { aFolder } from '../support/folders.ts';

const params = { name: 'db1' };

describe("the agent's routes for VMs", () => {
  it('all have their place in a server', () => {
    const { promise } = Promise.withResolvers<never>();
    expect(vmAgentRoutes(promise).map(({ route }) => route.operationId)).toHaveLength(Object.keys(vmRoutes).length);
    expect(() => agentServer(vmAgentRoutes(promise), logger)).not.toThrow();
    const unbounded: AgentRoute = agentRoute({ ...vmRoutes.stop, bodyLimit: 0 }, async () => fail('x', 'x'));
    expect(() => agentServer([unbounded], logger)).toThrow('stopVm has no bound on its body');
  });

  it('take the bodies that they say', async () => {
    const answers = Object.values(vmRoutes).map((route) =>
      agentRoute(route, async () => fail('reached', 'the handler')),
    );
    const server = agentServer(answers, logger);
    const socket = join(await aFolder(), 'agent.sock');
    expectOk(await listenOn(server, socket));
    const client = agentClient(socket);
    const reached = { ok: false, fault: { code: 'reached' } };
    expect(await client.call(vmRoutes.start, { params, body: { fenced: true } })).toMatchObject(reached);
    expect(await client.call(vmRoutes.stop, { params, body: { graceSeconds: 30 } })).toMatchObject(reached);
    expect(await client.call(vmRoutes.rekey, { params, body: {} })).toMatchObject(reached);
    const answer = 'A'.repeat(1_000_000);
    expect(await client.call(vmRoutes.recoveryAnswer, { params, body: { answer } })).toMatchObject(reached);
    await closeServer(server);
  });
});
