// `kernc compile`: artifacts, a manifest and typed bindings on disk.

import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Compiled } from "../../compiler/index.ts";
import type { Artifact, TargetName } from "../../compiler/artifact.ts";
import { bindings } from "./bindings.ts";
import { oneOf, UsageError, type Command, type Given } from "./command.ts";
import { mistake } from "./diagnostic-error.ts";
import { compileOptions, leftOut, openFile } from "./kernels.ts";
import { fileOf, manifestOf } from "./manifest.ts";
import { makeFolder, writeFiles } from "./outputs.ts";
import { inShares } from "./shares.ts";
import { findSources } from "./sources.ts";
import type { Terminal } from "./terminal.ts";
import { tspFiles } from "./tsp-files.ts";
import { webgpuBindings } from "./webgpu-bindings.ts";

const targets = ["wasm", "wgsl", "tsp"] as const satisfies readonly TargetName[];

export const compileCommand: Command = {
  name: "compile",
  usage: "FILES… [--target wasm,wgsl] [--out DIR]",
  summary:
    "Writes, for each file, NAME.wasm, NAME.wgsl, NAME.manifest.json, and NAME.js with NAME.d.ts, which need only kernc/runtime.",
  details: [
    "With tsp there are NAME.tsp (assembly), NAME.tspb, NAME.tsp.json, NAME.tsp.js and .d.ts, of the simulated TSP, for one size; NAME.KERNEL.tsp … of several kernels.",
    "With wgsl there is NAME.webgpu.js as well, with its .d.ts: it needs WebGPU, and nothing of kernc.",
    "Generic kernels are written for the dtypes asked for (--set T=f16), f32 if nothing is said.",
  ],
  options: {
    target: {
      kind: "value",
      multiple: true,
      value: "TARGETS",
      help: "wasm, wgsl, tsp, or several with a comma; wasm if nothing is said. tsp needs every dim: --shape N=512",
    },
    out: { kind: "value", value: "DIR", help: "Where the files go; the current folder if nothing is said" },
    levels: {
      kind: "flag",
      help: "WASM for engines with relaxed SIMD as well, NAME.relaxed-simd.wasm …; the bindings load what an engine can run",
    },
    scalar: {
      kind: "value",
      multiple: true,
      value: "NAME=VALUE",
      help: "With tsp: the values of scalar parameters, which its programs are made for",
    },
    ...compileOptions,
  },
  async run(given, terminal) {
    const asked = given.all("target").flatMap((text) => text.split(","));
    const wanted = [
      ...new Set((asked.length > 0 ? asked : ["wasm"]).map((word) => oneOf("target", word.trim(), targets))),
    ];
    const folder = given.get("out") ?? ".";
    const paths = findSources("compile", given.positionals);
    const names = paths.map((path) => basename(path, ".kern"));
    const twice = names.find((name, at) => names.indexOf(name) !== at);
    if (twice !== undefined)
      throw new UsageError(`two of the files are called ${twice}, and would overwrite each other’s output`);
    makeFolder(folder);
    const code =
      (await inShares("compile", paths, given, terminal)) ??
      (await compileFiles(paths, wanted, folder, given, terminal));
    const note = terminal.share || code !== 0 ? undefined : moduleNote(folder, names[0]!);
    if (note !== undefined) terminal.err(terminal.errColors.dim(`  ${note}\n`));
    return code;
  },
};

async function compileFiles(
  paths: readonly string[],
  wanted: readonly TargetName[],
  folder: string,
  given: Given,
  terminal: Terminal,
): Promise<number> {
  const others = wanted.filter((target) => target !== "tsp");
  for (const path of paths) {
    if (terminal.interactive) terminal.err(`\r\x1b[Kcompiling ${path}`);
    const opened = await openFile(path, given, terminal);
    const kernels = opened.module.kernels.map(({ name }) => name);
    if (kernels.length === 0) throw mistake("K0806", { file: path });
    const name = basename(path, ".kern");
    const notes: string[] = [];
    const files: { readonly name: string; readonly bytes: Uint8Array | string }[] = [];
    if (others.length > 0) {
      const compiled = await opened.compile(others, kernels, { levels: given.has("levels") });
      for (const note of leftOut(compiled, path, kernels)) notes.push(`left out: ${note}`);
      files.push(...(await outputFiles(name, opened.file.text, path, compiled)));
    }
    if (wanted.includes("tsp")) files.push(...(await tspFiles(name, opened, kernels, given)));
    writeFiles(files.map(({ name, bytes }) => ({ path: join(folder, name), bytes })));
    if (terminal.interactive) terminal.err("\r\x1b[K");
    terminal.err(`${terminal.errColors.green("✓")} ${path} → ${files.map(({ name }) => name).join(", ")}\n`);
    for (const note of notes) terminal.err(`  ${terminal.errColors.dim(note)}\n`);
  }
  return 0;
}

/** What to do where Node would take the bindings, which are ES modules, for scripts; undefined where it doesn't. */
function moduleNote(folder: string, name: string): string | undefined {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const path = join(at, "package.json");
    if (existsSync(path)) {
      if (!isCommonJs(readFileSync(path, "utf8"))) return undefined;
      return `${name}.js is an ES module, but ${path} says "type": "commonjs": make that "module", or put a package.json with {"type": "module"} into ${folder}`;
    }
    if (at === dirname(at)) return undefined;
  }
}

/** Without a type, Node finds out by itself. */
function isCommonJs(text: string): boolean {
  try {
    return (JSON.parse(text) as { type?: unknown } | null)?.type === "commonjs";
  } catch {
    return false;
  }
}

async function outputFiles(
  name: string,
  text: string,
  path: string,
  { artifacts }: Compiled,
): Promise<{ name: string; bytes: Uint8Array | string }[]> {
  const manifest = manifestOf(name, { path, text }, artifacts);
  const fileNames = artifacts.map((_, at) => fileOf(name, artifacts, at));
  const maps = artifacts.flatMap(({ sourceMap }, at) =>
    sourceMap === undefined ? [] : [{ name: `${fileNames[at]}.map`, bytes: sourceMap }],
  );
  const { js, dts } = await bindings(name, manifest);
  const plain = await webgpuBindings(manifest);
  return [
    ...artifacts.map((artifact, at) => ({
      name: fileNames[at]!,
      bytes: codeOf(artifact, fileNames[at]!),
    })),
    ...maps,
    { name: `${name}.manifest.json`, bytes: `${JSON.stringify(manifest, undefined, 2)}\n` },
    { name: `${name}.js`, bytes: js },
    { name: `${name}.d.ts`, bytes: dts },
    ...(plain
      ? [
          { name: `${name}.webgpu.js`, bytes: plain.js },
          { name: `${name}.webgpu.d.ts`, bytes: plain.dts },
        ]
      : []),
  ];
}

/** The code; WASM names its source map in a custom section, where debuggers look for it. */
function codeOf({ code, sourceMap }: Artifact, file: string): Uint8Array | string {
  if (typeof code === "string" || sourceMap === undefined) return code;
  const section = (text: string): number[] => {
    const bytes = [...new TextEncoder().encode(text)];
    return [bytes.length, ...bytes];
  };
  const url = `${file}.map`;
  const body = [...section("sourceMappingURL"), ...section(url)];
  if (url.length > 127 || body.length > 127 || hasSourceMapUrl(code)) return code;
  return Uint8Array.from([...code, 0, body.length, ...body]);
}

function hasSourceMapUrl(code: Uint8Array): boolean {
  return new TextDecoder("latin1").decode(code.subarray(-300)).includes("sourceMappingURL");
}
