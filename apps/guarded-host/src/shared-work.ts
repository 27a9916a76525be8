/** Pieces of work one after the other. Who asks for one that waits or is under way shares it. */
export class SharedWork<T> {
  readonly #under = new Map<string, Promise<T>>();
  #last: Promise<unknown> = Promise.resolve();

  do(name: string, work: () => Promise<T>): Promise<T> {
    const known = this.#under.get(name);
    if (known) return known;
    const mine = this.#last.then(work).finally(() => this.#under.delete(name));
    this.#under.set(name, mine);
    this.#last = mine.catch(() => {}); // whoever asked hears of it
    return mine;
  }
}
