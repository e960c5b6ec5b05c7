// What it means that a section of the specification holds: each of its blocks in turn. A `kern` block is a file of its
// own, which the blocks behind it speak of; a named one (`kern shapes.kern`) may be imported by the others.

import { check, checked, compile, CompileError } from "../../compiler/index.ts";
import type { Compiled, CompileOptions } from "../../compiler/index.ts";
import { printKernel } from "../../compiler/ir/print.ts";
import { DiagnosticSink, type Diagnostic } from "../../lang/diagnostics/diagnostic.ts";
import type { SourceFile } from "../../lang/source.ts";
import type { WebgpuDevice } from "../../runtime/index.ts";
import type { ModuleHost } from "../../lang/typed.ts";
import { assertionsIn, differences, type Assertion } from "./assertions.ts";
import { consoleProblems } from "./console.ts";
import type { Block, Section } from "./page.ts";
import { assemblyProblems } from "./assembly.ts";
import { scriptProblems } from "./script.ts";
import { gpuProblems, Programs, readSteps, transcriptProblems } from "./transcript.ts";
import { typeDifferences } from "./types.ts";

/** A `kern` block as a file, with what the blocks behind it need. */
export interface KernFile {
  readonly block: Block;
  readonly file: SourceFile;
  readonly options: CompileOptions;
  /** Calls of its kernels are shown, so it must compile for every target. */
  readonly run: boolean;
  readonly assertions: readonly Assertion[];
}

/** The `kern` blocks of a section. */
export function kernFiles(section: Section): readonly KernFile[] {
  const files: SourceFile[] = [];
  const host: ModuleHost = {
    resolve: (level, path) =>
      level === 1 ? files.find((file) => file.path === `${path.join("/")}.kern`) : undefined,
  };
  return section.blocks
    .filter(({ language }) => language === "kern")
    .map((block) => {
      const name = block.words.find((word) => word.endsWith(".kern")) ?? "kernel.kern";
      const { repeat, ...set } = block.options;
      const file = { path: name, text: repeat ? repeated(block.text, Number(repeat)) : block.text };
      files.push(file);
      return {
        block,
        file,
        options: { host, set },
        run: block.words.includes("run"),
        assertions: assertionsIn(block.text),
      };
    });
}

/** `kern repeat=400`: the text so many times, `{n}` the number of the copy and `{n+1}` that of the next. */
function repeated(text: string, times: number): string {
  const copy = (_: unknown, n: number): string =>
    text.replaceAll("{n}", String(n)).replaceAll("{n+1}", String(n + 1));
  return Array.from({ length: times }, copy).join("");
}

/** Where the section holds it gives nothing; otherwise lines that say what doesn't. Snapshots are given to `snapshot`. */
export async function sectionProblems(
  section: Section,
  snapshot: (block: Block, text: string) => void,
): Promise<readonly string[]> {
  const kerns = kernFiles(section);
  const problems: string[] = [];
  let current: KernFile | undefined;
  let programs: Programs | undefined;
  const { blocks } = section;
  for (const [at, block] of blocks.entries()) {
    switch (block.language) {
      case "kern":
        current = kerns.find((kern) => kern.block === block)!;
        programs = new Programs(current.file, current.options);
        problems.push(...fileProblems(current).map((each) => `block at line ${block.line}, ${each}`));
        // What checks without an error must compile too, whether it is called or not.
        if (!current.assertions.some(({ severity, target }) => severity === "error" && !target))
          await programs.of({});
        break;
      case "out":
        if (blocks[at - 1]?.language !== "js" && programs)
          problems.push(...(await transcriptProblems(block, programs)));
        break;
      case "js": {
        const next = blocks[at + 1];
        const printed = next?.language === "out" ? next : undefined;
        problems.push(...(await scriptProblems(block, printed, current?.file.text)));
        break;
      }
      // A file for the commands of the section.
      case "json":
        break;
      case "console": {
        const files = kerns.filter(({ file }) => file.path !== "kernel.kern");
        const named = Object.fromEntries([
          ...files.map(({ file }) => [file.path, file.text]),
          ...blocks.flatMap(({ language, words, text }) =>
            language === "json" && words[0] ? [[words[0], text]] : [],
          ),
        ]) as Record<string, string>;
        problems.push(...(await consoleProblems(block, named)));
        break;
      }
      case "tsp":
      case "tspb":
        if (!current) {
          const next = blocks[at + 1];
          problems.push(...assemblyProblems(block, next?.language === "out" ? next : undefined));
          break;
        }
        snapshot(block, await emittedText(block, current));
        break;
      default:
        if (current) snapshot(block, await emittedText(block, current));
    }
  }
  return problems;
}

/** Diagnostics and types of one file. */
function fileProblems({ block, file, options, assertions }: KernFile): readonly string[] {
  const found = check(file, options);
  const everywhere = assertions.filter(({ target }) => target === undefined);
  if (block.options["repeat"]) return differences(everywhere, oncePerCode(found), file.path);
  const problems = differences(everywhere, found, file.path);
  if (problems.length > 0 || !file.text.includes("# type: ")) return problems;
  const module = checked(file, options, new DiagnosticSink());
  return typeDifferences(module, (options.set ?? {}) as Record<string, string>);
}

/** Of a text that is repeated: one of each code, wherever it stands. */
function oncePerCode(found: readonly Diagnostic[]): readonly Diagnostic[] {
  const byCode = new Map(found.map((each) => [each.code, { ...each, span: undefined }]));
  return [...byCode.values()];
}

/**
 * How WGSL takes a file, for each set of compile-time parameters that the `out` blocks behind it call: problems, or
 * what it compiled to; neither where it refuses the file as the page says.
 */
export async function compiledForWgsl(
  section: Section,
  kern: KernFile,
): Promise<readonly { readonly problems: readonly string[]; readonly compiled?: Compiled }[]> {
  const steps = transcriptsOf(section, kern).flatMap(readSteps);
  const sets = new Map([["{}", { set: {}, asserted: kern.assertions.filter(isWgsl) }]]);
  for (const { call, wgsl } of steps) {
    const key = JSON.stringify(call.set);
    const asserted = assertionsIn(wgsl ?? "").map((each) => ({ ...each, line: 0 }));
    if (!sets.has(key) || asserted.length > 0) sets.set(key, { set: call.set, asserted });
  }
  return Promise.all([...sets.values()].map(({ set, asserted }) => forWgsl(kern, set, asserted)));
}

/** The `out` blocks that show calls of a file's kernels. */
function transcriptsOf(section: Section, kern: KernFile): readonly Block[] {
  if (!kern.run) return [];
  const behind = section.blocks.slice(section.blocks.indexOf(kern.block) + 1);
  const next = behind.findIndex(({ language }) => language === "kern");
  const blocks = next < 0 ? behind : behind.slice(0, next);
  return blocks.filter(({ language }, at) => language === "out" && blocks[at - 1]?.language !== "js");
}

/** What goes otherwise on a GPU than the `out` blocks behind a file say. */
export async function problemsOnGpu(
  section: Section,
  kern: KernFile,
  device: WebgpuDevice,
): Promise<readonly string[]> {
  const programs = new Programs(kern.file, { ...kern.options, ...device.compileOptions });
  const problems: string[] = [];
  for (const block of transcriptsOf(section, kern))
    problems.push(...(await gpuProblems(block, programs, device)));
  return problems;
}

const isWgsl = ({ target }: Assertion): boolean => target === "wgsl";

async function forWgsl(
  kern: KernFile,
  set: Readonly<Record<string, string>>,
  asserted: readonly Assertion[],
): Promise<{ readonly problems: readonly string[]; readonly compiled?: Compiled }> {
  const options = { ...kern.options, target: "wgsl", set: { ...kern.options.set, ...set } } as const;
  const everywhere = kern.assertions.filter(({ target }) => target === undefined);
  try {
    const compiled = await compile(kern.file, options);
    const problems = differences([...everywhere, ...asserted], compiled.diagnostics, kern.file.path);
    return { problems, compiled };
  } catch (error) {
    if (!(error instanceof CompileError)) throw error;
    // A refusal that an `out` block states has no line of its own.
    const found = asserted.some(({ line }) => line === 0)
      ? oncePerCode(error.diagnostics)
      : error.diagnostics;
    return { problems: differences([...everywhere, ...asserted], found, kern.file.path) };
  }
}

/** The text for an `ir`, `wat` or `wgsl` block: of `kernel=NAME`, after the pass `after=NAME`, for `target=wgsl`. */
async function emittedText(block: Block, { file, options }: KernFile): Promise<string> {
  const { kernel, after, target = block.language === "wgsl" ? "wgsl" : "wasm" } = block.options;
  const printed: string[] = [];
  const passes = after
    ? { printAfter: after, print: (_: string, text: string) => void printed.push(text) }
    : {};
  const kernels = kernel ? { kernels: [kernel] } : {};
  const compiled = await compile(file, { ...options, ...kernels, target: target as "wasm" | "wgsl", passes });
  if (block.language !== "ir") return compiled.text.get(target as "wasm" | "wgsl") ?? "";
  return after ? printed.join("\n") : compiled.kernels.map(({ ir }) => printKernel(ir)).join("\n");
}
