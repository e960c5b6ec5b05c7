// Candidates made real: compiled for the target, compared with the interpreter on small awkward shapes and at the size that
// is measured with the interpreter or, where that would take too long, with the baseline; then ready to be called.

import { createHash } from "node:crypto";
import type { KernelReport, Signature, TargetName } from "../../compiler/artifact.ts";
import { compileTyped, CompileError, type Compiled, type CompileOptions } from "../../compiler/index.ts";
import { choiceOf, type Knob } from "../../compiler/tuning/values.ts";
import { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import type { TKernel, TypedModule } from "../../lang/typed.ts";
import type { Arguments, Device, Kernel } from "../../runtime/index.ts";
import { difference, looser, outcome, SmallCases, type Outcome } from "../kernc/benching/check.ts";
import { casesFor } from "../kernc/verifying/cases.ts";
import { callLane, placed } from "../timing/calls.ts";
import type { Lane } from "../timing/interleaved.ts";
import type { Admission, Candidate } from "./candidate.ts";

export interface ContendersOptions {
  readonly module: TypedModule;
  readonly typed: TKernel;
  readonly signature: Signature;
  readonly knobs: readonly Knob[];
  readonly target: TargetName;
  /** Host, features, settings: as for any compilation. */
  readonly compile: CompileOptions;
  /** Where candidates run. */
  readonly device: Device;
  /** The kernel on the interpreter. */
  readonly interp: Kernel;
  /** Fresh arguments of the size that is measured. */
  readonly args: () => Arguments;
  /** Whether the interpreter does that size in a few seconds. */
  readonly interpretable: boolean;
  /** Takes a candidate's time; by calls on the device if nothing is said. */
  readonly measure?: (kernel: Kernel, candidate: Candidate) => Lane;
  /** Sizes at which some candidate's schedule changes its course. */
  readonly tiles: readonly number[];
}

export class Contenders {
  private readonly options: ContendersOptions;
  private readonly small: SmallCases;
  /** Candidates by a hash of their code. */
  private readonly byCode = new Map<string, string>();
  /** The right results at the size that is measured, and the signature with the tolerance for them. */
  private right: Outcome | undefined;
  private tolerant: Signature;
  private dropped: ReadonlySet<string> | undefined;
  private given: Arguments | undefined;

  constructor(options: ContendersOptions) {
    this.options = options;
    this.tolerant = options.signature;
    const { signature, tiles, interp } = options;
    this.small = new SmallCases(signature, casesFor(signature, tiles), interp);
  }

  /** How many small cases everyone is compared on. */
  get cases(): number {
    return this.small.count;
  }

  /** The first one that is asked for is the baseline. */
  async admit(candidate: Candidate, twin?: "twin"): Promise<Admission> {
    const { device, signature, target } = this.options;
    const compiled = await this.compiled(candidate);
    if (typeof compiled === "string") return { kind: "refused", why: compiled };
    const { code, kernels } = compiled.artifact(target);
    const hash = createHash("sha256").update(code).digest("hex");
    const known = this.byCode.get(hash);
    if (known !== undefined && !twin) return { kind: "same", as: known };
    const missing = this.notCarriedOut(kernels[0]!.report);
    if (missing !== undefined) return { kind: "refused", why: missing };
    const kernel = (await device.load(compiled))[signature.instance]!;
    const why = twin ? undefined : await this.mistakeOf(kernel);
    if (why !== undefined) return { kind: "wrong", why };
    this.byCode.set(hash, candidate.label);
    return { kind: "ready", lane: await this.lane(kernel, candidate) };
  }

  /** The candidate compiled, or why it can't be. */
  private async compiled({ values, schedule }: Candidate): Promise<Compiled | string> {
    const { module, typed, knobs, compile, target } = this.options;
    const choice = choiceOf(knobs, values);
    if (typeof choice === "string") return choice;
    const own = { ...compile, target, ...(schedule ? { schedule } : { choice }) } as const;
    try {
      return await compileTyped(module, [typed], own, new DiagnosticSink());
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      const first = error.diagnostics.find(({ severity }) => severity === "error")!;
      const example = first.counterexample === undefined ? "" : ` (${first.counterexample})`;
      return `${first.code} ${first.message}${example}`;
    }
  }

  /** An annotation that the compiler leaves aside, though it carries out that of the baseline. */
  private notCarriedOut({ notHonoured }: KernelReport): string | undefined {
    this.dropped ??= new Set(notHonoured.map(({ why }) => why));
    const found = notHonoured.find(({ why }) => !this.dropped!.has(why));
    return found && `${found.annotation} can’t be carried out: ${found.why}`;
  }

  /** Where a kernel's results are wrong, or undefined. */
  private async mistakeOf(kernel: Kernel): Promise<string | undefined> {
    const { signature, interp, interpretable, args } = this.options;
    const wrong = await this.small.mistakeOf(kernel);
    if (wrong !== undefined) return wrong;
    // Filling and copying large tensors takes longer than most calls; those that no call changes serve for all of them.
    const found = await outcome(kernel, this.changes ? args() : await this.placedArgs());
    // The baseline, which agrees on small shapes, is the measure where the interpreter would take too long.
    if (!this.right) {
      this.right = interpretable ? await outcome(interp, args()) : found;
      this.tolerant = await looser(signature, this.right);
    }
    if (found === this.right) return undefined;
    const differs = await difference(this.tolerant, found, this.right);
    if (!("stopped" in found)) for (const result of Object.values(found)) result.dispose();
    return differs && `at the size that is measured: ${differs}`;
  }

  private async lane(kernel: Kernel, candidate: Candidate): Promise<Lane> {
    const { measure, device } = this.options;
    return measure ? measure(kernel, candidate) : callLane(device, kernel, await this.placedArgs());
  }

  /** Arguments of the size that is measured, on the device. */
  private async placedArgs(): Promise<Arguments> {
    const { device, args } = this.options;
    return (this.given ??= await placed(device, args()));
  }

  /** Whether calls change their arguments. */
  private get changes(): boolean {
    return this.options.signature.params.some((param) => param.kind === "tensor" && param.mode === "mut");
  }
}
