import { struct, u16 } from '@sekimori/codec';
import { TPM2B_AUTH, TPM2B_MAX_NV_BUFFER, TPM2B_NAME } from '../structures/buffers.ts';
import { TPM2B_NV_PUBLIC } from '../structures/objects.ts';
import { command } from './layout.ts';

/** Non-volatile storage. Part 3, 31. */
export const NV = {
  NV_DefineSpace: command(0x12a, {
    handles: ['authHandle'],
    authorized: 1,
    request: struct('NV_DefineSpace').field('auth', TPM2B_AUTH).field('publicInfo', TPM2B_NV_PUBLIC),
  }),
  NV_UndefineSpace: command(0x122, { handles: ['authHandle', 'nvIndex'], authorized: 1 }),
  NV_ReadPublic: command(0x169, {
    handles: ['nvIndex'],
    response: struct('NV_ReadPublic response').field('nvPublic', TPM2B_NV_PUBLIC).field('nvName', TPM2B_NAME),
  }),
  NV_Read: command(0x14e, {
    handles: ['authHandle', 'nvIndex'],
    authorized: 1,
    request: struct('NV_Read').field('size', u16).field('offset', u16),
    response: struct('NV_Read response').field('data', TPM2B_MAX_NV_BUFFER),
  }),
  NV_Write: command(0x137, {
    handles: ['authHandle', 'nvIndex'],
    authorized: 1,
    request: struct('NV_Write').field('data', TPM2B_MAX_NV_BUFFER).field('offset', u16),
  }),
  NV_Increment: command(0x134, { handles: ['authHandle', 'nvIndex'], authorized: 1 }),
  NV_WriteLock: command(0x138, { handles: ['authHandle', 'nvIndex'], authorized: 1 }),
} as const;
