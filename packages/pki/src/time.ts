import { utf8 } from '@sekimori/bytes';
import { type DerNode, der } from '@sekimori/crypto-core';

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/** Time of RFC 5280 section 4.1.2.5: seconds, Zulu, no fraction. A UTCTime year under 50 lies in this century. */
export function timeOf(node: DerNode): Date | undefined {
  const text = String.fromCharCode(...node.content.subarray(0, 16));
  const parts = node.tag === der.TAG.utcTime ? UTC_TIME.exec(text) : GENERALIZED_TIME.exec(text);
  if (!parts || text.length !== node.content.length) return undefined;
  if (node.tag !== der.TAG.utcTime && node.tag !== der.TAG.generalizedTime) return undefined;
  const [shortYear = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number);
  const year = node.tag === der.TAG.generalizedTime ? shortYear : shortYear + (shortYear < 50 ? 2000 : 1900);
  const time = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // a 31 February, a second 60 and the years that Date.UTC moves by 1900 come back as something else
  const same =
    time.getUTCFullYear() === year &&
    time.getUTCMonth() === month - 1 &&
    time.getUTCDate() === day &&
    time.getUTCHours() === hour &&
    time.getUTCMinutes() === minute &&
    time.getUTCSeconds() === second;
  return same ? time : undefined;
}

/** UTCTime through 2049, GeneralizedTime from 2050 on; a fraction of a second is dropped. RFC 5280 section 4.1.2.5. */
export function writeTime(time: Date): Uint8Array<ArrayBuffer> {
  const year = time.getUTCFullYear();
  if (!(year >= 1950 && year <= 9999)) throw new RangeError('a certificate tells times from 1950 to 9999');
  const tag = year < 2050 ? der.TAG.utcTime : der.TAG.generalizedTime;
  // 'YYYY-MM-DDTHH:MM:SS.sssZ' with the year's century, the marks and the fraction left out
  const iso = time.toISOString();
  const digits = [iso.slice(year < 2050 ? 2 : 0, 4), ...[5, 8, 11, 14, 17].map((start) => iso.slice(start, start + 2))];
  return der.element(tag, utf8(`${digits.join('')}Z`));
}

/** "No well-defined expiration date", RFC 5280 section 4.1.2.5. */
export const NO_EXPIRY = new Date(Date.UTC(9999, 11, 31, 23, 59, 59));
