// A broken invariant of the compiler itself: never a user's mistake.

/** A bug in kernc. `where` names the stage or pass that noticed it. */
export class InternalError extends Error {
  readonly where: string;

  constructor(where: string, why: string) {
    super(`internal error in ${where}: ${why}`);
    this.name = "InternalError";
    this.where = where;
  }
}

/** Reports a broken invariant; the command line turns it into exit code 70 and asks for a report. */
export function internalError(where: string, why: string): never {
  throw new InternalError(where, why);
}
