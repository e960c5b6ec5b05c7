// Whether work that was handed to the GPU was accepted, known only later. Tensors carry the outcomes of the work that
// made them, and of the work that made its inputs: what is read is either right or refused, never left over.

import type { KernError } from "../../error.ts";

export class Outcome {
  /** Undefined while the work goes on. */
  state: "good" | KernError | undefined;
  private settle: (error: KernError | undefined) => void = () => {};
  private readonly settled = new Promise<KernError | undefined>((resolve) => (this.settle = resolve));

  /** Says how it ended; the first word counts. */
  end(error?: KernError): void {
    this.state ??= error ?? "good";
    this.settle(error);
  }

  /** Waits for the end, and throws what went wrong. */
  async check(): Promise<void> {
    const error = await this.settled;
    if (error) throw error;
  }
}

/** Those that aren't known to be good. */
export function doubtful(outcomes: Iterable<Outcome>): Outcome[] {
  return [...new Set(outcomes)].filter(({ state }) => state !== "good");
}
