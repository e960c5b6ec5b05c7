// Who may use the device's scratch, argument lists and workers: one at a time, in the order of asking.

export class Turns {
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  /** Runs `action` when everyone before is done; at once if nobody is. */
  take<T>(action: () => Promise<T> | T): Promise<T> {
    const before = this.waiting++ === 0 ? undefined : this.last;
    const run = async (): Promise<T> => {
      try {
        if (before) await before;
        return await action();
      } finally {
        this.waiting--;
      }
    };
    const result = run();
    this.last = result.catch(() => {});
    return result;
  }
}
