// Words of Python, Mojo, C and JavaScript at the beginning of a line, and what Kern writes instead. All of
// them are ordinary names in Kern, so each counts only where a name could not stand.

import type { TokenType } from "chevrotain";
import * as t from "../tokens.ts";

export interface Renamed {
  readonly instead: string;
  /** The keyword that takes its place for the parser; a name token if undefined. */
  readonly type: TokenType;
}

/** Declaration keywords with a direct counterpart: reported, replaced, read on. */
export const renamed: ReadonlyMap<string, Renamed> = new Map([
  ["fn", { instead: "def", type: t.Def }],
  ["func", { instead: "def", type: t.Def }],
  ["function", { instead: "def", type: t.Def }],
  ["class", { instead: "struct", type: t.Struct }],
  ["alias", { instead: "comptime", type: t.Comptime }],
  ["const", { instead: "let", type: t.Let }],
  ["elseif", { instead: "elif", type: t.Elif }],
  ["elsif", { instead: "elif", type: t.Elif }],
  ["inout", { instead: "mut", type: t.Mut }],
]);

/** Argument conventions of Mojo with no counterpart: an argument without a word is read only. */
export const conventions: ReadonlySet<string> = new Set([
  "borrowed",
  "owned",
  "read",
  "imm",
  "ref",
  "deinit",
  "inout",
]);

/** Statements that Kern doesn't have at all, and why. */
export const absent: ReadonlyMap<string, string> = new Map([
  ["try", "nothing throws; a condition that must hold is an `assert`"],
  ["except", "nothing throws; a condition that must hold is an `assert`"],
  ["finally", "nothing throws; a condition that must hold is an `assert`"],
  ["raise", 'write `assert condition, "message"`'],
  ["raises", "nothing throws; a condition that must hold is an `assert`"],
  ["with", "there is nothing to open or close"],
  ["yield", "results are `out` arguments, or the value of `return`"],
  ["async", "parallel work is said with `@parallel` on a loop"],
  ["await", "parallel work is said with `@parallel` on a loop"],
  ["global", "a kernel changes only its own variables and its `out` and `mut` arguments"],
  ["nonlocal", "a nested `def` reads what is around it, and returns what it computes"],
  ["del", "values end with their block"],
  ["switch", "write `if` and `elif`"],
  ["match", "write `if` and `elif`"],
  ["case", "write `if` and `elif`"],
  ["do", "write `while`"],
  ["trait", "type parameters are bound by `Float`, `Int`, `Number`, `Byte` or `Any`"],
]);
