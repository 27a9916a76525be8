import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { authenticodeDigest } from '../src/preflight/authenticode.ts';
import { kindOf, loaderInfo } from '../src/preflight/image-kind.ts';
import { imageSignatures } from '../src/preflight/image-signature.ts';
import { contentOfSection, parsePe } from '../src/preflight/pe.ts';
import { embeddedCommandLine, embeddedInitrd, stubMeasurements } from '../src/preflight/uki.ts';

/** Anything, as an image that firmware would start. */
export default function (bytes: Uint8Array): void {
  const image = parsePe(bytes);
  if (!image.ok) return;
  for (const section of image.value.sections) if (section.virtualSize < 1 << 20) contentOfSection(image.value, section);
  authenticodeDigest(crypto, 'sha256', image.value);
  kindOf(image.value);
  loaderInfo(image.value);
  imageSignatures(crypto, image.value);
  if (image.value.sections.some(({ virtualSize }) => virtualSize >= 1 << 20)) return; // bounded, but slow here
  stubMeasurements(crypto, 'sha256', image.value);
  embeddedInitrd(image.value);
  embeddedCommandLine(image.value);
}
