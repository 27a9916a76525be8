/** What a command has of the outside world: data goes to `write`, talk to `tell`. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether `write` may use colours. */
  readonly colours: boolean;
  /** Columns of the terminal; undefined where there is none, and lines are not cut then. */
  readonly columns: number | undefined;
  readonly write: (text: string) => void;
  readonly tell: (text: string) => void;
  /** Undefined where nobody can answer. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** Standard input, for commands that are told to read it. */
  readonly stdin: () => AsyncIterable<Uint8Array>;
  readonly now: () => Date;
}
