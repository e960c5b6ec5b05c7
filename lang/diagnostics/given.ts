// How a sentence names a value of JavaScript that a caller gave in the place of something else. Apart from the catalogue, since the
// runtime says it as well.

/** `7`, `"gpu"`, `a Float32Array`, `nothing`: what follows "but was given". */
export function describeGiven(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "an array";
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  // An ArrayBuffer, a Promise: what stands there by mistake most often has a name.
  const name = typeof value === "object" ? value.constructor?.name : undefined;
  if (name && name !== "Object") return `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name}`;
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
