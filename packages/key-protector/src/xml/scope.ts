/**
 * Prefixes in scope at an element ('' the default namespace), without `xml`. Each declaration is one link to what was in
 * scope before, so that an element costs what it declares, not what it inherits; `size` bounds each look-up.
 */
export class NamespaceScope {
  static readonly EMPTY: NamespaceScope = new NamespaceScope(undefined, '', '');
  /** Declarations in force, those that were overridden among them. */
  readonly size: number;
  readonly #outer: NamespaceScope | undefined;
  readonly #prefix: string;
  readonly #uri: string;

  private constructor(outer: NamespaceScope | undefined, prefix: string, uri: string) {
    this.#outer = outer;
    this.#prefix = prefix;
    this.#uri = uri;
    this.size = outer ? outer.size + 1 : 0;
  }

  /** Undefined where the prefix is bound to nothing; the default namespace may be bound to '', which is none. */
  get(prefix: string): string | undefined {
    if (!this.#outer) return undefined;
    return this.#prefix === prefix ? this.#uri : this.#outer.get(prefix);
  }

  /** The same scope where this is so already. */
  with(prefix: string, uri: string): NamespaceScope {
    const same = this.get(prefix) === uri || (uri === '' && this.get(prefix) === undefined);
    return same ? this : new NamespaceScope(this, prefix, uri);
  }
}
