import type { TpmCommand } from './command.ts';

// Imported by programs for their help: what a command does is loaded when it runs.

export type { Given, Shown, CommandFault, TpmCommand } from './command.ts';
export { DEFAULT_TPM, type TpmAddress } from './address.ts';

const WHICH_TPM = [
  { flags: '--device <PATH>', about: 'the TPM device (/dev/tpmrm0 where nothing else is configured)' },
  { flags: '--swtpm <ADDRESS>', about: 'instead of a device: the socket of a software TPM, HOST:PORT or PATH' },
];

/** What the group is for, in the form of `TpmCommand.summary`. */
export const TPM_GROUP = 'the TPM of this machine, and what TPMs wrote: info, pcrs, ek, decode, explain-rc';

/** Every command of `tpm`, in the order of the help. */
export const TPM_COMMANDS: readonly TpmCommand[] = [
  {
    name: 'info',
    summary: 'what TPM this is, what it can do, and what state it is in; changes nothing',
    examples: ['tpm info', 'tpm info --swtpm 127.0.0.1:2321 --json'],
    arguments: [],
    options: WHICH_TPM,
    asksTpm: true,
    run: async (given) => (await import('./info/command.ts')).tpmInfoCommand(given),
  },
  {
    name: 'pcrs',
    summary: 'the values of PCRs, all of one moment; of every bank where none is named',
    examples: ['tpm pcrs', 'tpm pcrs --bank sha256 0 4 7-9'],
    arguments: [{ syntax: '[pcr...]', about: 'numbers of PCRs, or ranges such as 0-7; every one where none is named' }],
    options: [{ flags: '--bank <HASH>', about: 'this bank alone, such as sha256' }, ...WHICH_TPM],
    asksTpm: true,
    run: async (given) => (await import('./pcrs.ts')).tpmPcrsCommand(given),
  },
  {
    name: 'ek',
    summary: 'the endorsement keys with their fingerprints, their certificates, and the chain in NV memory',
    examples: ['tpm ek', 'tpm ek --pem > ek.pem'],
    arguments: [],
    options: [{ flags: '--pem', about: 'the certificates alone, as PEM' }, ...WHICH_TPM],
    asksTpm: true,
    run: async (given) => (await import('./endorsement/command.ts')).tpmEkCommand(given),
  },
  {
    name: 'decode',
    summary: 'a TPM structure, command or response as a tree with offsets; 1 when it is malformed',
    examples: [
      'tpm decode 80010000000c000001440000',
      'tpm decode quote.msg --as TPMS_ATTEST',
      'tpm decode --response-to GetRandom answer.bin',
    ],
    arguments: [
      { syntax: '[bytes]', about: "hex, base64, a file with bytes or one of these texts, or '-' for standard input" },
    ],
    options: [
      { flags: '--as <TYPE>', about: "read it as this type, such as TPM2B_PUBLIC; '--as help' lists them" },
      { flags: '--response-to <COMMAND>', about: 'it is what the TPM answered to this command, such as Quote' },
    ],
    asksTpm: false,
    run: async (given) => (await import('./decode/command.ts')).tpmDecodeCommand(given),
  },
  {
    name: 'explain-rc',
    summary: 'what a response code means, what it blames, and what to do',
    examples: ['tpm explain-rc 0x9a2', 'tpm explain-rc 0x1c4 --command Quote'],
    arguments: [{ syntax: '<code>', about: 'hex with 0x, or decimal' }],
    options: [{ flags: '--command <COMMAND>', about: 'the command that was refused: names the handle or parameter' }],
    asksTpm: false,
    run: async (given) => (await import('./explain-rc.ts')).explainRcCommand(given),
  },
];
