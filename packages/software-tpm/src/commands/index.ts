import type { Handlers } from '../handler.ts';
import { agreement } from './agreement.ts';
import { attestation } from './attestation.ts';
import { capability } from './capability.ts';
import { children } from './children.ts';
import { contexts } from './contexts.ts';
import { credential } from './credential.ts';
import { duplication } from './duplication.ts';
import { encryption } from './encryption.ts';
import { hierarchies } from './hierarchies.ts';
import { lifecycle } from './lifecycle.ts';
import { nv } from './nv.ts';
import { objects } from './objects.ts';
import { pcr } from './pcr.ts';
import { policyAuthority } from './policy-authority.ts';
import { policyNv } from './policy-nv.ts';
import { policy } from './policy.ts';
import { sessions } from './sessions.ts';
import { signatures } from './signatures.ts';

export const HANDLERS: Handlers = {
  ...lifecycle,
  ...capability,
  ...pcr,
  ...objects,
  ...children,
  ...contexts,
  ...duplication,
  ...sessions,
  ...policy,
  ...policyAuthority,
  ...policyNv,
  ...attestation,
  ...signatures,
  ...credential,
  ...encryption,
  ...agreement,
  ...nv,
  ...hierarchies,
};
