import { utf8 } from '@sekimori/bytes';
import { ok } from '@sekimori/result';
import { handleType, type ResponseOf, TPM_RH } from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { FIRMWARE_VERSION, type Machine, MANUFACTURER, MAX_NV_BUFFER } from '../machine.ts';
import { PCR_COUNT } from '../pcrs.ts';
import { inParameter, RC } from '../response-codes.ts';

type CapabilityData = ResponseOf<'GetCapability'>['capabilityData'];

export const capability = {
  /** Part 3, 30.2. */
  GetCapability: handler<'GetCapability'>()({
    run: (machine, _handles, { capability: kind, property, propertyCount }) => {
      const part = <T>(all: readonly T[], data: (taken: readonly T[]) => CapabilityData) =>
        ok({ response: { moreData: all.length > propertyCount, capabilityData: data(all.slice(0, propertyCount)) } });
      if (kind === 'handles') return part(handlesFrom(machine, property), (handles) => ({ capability: kind, handles }));
      if (kind === 'tpmProperties')
        return part(propertiesFrom(machine, property), (properties) => ({ capability: kind, properties }));
      if (kind !== 'pcrs') return inParameter(1, RC.value);
      const indices = Array.from({ length: PCR_COUNT }, (_, index) => index);
      const banks = machine.pcrs.banks.map((bank) => ({ bank, indices }));
      return ok({ response: { moreData: false, capabilityData: { capability: kind, banks } } });
    },
  }),
};

/** Of the type that `from` has, ascending. */
function handlesFrom(machine: Machine, from: number): readonly number[] {
  return handlesLike(machine, from).filter((handle) => handle >= from);
}

function handlesLike(machine: Machine, from: number): readonly number[] {
  const byNumber = (a: number, b: number) => a - b;
  const sessionsOf = (top: number) =>
    machine.sessions.handles().flatMap((slot) => {
      const handle = machine.sessions.get(slot)?.handle ?? 0;
      return handle >>> 24 === top ? [handle] : [];
    });
  switch (handleType(from)) {
    case 'pcr':
      return Array.from({ length: PCR_COUNT }, (_, index) => index);
    case 'nv':
      return [...machine.nvIndices.keys()].toSorted(byNumber);
    case 'hmac-session':
      return sessionsOf(0x02);
    case 'policy-session':
      return sessionsOf(0x03);
    case 'permanent':
      return Object.values(TPM_RH).toSorted(byNumber);
    case 'transient':
      return machine.transients.handles();
    case 'persistent':
      return [...machine.persistents.keys()].toSorted(byNumber);
    default:
      return [];
  }
}

/** TPMA_PERMANENT: whose authorization is set. Part 2, 8.6. */
function permanentAttributes(machine: Machine): number {
  const bits = { owner: 1, endorsement: 2, lockout: 4 } as const;
  const isSet = (name: keyof typeof bits) => machine.hierarchy(name).auth.length > 0;
  return (['owner', 'endorsement', 'lockout'] as const).reduce(
    (all, name) => (isSet(name) ? all | bits[name] : all),
    0,
  );
}

/** TPM_PT. Part 2, 6.13. */
function propertiesFrom(machine: Machine, from: number) {
  const text = (four: string) => utf8(four).reduce((value, byte) => value * 256 + byte, 0);
  const values: readonly (readonly [number, number])[] = [
    [0x100, text('2.0\0')],
    [0x101, 0], // level
    [0x102, 159], // revision of the specification, times 100
    [0x103, 312], // its date: day of the year, year
    [0x104, 2019],
    [0x105, MANUFACTURER],
    [0x106, text('Seki')],
    [0x107, text('mori')],
    [0x108, text(' sof')],
    [0x109, text('tTPM')],
    [0x10a, 1], // vendor's TPM type
    [0x10b, Number(FIRMWARE_VERSION >> 32n)],
    [0x10c, Number(FIRMWARE_VERSION & 0xffffffffn)],
    [0x10d, 1024], // INPUT_BUFFER
    [0x10e, machine.transients.count], // HR_TRANSIENT_MIN
    [0x110, machine.sessions.count], // HR_LOADED_MIN
    [0x111, machine.sessions.count], // ACTIVE_SESSIONS_MAX
    [0x112, PCR_COUNT],
    [0x113, PCR_COUNT / 8], // PCR_SELECT_MIN
    [0x117, MAX_NV_BUFFER], // NV_INDEX_MAX
    [0x11e, 4096], // MAX_COMMAND_SIZE
    [0x11f, 4096], // MAX_RESPONSE_SIZE
    [0x120, 64], // MAX_DIGEST
    [0x12c, MAX_NV_BUFFER], // NV_BUFFER_MAX
    [0x12e, 1024], // MAX_CAP_BUFFER
    [0x200, permanentAttributes(machine)],
    [0x201, 0xf], // STARTUP_CLEAR: all hierarchies are enabled
    [0x202, machine.nvIndices.size], // HR_NV_INDEX
    [0x203, machine.sessions.count - machine.sessions.free], // HR_LOADED
    [0x204, machine.sessions.free], // HR_LOADED_AVAIL
    [0x207, machine.transients.free], // HR_TRANSIENT_AVAIL
    [0x208, machine.persistents.size], // HR_PERSISTENT
  ];
  return values.flatMap(([property, value]) => (property >= from ? [{ property, value }] : []));
}
