export const PROGRAM = 'sekimori-host';
