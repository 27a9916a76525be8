import { keyProtectionRoutes as routes, type ReplyOf } from '@sekimori/protocol';
import { ok } from '@sekimori/result';
import type { Answer, Context } from '../outcome.ts';
import { paint, printable, shortTime } from '../output/text.ts';
import { answered, withServices } from './services.ts';

type Release = ReplyOf<typeof routes.listReleases>['releases'][number];

/** Oldest first, from a sequence number on. */
export function listReleases(
  { data, io }: Context,
  options: { readonly after: number; readonly limit: number },
): Answer {
  return withServices(data, async ({ keyProtection }) => {
    const { after, limit } = options;
    const reply = answered(await keyProtection.call(routes.listReleases, { query: { after, limit } }));
    if (!reply.ok) return reply;
    const { releases } = reply.value;
    const line = ({ sequence, at, hostId, owner, traceId }: Release) =>
      `${paint(io, 'bold', String(sequence).padStart(6))}  ${shortTime(at)}  host ${hostId}\n        owner ${owner}\n        trace ${printable(traceId)}`;
    const last = releases.at(-1);
    const notes =
      releases.length === 0
        ? ['No release.']
        : releases.length === limit && last
          ? [`There may be more: --after ${last.sequence}`]
          : [];
    return ok({ json: { releases }, text: releases.map(line).join('\n'), notes });
  });
}
