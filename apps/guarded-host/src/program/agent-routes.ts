import type { AgentRoute } from '../agent/routes.ts';

/** What the agent answers beside its own routes. */
export const AGENT_ROUTES: readonly AgentRoute[] = [];
