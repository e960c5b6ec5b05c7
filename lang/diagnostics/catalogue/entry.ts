// The shape of a catalogue entry. The sentence is a function of named parameters, so that a call site can't
// forget one; `explain` is what `kernc explain CODE` prints and what the documentation shows.

export interface Entry<P> {
  readonly severity: "error" | "warning";
  /** A short name in kebab-case, for SARIF rules and headings. */
  readonly name: string;
  /** One sentence, without a full stop; names in `backticks`. */
  readonly message: (params: P) => string;
  /** A paragraph or more in Markdown: what the rule is, why, and what to write instead. */
  readonly explain: string;
}

/** Declares one entry; infers its parameters from the sentence. */
export function entry<P = Record<never, never>>(value: Entry<P>): Entry<P> {
  return value;
}
