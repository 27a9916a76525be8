import { utf8 } from '@sekimori/bytes';
import { der } from '@sekimori/crypto-core';
import { EXTENSION, extension, TCG_ATTRIBUTE } from '../../src/index.ts';

export const attribute = (type: string, text: string) => der.sequence(der.oid(type), der.element(0x0c, utf8(text)));

/** Manufacturer, model and version of a TPM. */
export const IDENTITY = [
  attribute(TCG_ATTRIBUTE.tpmManufacturer, 'id:53544D20'),
  attribute(TCG_ATTRIBUTE.tpmModel, 'ST33'),
  attribute(TCG_ATTRIBUTE.tpmVersion, 'id:00010102'),
];

export const sanOf = (name: Uint8Array, critical = true) =>
  extension(EXTENSION.subjectAlternativeName, critical, der.sequence(der.element(0xa4, name)));
