// The figures of all shaders of interest, and as a table.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileForAmd, scalarLoads, type Counts, type MachineCode } from "./machine-code.ts";
import type { NamedShader } from "./shaders.ts";
import { writeSpirv } from "./spirv.ts";

/** Compiles shaders for an AMD GPU; the result is in their order. */
export function machineCodeOf(shaders: readonly NamedShader[]): MachineCode[] {
  const folder = mkdtempSync(join(tmpdir(), "kern-radv-"));
  try {
    const paths = writeSpirv(shaders, folder);
    const files = paths.map((path, at) => ({
      path,
      buffers: shaders[at]!.bindings.replaceAll("r", "s"),
      entryPoint: "dawn_entry_point",
    }));
    return compileForAmd(files, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A line a shader. */
export function tableOf(shaders: readonly NamedShader[], codes: readonly MachineCode[]): string {
  const byBits = (counts: Readonly<Record<number, number>>): string =>
    Object.entries(counts)
      .filter(([, n]) => n > 0)
      .map(([bits, n]) => `${n}×${bits}`)
      .join(" ") || "–";
  const perProduct = ({ instructions, products }: Counts): string =>
    products > 0 ? (instructions / products).toFixed(2) : "–";
  const rows = codes.map(
    ({ vgprs, sgprs, spilledVgprs, spilledSgprs, waves, sharedBytes, whole, hot, inner }, at) => [
      shaders[at]!.name,
      String(vgprs),
      String(sgprs),
      String(spilledVgprs + spilledSgprs),
      String(waves),
      String(sharedBytes),
      String(whole.instructions),
      perProduct(hot),
      perProduct(inner),
      hot.sharedReads[128] > 0 ? (hot.products / hot.sharedReads[128]).toFixed(1) : "–",
      byBits(hot.sharedReads),
      String(scalarLoads(hot)),
      byBits(whole.loads),
      byBits(whole.stores),
    ],
  );
  const head = [
    "shader",
    "VGPRs",
    "SGPRs",
    "spilled",
    "waves",
    "shared",
    "instr.",
    "per product",
    "innermost",
    "products per 128-bit read",
    "shared reads",
    "scalar loads in the loop",
    "loads",
    "stores",
  ];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
