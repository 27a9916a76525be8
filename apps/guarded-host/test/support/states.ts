import type { Enrolment, Health } from '../../src/index.ts';

interface States {
  readonly enrolment: Enrolment;
  readonly health: Health;
  readonly key: Uint8Array;
}

function states(name: string, fill: number): States {
  const at = new Date(`2026-03-0${fill}T05:06:07.089Z`);
  const bytes = (length: number) => new Uint8Array(length).fill(fill);
  return {
    enrolment: {
      hostId: '8d2f0e52-6d4e-4b1c-9d0c-1f2e3d4c5b6a',
      name,
      endorsementKey: { kind: 'rsa-2048', name: bytes(34), fingerprint: 'ab'.repeat(32) },
    },
    health: {
      certificate: {
        certificate: bytes(700),
        signer: bytes(500),
        pcrs: [0, 7, 11],
        notAfter: at,
        renewAfter: at,
        receivedAt: at,
        traceId: name,
      },
      attempt: { at, code: 'passed' },
    },
    key: bytes(48),
  };
}

/** What a state folder holds, and what is then written over it. */
export const [BEFORE, AFTER] = [states('before', 1), states('after', 2)];
