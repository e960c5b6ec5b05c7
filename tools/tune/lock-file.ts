// The lock file on disk. It is read again right before it is written, so that what another search found meanwhile stays,
// and replaced by a whole file only.

import {
  emptyLock,
  lockPath,
  parseLock,
  printLock,
  withEntry,
  type Lock,
  type LockEntry,
} from "../../compiler/tuning/lock.ts";
import { mistake } from "../kernc/diagnostic-error.ts";
import { checkWritable, writeFiles } from "../kernc/outputs.ts";
import { readLock } from "../kernc/sources.ts";

/** The lock of a source; an empty one where there is none. A damaged file ends the command. */
export function openLock(source: string): Lock {
  const text = readLock(source);
  const lock = text === undefined ? emptyLock : parseLock(text);
  if (typeof lock === "string") throw mistake("K0812", { path: lockPath(source), why: lock });
  return lock;
}

/** Refuses a place where the lock file can't be written, before anything is measured. */
export function checkLock(source: string): void {
  checkWritable(lockPath(source));
}

/** Writes an entry; whether the file has changed. */
export function saveEntry(source: string, entry: LockEntry): boolean {
  const text = printLock(withEntry(openLock(source), entry));
  if (text === readLock(source)) return false;
  writeFiles([{ path: lockPath(source), bytes: text }]);
  return true;
}
