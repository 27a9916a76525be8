import { type Static, Type } from 'typebox';

/** RFC 9457 problem details with a stable `code`; the only shape of an error answer. */
export const problemSchema = Type.Object(
  {
    type: Type.String({ description: 'urn:sekimori:fault:<code>' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'stable; docs/faults.md lists them' }),
    detail: Type.String({ description: 'for people; may change' }),
    traceId: Type.String({ description: 'finds the record of this request in the log and the audit log' }),
    subStatus: Type.Optional(Type.Array(Type.String(), { description: 'names of the checks that failed' })),
  },
  { $id: 'Problem', additionalProperties: false },
);
export type Problem = Static<typeof problemSchema>;
