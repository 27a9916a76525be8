import { ok } from '@sekimori/result';
import { handleType } from '@sekimori/tpm2';
import { openContext, saveObject, saveSession } from '../contexts.ts';
import { loadObject } from '../creation.ts';
import { handler } from '../handler.ts';
import { inParameter, RC, refuse } from '../response-codes.ts';

/** Part 3, 28. */
export const contexts = {
  ContextSave: handler<'ContextSave'>()({
    handles: ['saveable'],
    sessions: false,
    run: (machine, [entity]) => {
      const context =
        entity.kind === 'object' ? saveObject(machine, entity.object) : saveSession(machine, entity.handle);
      return ok({ response: { context } });
    },
  }),
  ContextLoad: handler<'ContextLoad'>()({
    sessions: false,
    run: (machine, _handles, { context }) => {
      const opened = openContext(machine, context);
      if (!opened) return inParameter(1, RC.integrity);
      if (opened.kind === 'object') {
        const loaded = loadObject(machine, opened.object);
        return loaded.ok ? ok({ handle: loaded.value, response: {} }) : loaded;
      }
      if (machine.sessions.isFull) return refuse(RC.sessionMemory);
      // each context of a session is good once
      if (!machine.sessions.load(opened.handle, context.sequence)) return inParameter(1, RC.handle);
      return ok({ handle: opened.handle, response: {} });
    },
  }),
  FlushContext: handler<'FlushContext'>()({
    sessions: false,
    run: (machine, _handles, { flushHandle }) => {
      const gone = machine.transients.delete(flushHandle) || machine.sessions.delete(flushHandle);
      return gone ? ok({ response: {} }) : inParameter(1, isFlushable(flushHandle) ? RC.handle : RC.value);
    },
  }),
};

function isFlushable(handle: number): boolean {
  return ['transient', 'hmac-session', 'policy-session'].includes(handleType(handle) ?? '');
}
