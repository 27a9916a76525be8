/** Entities that live in a few numbered places, the number being the low part of the handle. */
export class Slots<T> {
  readonly base: number;
  readonly #places: (T | undefined)[];

  constructor(base: number, count: number) {
    this.base = base;
    this.#places = Array.from({ length: count });
  }

  /** Undefined when all places are taken. `make` gets the handle. */
  add<U extends T>(make: (handle: number) => U): U | undefined {
    const free = this.#places.indexOf(undefined);
    if (free < 0) return undefined;
    const made = make(this.base + free);
    this.#places[free] = made;
    return made;
  }

  get isFull(): boolean {
    return !this.#places.includes(undefined);
  }

  /** Whether the handle can ever name something here. */
  inRange(handle: number): boolean {
    return handle >= this.base && handle < this.base + this.#places.length;
  }

  get(handle: number): T | undefined {
    return this.inRange(handle) ? this.#places[handle - this.base] : undefined;
  }

  delete(handle: number): boolean {
    if (this.get(handle) === undefined) return false;
    this.#places[handle - this.base] = undefined;
    return true;
  }

  clear(): void {
    this.#places.fill(undefined);
  }

  handles(): readonly number[] {
    return this.#places.flatMap((place, i) => (place === undefined ? [] : [this.base + i]));
  }

  get count(): number {
    return this.#places.length;
  }
  get free(): number {
    return this.#places.filter((place) => place === undefined).length;
  }
}
