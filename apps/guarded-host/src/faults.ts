import type { CallFault } from '@sekimori/client';
import { type Fault, fail } from '@sekimori/result';
import type { TpmFault } from '@sekimori/tpm2';

/** What a host itself finds wrong, with what to do about it. Codes are API, words are not. */
export const HOST_FAULTS = {
  'not-enrolled': "enrol this host: 'sekimori-host identity --enrol'",
  'enrolled-otherwise': 'a host has one enrolment; keep the other state folder, or use an empty one',
  'endorsement-key-missing':
    'this TPM has no endorsement certificate in its NV memory: ask its vendor, or manufacture the software TPM with one',
  'endorsement-key-changed':
    'this is not the TPM that was enrolled, or it was cleared by its maker: an operator revokes the host and enrols it anew',
  'guardian-not-served':
    "add a key protection service of one of its guardians to 'keyProtectionServices', or have its owner grant the fabric's guardian",
  'health-key-changed': 'the machine was started anew or its PCRs changed: attest again',
  'health-certificate-unexpected':
    'the attestation service answered with a certificate that is not for this host: look at its address and its CA',
  'service-unexpected': 'compare the versions of the service and of this program, and its address',
  'event-log-unreadable': "firmware with a TPM writes it, Linux shows it to root: look at the setting 'eventLog'",
  'ima-list-unreadable':
    "a service asks for PCR 10: Linux with IMA shows its list to root ('ima_policy=tcb' on the command line fills it); look at the setting 'imaList'",
  'agent-running': "one agent for a state folder and a socket: 'systemctl status sekimori-host'",
  'socket-unusable':
    "look at the setting 'socket': a path of its own, 107 bytes at most, in a folder of the agent's user alone",
  'local-mode': "set mode to 'host-guardian-service', with the addresses of the services, to be attested",
  'state-unreadable': 'only root may have access to the state folder and its files',
  'state-damaged': "move the file away; 'sekimori-host identity --enrol --host-id ID' takes the enrolment up again",
} as const;
export type HostFaultCode = keyof typeof HOST_FAULTS;

/** Its own faults, those of its TPM, and those that a service answered (`CallFault`: status, trace id, sub-status). */
export type HostFault = Fault<HostFaultCode> | TpmFault | CallFault | Fault;

export function hostFault(code: HostFaultCode, detail: string, cause?: Fault) {
  return fail(code, detail, cause && { cause });
}

/** The refusal of a service, if it is one. */
export function asCallFault(fault: Fault): CallFault | undefined {
  return 'traceId' in fault && 'status' in fault ? (fault as CallFault) : undefined;
}
