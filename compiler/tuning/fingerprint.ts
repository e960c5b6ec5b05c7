// A number for a kernel instance's code, by which a lock file tells whether it still speaks of that code. It is made from
// the typed tree, with everything that the kernel calls: comments, docstrings, layout and other kernels don't change it,
// and neither do annotations for other targets. A constant, a loop's name or an annotation's values do.

import type { TAnnotation, TargetName, TKernel } from "../../lang/typed.ts";

/** Fields that say where something stands, or what has another form elsewhere in the tree. */
const aside: ReadonlySet<string> = new Set(["span", "opSpan", "decl", "doc", "module", "instance"]);

/** Sixteen hexadecimal digits for the code of a kernel instance as one target sees it. */
export function fingerprint(kernel: TKernel, target: TargetName): string {
  const text: string[] = [];
  // Symbols, functions and kernels occur many times: written out once, they go by a number.
  const numbers = new Map<object, number>();
  const write = (value: unknown): void => {
    if (typeof value !== "object" || value === null) {
      text.push(`${typeof value} ${String(value)};`);
      return;
    }
    const known = numbers.get(value);
    if (known !== undefined) {
      text.push(`^${known};`);
      return;
    }
    if ("name" in value) numbers.set(value, numbers.size);
    text.push("(");
    if (value instanceof Map) [...value.entries()].forEach(write);
    else if (Array.isArray(value)) value.forEach(write);
    else writeFields(value);
    text.push(")");
  };
  const writeFields = (node: object): void => {
    for (const [name, value] of Object.entries(node)) {
      // The name under which a kernel is registered; elsewhere `op` is an operation.
      if (aside.has(name) || value === undefined || (name === "op" && "decl" in node)) continue;
      text.push(`${name}:`);
      write(name === "annotations" ? (value as TAnnotation[]).filter(isMeant) : value);
    }
  };
  const isMeant = (annotation: TAnnotation): boolean =>
    annotation.target === undefined || annotation.target === target;
  write(kernel);
  return hash(text.join(""));
}

/** Two 32-bit FNV-1a hashes of the text's code units, one of them over the text backwards. */
function hash(text: string): string {
  let forwards = 0x811c9dc5;
  let backwards = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    forwards = Math.imul(forwards ^ text.charCodeAt(at), 0x01000193);
    backwards = Math.imul(backwards ^ text.charCodeAt(text.length - 1 - at), 0x01000193);
  }
  return [forwards, backwards].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
