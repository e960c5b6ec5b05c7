// The WGSL of one artifact on one GPUDevice: its module, checked when it is loaded, and a kernel's pipelines, made by its
// first call. What the shader compiler refuses is told with the `.kern` line that the emitted comments name.

import {
  evaluateShape,
  sizedModule,
  type KernelArtifact,
  type WgslLaunch,
} from "../../../compiler/artifact.ts";
import type { Span } from "../../../lang/source.ts";
import type { BoundCall } from "../../call/bind.ts";
import { kernError, spanOfPlace, type KernError } from "../../error.ts";
import { computeStage } from "./constants.ts";
import { firstLine, type GpuContext } from "./context.ts";

export interface KernelPipelines {
  readonly layout: GPUBindGroupLayout;
  /** One a phase. */
  readonly phases: readonly GPUComputePipeline[];
}

export class Program {
  private readonly gpu: GPUDevice;
  private readonly code: string;
  private readonly module: GPUShaderModule;
  private readonly trouble: Promise<KernError | undefined>;
  private readonly pipelines = new Map<string, Promise<KernelPipelines>>();

  constructor(gpu: GPUDevice, code: string) {
    this.gpu = gpu;
    this.code = code;
    gpu.pushErrorScope("validation");
    this.module = gpu.createShaderModule({ code });
    const scope = gpu.popErrorScope();
    this.trouble = this.findTrouble(scope);
  }

  /** Throws what the shader compiler has against the module. */
  async check(): Promise<void> {
    const trouble = await this.trouble;
    if (trouble) throw trouble;
  }

  /** The pipelines of a kernel, compiled once; `wide`: those for arguments that lie in vectors. */
  pipelinesOf(kernel: KernelArtifact, launch: WgslLaunch, wide = false): Promise<KernelPipelines> {
    const { instance } = kernel.signature;
    const entryPoints = launch.phases.map(({ entryPoint }) => entryPoint);
    const names = wide && launch.wide ? launch.wide.entryPoints : entryPoints;
    const key = `${instance} ${names[0]}`;
    let found = this.pipelines.get(key);
    if (!found) this.pipelines.set(key, (found = this.compile(instance, launch, names)));
    return found;
  }

  private async compile(
    instance: string,
    launch: WgslLaunch,
    entryPoints: readonly string[],
  ): Promise<KernelPipelines> {
    await this.check();
    const { gpu, module } = this;
    const entries = launch.bindings.map(({ access }, binding): GPUBindGroupLayoutEntry => ({
      binding,
      visibility: computeStage,
      buffer: { type: access === "read" ? "read-only-storage" : "storage" },
    }));
    if (launch.uniform.length > 0)
      entries.push({ binding: entries.length, visibility: computeStage, buffer: { type: "uniform" } });
    gpu.pushErrorScope("validation");
    const layout = gpu.createBindGroupLayout({ entries });
    const pipelineLayout = gpu.createPipelineLayout({ bindGroupLayouts: [layout] });
    const scope = await gpu.popErrorScope();
    if (scope) throw this.refusal(instance, scope);
    const compiled = entryPoints.map(async (entryPoint) => {
      try {
        return await gpu.createComputePipelineAsync({
          layout: pipelineLayout,
          compute: { module, entryPoint },
        });
      } catch (error) {
        throw this.refusal(instance, error as Error, this.lineOf(entryPoint));
      }
    });
    return { layout, phases: await Promise.all(compiled) };
  }

  private async findTrouble(scope: Promise<GPUError | null>): Promise<KernError | undefined> {
    const { messages } = await this.module.getCompilationInfo();
    const error = await scope;
    const first = messages.find(({ type }) => type === "error");
    if (!first && !error) return undefined;
    if (!first) return this.refusal("the module", error!);
    const line = this.code.split("\n")[first.lineNum - 1]?.trim();
    return this.refusal("the module", first, first.lineNum, line ? [`in WGSL: ${line}`] : []);
  }

  /** The error, at the `.kern` line that WGSL line number `line` comes from. */
  private refusal(
    what: string,
    error: { readonly message: string },
    line = 0,
    notes: readonly string[] = [],
  ): KernError {
    return kernError(
      "K0727",
      { what: what === "the module" ? "the shaders" : `\`${what}\``, why: firstLine(error) },
      { span: sourceOf(this.code, line), notes },
    );
  }

  private lineOf(entryPoint: string): number {
    const lines = this.code.split("\n");
    const start = lines.findIndex((line) => line.startsWith(`fn ${entryPoint}(`));
    const comment = lines.findIndex((line, at) => at > start && commentPattern.test(line));
    return comment + 1;
  }
}

/** `// softmax.kern:12  let peak = …`, as emitted code has above each statement. */
const commentPattern = /^\s*\/\/ (\S.*?):(\d+) {2}(.*)$/;

/** The `.kern` line that the nearest comment at or above a line of WGSL (from 1) names. */
export function sourceOf(code: string, line: number): Span | undefined {
  for (const each of code.split("\n").slice(0, Math.max(line, 0)).toReversed()) {
    if (/^(fn |@compute)/.test(each)) return undefined;
    const found = commentPattern.exec(each);
    if (found) return spanOfPlace({ file: found[1]!, line: Number(found[2]), column: 1, text: found[3]! });
  }
  return undefined;
}

/** The module's text for a call, whose dims decide sizes of arrays; refuses those that no shader can hold. */
export function codeFor(
  code: string,
  { signature }: KernelArtifact,
  launch: WgslLaunch,
  call: BoundCall,
): string {
  for (const { array, value, most = Infinity, place } of launch.constants ?? []) {
    const cells = evaluateShape(value, call.value);
    if (cells > most)
      throw kernError(
        "K0727",
        {
          what: `\`${signature.name}\``,
          why: `\`${array}\` takes ${cells} places in this call, and a shader holds ${most}`,
        },
        { span: place && spanOfPlace(place) },
      );
  }
  return sizedModule(code, launch, call.value);
}

/** The program of this text in a context, compiled at most once. */
export function programOf(context: GpuContext, code: string): Program {
  let found = context.programs.get(code);
  if (!found) context.programs.set(code, (found = new Program(context.gpu, code)));
  return found;
}
