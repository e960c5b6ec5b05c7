// Fits a module to the device's memory. A module says in its import whether the memory is shared, and an engine
// takes only what it says; the code is the same in both cases, so that rewriting this one entry is enough.

import { kernError } from "../../error.ts";

const importSection = 2;

interface Reader {
  at: number;
}

/** The module with its memory import declared shared or not. */
export function fitMemoryImport(code: Uint8Array, shared: boolean): Uint8Array {
  const magic = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  if (!magic.every((byte, at) => code[at] === byte))
    throw kernError("K0714", { why: "the code is not a WebAssembly module" });
  const reader: Reader = { at: 8 };
  while (reader.at < code.length) {
    const start = reader.at;
    const id = code[reader.at++]!;
    const size = readLeb(code, reader);
    const body = reader.at;
    reader.at += size;
    if (id === importSection) {
      const section = rewriteImports(code.subarray(body, body + size), shared);
      return concatenate([
        code.subarray(0, start),
        [importSection],
        leb(section.length),
        section,
        code.subarray(reader.at),
      ]);
    }
  }
  return code;
}

function rewriteImports(section: Uint8Array, shared: boolean): Uint8Array {
  const reader: Reader = { at: 0 };
  const count = readLeb(section, reader);
  for (let n = 0; n < count; n++) {
    for (let name = 0; name < 2; name++) {
      const length = readLeb(section, reader);
      reader.at += length;
    }
    if (section[reader.at++] !== 2)
      throw kernError("K0714", { why: "the module imports more than a memory" });
    const limits = reader.at;
    const flags = readLeb(section, reader);
    const min = readLeb(section, reader);
    if (flags & 1) readLeb(section, reader);
    const rewritten = shared ? [3, ...leb(min), ...leb(65536)] : [0, ...leb(min)];
    if (n === 0 && count === 1)
      return concatenate([section.subarray(0, limits), rewritten, section.subarray(reader.at)]);
  }
  throw kernError("K0714", { why: "the module imports more than a memory" });
}

function readLeb(bytes: Uint8Array, reader: Reader): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[reader.at++];
    if (byte === undefined || shift > 28) throw kernError("K0714", { why: "the module is damaged" });
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return value;
  }
}

function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}

function concatenate(parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
