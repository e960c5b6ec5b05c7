// Numbers of the Language Server Protocol 3.18 that stand for kinds of things, under the names that the specification gives them.
// Here, and not imported: the protocol's package is loaded only where a server starts.

export const severity = { error: 1, warning: 2 } as const;
export const tag = { unnecessary: 1 } as const;

export const completionKind = {
  method: 2,
  function: 3,
  field: 5,
  variable: 6,
  module: 9,
  property: 10,
  keyword: 14,
  constant: 21,
  struct: 22,
  event: 23,
  typeParameter: 25,
} as const;

export const symbolKind = {
  method: 6,
  field: 8,
  function: 12,
  constant: 14,
  struct: 23,
  event: 24,
} as const;

export const hintKind = { type: 1 } as const;

/** What colours may be given to, in the order that the protocol's numbers refer to. */
export const tokenTypes = [
  "comment",
  "string",
  "number",
  "keyword",
  "decorator",
  "type",
  "typeParameter",
  "function",
  "parameter",
  "variable",
  "property",
  "namespace",
] as const;

export const tokenModifiers = ["declaration", "readonly", "defaultLibrary"] as const;
