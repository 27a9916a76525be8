import type { ReadEvent } from '@sekimori/event-log';
import type { Draft } from './draft.ts';
import type { BootEnvironment } from './environment.ts';
import type { ImageKind } from './image-kind.ts';
import type { PeImage } from './pe.ts';
import type { Volume } from './volumes.ts';

/** A program of the boot chain, against what would be started in its place now. */
export interface BootImage {
  readonly event: ReadEvent;
  /** For people. */
  readonly name: string;
  readonly state: 'same' | 'changed' | 'unknown';
  /** Where it lies, if it has a file of its own. */
  readonly volume?: Volume;
  readonly path?: string;
  /** As it is now, and what firmware measures of that. */
  readonly image?: PeImage;
  readonly digest?: Uint8Array;
  readonly kind: ImageKind;
}

/** What GRUB did so far: as long as it and all that steers it is unchanged, it does the same again. */
export interface GrubState {
  steady: boolean;
  /** Paths in its `linux` and `initrd` commands: what it only loads. */
  kernel?: string;
  initrds: readonly string[];
  /** The kernel as it is now. */
  kernelNow?: Uint8Array;
  volume?: Volume;
  /** Digests of the initrds, as measured and as they are now. */
  readonly loaded: { readonly measured: Uint8Array; readonly now: Uint8Array }[];
}

/** The state of going through the log of this boot from its beginning. */
export interface Walk {
  readonly draft: Draft;
  readonly environment: BootEnvironment;
  /** Those whose start was measured, in order. */
  readonly images: BootImage[];
  grub?: GrubState;
}

export function lastOfKind(walk: Walk, ...kinds: readonly ImageKind[]): BootImage | undefined {
  return walk.images.findLast(({ kind }) => kinds.includes(kind));
}
