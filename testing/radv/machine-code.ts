// What RADV makes of SPIR-V for an AMD GPU, as figures: registers, spilling, waves, and what the loop that does the arithmetic
// is made of, counted in the text of the machine code.
//
// Assumes compute shaders whose loops are closed by branches backwards, as ACO writes them.

import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rootUrl } from "./spirv.ts";

/** Loads by an invocation that are narrower than 64 bits. */
export const scalarLoads = ({ loads }: Counts): number => loads[8] + loads[16] + loads[32];

/** What is in a stretch of machine code. */
export interface Counts {
  readonly instructions: number;
  /** Multiplications with addition of one invocation; packed and dot products count each product. */
  readonly products: number;
  /** Reads of workgroup memory by their bits. */
  readonly sharedReads: Readonly<Record<32 | 64 | 128, number>>;
  /** Loads of buffers by an invocation, by their bits. */
  readonly loads: Readonly<Record<8 | 16 | 32 | 64 | 96 | 128, number>>;
  readonly stores: Readonly<Record<8 | 16 | 32 | 64 | 96 | 128, number>>;
}

export interface MachineCode {
  readonly vgprs: number;
  readonly sgprs: number;
  readonly spilledVgprs: number;
  readonly spilledSgprs: number;
  readonly scratchBytes: number;
  readonly sharedBytes: number;
  /** Waves that a SIMD unit can hold at once. */
  readonly waves: number;
  readonly whole: Counts;
  /** Of the loop that holds the most products, the loops inside it included; of all, if there is none. */
  readonly hot: Counts;
  /** Of the loop with no other inside that holds the most products; of all, if there is none. */
  readonly inner: Counts;
  readonly text: string;
}

/** A GPU of RDNA 2. */
const family = "navi21";

/** Compiles SPIR-V files; `buffers` has a letter a binding, `s`torage or `u`niform. */
export function compileForAmd(
  files: readonly { readonly path: string; readonly buffers: string; readonly entryPoint: string }[],
  folder: string,
): MachineCode[] {
  const driver = radvLibrary();
  const icd = join(folder, "radv.json");
  writeFileSync(
    icd,
    JSON.stringify({ file_format_version: "1.0.0", ICD: { api_version: "1.3.0", library_path: driver } }),
  );
  const program = join(folder, "compile");
  const source = fileURLToPath(new URL("testing/radv/compile.c", rootUrl()));
  execFileSync("cc", ["-O1", "-Wall", "-Wextra", "-Werror", source, "-o", program, "-lvulkan"]);
  const printed = execFileSync(
    program,
    files.flatMap(({ path, buffers, entryPoint }) => [path, buffers, entryPoint]),
    {
      env: {
        ...process.env,
        RADV_FORCE_FAMILY: family,
        VK_ICD_FILENAMES: icd,
        MESA_SHADER_CACHE_DISABLE: "1",
      },
      encoding: "utf8",
      maxBuffer: 2 ** 28,
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  const shaders = printed.split(/^shader .*\n/m).slice(1);
  if (shaders.length !== files.length)
    throw new Error(`RADV compiled ${shaders.length} of ${files.length} shaders`);
  return shaders.map(read);
}

/** RADV of the same Mesa as lavapipe. */
export function radvLibrary(): string {
  const folders = (process.env["LD_LIBRARY_PATH"] ?? "").split(":");
  const found = folders.map((folder) => join(folder, "libvulkan_radeon.so")).find((path) => existsSync(path));
  if (found === undefined) throw new Error('RADV isn\'t installed: eval "$(bash scripts/system.sh)"');
  return found;
}

function read(text: string): MachineCode {
  const statistic = (name: string): number => {
    const found = new RegExp(`^statistic ${name}=(\\d+)$`, "m").exec(text);
    if (!found) throw new Error(`RADV says nothing of ${name}`);
    return Number(found[1]);
  };
  const code = text.slice(text.indexOf("\ncode\n") + 6);
  const lines = code.split("\n");
  return {
    vgprs: statistic("VGPRs"),
    sgprs: statistic("SGPRs"),
    spilledVgprs: statistic("Spilled VGPRs"),
    spilledSgprs: statistic("Spilled SGPRs"),
    scratchBytes: statistic("Scratch size"),
    sharedBytes: statistic("LDS size"),
    waves: statistic("Subgroups per SIMD"),
    whole: count(lines),
    hot: count(hottest(lines)),
    inner: count(hottest(lines, true)),
    text: code,
  };
}

/** The lines of the outermost loop with the most products, or of the innermost one. */
function hottest(lines: readonly string[], innermost = false): readonly string[] {
  const labels = new Map<string, number>();
  let best: readonly string[] = [];
  let most = 0;
  let lastStart = -1;
  lines.forEach((line, at) => {
    const label = /^(BB\d+):/.exec(line)?.[1];
    if (label) labels.set(label, at);
    const start = labels.get(/^\s+s_c?branch\S* (BB\d+)/.exec(line)?.[1] ?? "");
    if (start === undefined) return;
    // A loop that began behind this one's beginning has ended already, so it lies inside.
    const holdsOther = lastStart > start;
    lastStart = Math.max(lastStart, start);
    if (innermost && holdsOther) return;
    const body = lines.slice(start, at + 1);
    const { products } = count(body);
    if (products < most || products === 0) return;
    most = products;
    best = body;
  });
  return best.length > 0 ? best : lines;
}

/** Products of an instruction. */
function productsOf(name: string): number {
  if (/^v_(fma|mad|mac|fmac|fmamk|fmaak|fma_mix|mad_mix)/.test(name)) return 1;
  if (/^v_(pk_fma|pk_mad|dot2)/.test(name)) return 2;
  if (name.startsWith("v_dot4")) return 4;
  return name.startsWith("v_dot8") ? 8 : 0;
}

const bitsOf: Readonly<Record<string, number>> = {
  ubyte: 8,
  sbyte: 8,
  byte: 8,
  ushort: 16,
  sshort: 16,
  short: 16,
  short_d16: 16,
  short_d16_hi: 16,
  dword: 32,
  dwordx2: 64,
  dwordx3: 96,
  dwordx4: 128,
};

function count(lines: readonly string[]): Counts {
  const sharedReads = { 32: 0, 64: 0, 128: 0 };
  const loads = { 8: 0, 16: 0, 32: 0, 64: 0, 96: 0, 128: 0 };
  const stores = { 8: 0, 16: 0, 32: 0, 64: 0, 96: 0, 128: 0 };
  let instructions = 0;
  let products = 0;
  for (const line of lines) {
    const name = /^\s+([a-z]\w+)/.exec(line)?.[1];
    if (name === undefined) continue;
    instructions += 1;
    products += productsOf(name);
    const shared = /^ds_read2?(?:st64)?_(?:b|u|i)(\d+)/.exec(name);
    if (shared) {
      const bits = Number(shared[1]) * (name.startsWith("ds_read2") ? 2 : 1);
      sharedReads[bits >= 128 ? 128 : bits >= 64 ? 64 : 32] += 1;
    }
    const memory = /^(?:buffer|global)_(load|store)_(\w+?)(?:_d16.*)?$/.exec(name);
    const bits = bitsOf[memory?.[2] ?? ""] as keyof typeof loads | undefined;
    if (memory && bits !== undefined) (memory[1] === "load" ? loads : stores)[bits] += 1;
  }
  return { instructions, products, sharedReads, loads, stores };
}
