import type { Handlers } from '../handler.ts';
import { agreement } from './agreement.ts';
import { attestation } from './attestation.ts';
import { capability } from './capability.ts';
import { credential } from './credential.ts';
import { hierarchies } from './hierarchies.ts';
import { lifecycle } from './lifecycle.ts';
import { nv } from './nv.ts';
import { objects } from './objects.ts';
import { pcr } from './pcr.ts';
import { policy } from './policy.ts';
import { sealing } from './sealing.ts';
import { sessions } from './sessions.ts';
import { signatures } from './signatures.ts';

export const HANDLERS: Handlers = {
  ...lifecycle,
  ...capability,
  ...pcr,
  ...objects,
  ...sealing,
  ...sessions,
  ...policy,
  ...attestation,
  ...signatures,
  ...credential,
  ...agreement,
  ...nv,
  ...hierarchies,
};
