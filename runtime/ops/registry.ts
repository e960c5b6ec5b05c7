// The registry of ops: kernels under names such as `kern::softmax`, and the choice among them for a call. Graphs and
// adapters get their kernels here; they know an op's name and its arguments in order, not a kernel's parameter names.
// The choice itself is loaded when it is first made.

import type { Arguments } from "../call/bind.ts";
import type { Device, Kernel } from "../device.ts";
import { describeGiven } from "../../lang/diagnostics/given.ts";
import { kernError } from "../error.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A kernel under a name. */
export interface Candidate {
  readonly kernel: Kernel;
  /** Of the library, which gives way to whatever a user registers. */
  readonly builtin: boolean;
}

/**
 * Arguments in the order of the parameters that aren't `out`, `undefined` for inputs that are left out, or by name in one object. A
 * kernel that folds takes any number of tensors.
 */
export type OpArguments = readonly (Arguments[string] | undefined)[] | readonly [Arguments];

export interface RegisterOptions {
  /** The name to register under, instead of the one that `@op` gives. */
  readonly as?: string;
  /** Gives way to kernels registered without it. */
  readonly builtin?: boolean;
}

/** What became of one candidate in the choice for a call. */
export interface Verdict {
  readonly kernel: Kernel;
  readonly builtin: boolean;
  readonly outcome: "chosen" | "passed over" | "doesn't fit" | "ambiguous";
  readonly why: string;
}

export interface DispatchReport {
  readonly op: string;
  readonly chosen: Kernel | undefined;
  readonly verdicts: readonly Verdict[];
  /** The report as lines of text. */
  toString(): string;
}

export class OpRegistry {
  private readonly candidates: Map<string, Candidate[]>;
  /** The device that `on` named. */
  readonly only: Device | undefined;

  constructor(candidates = new Map<string, Candidate[]>(), only?: Device) {
    this.candidates = candidates;
    this.only = only;
  }

  /** The same ops, carried out on one device only. */
  on(device: Device): OpRegistry {
    return new OpRegistry(this.candidates, device);
  }

  /** Makes a kernel available under the name that its source gives with `@op("domain::name")`. */
  register(kernel: Kernel, { as, builtin = false }: RegisterOptions = {}): this {
    if (typeof kernel?.kernelName !== "string")
      throw kernError("K0719", {
        option: "register",
        expected: "a kernel, such as `(await device.load(compiled)).name`",
        given: describeGiven(kernel),
      });
    const op = as ?? kernel.op;
    const refuse = (why: string) => kernError("K0724", { kernel: kernel.kernelName, why });
    if (op === undefined) throw refuse('it has no name as an op; write `@op("domain::name")` above it');
    if (!/^[\w.-]+::[\w.:-]+$/.test(op)) throw refuse(`\`${op}\` is not of the form domain::name`);
    const known = this.candidates.get(op) ?? [];
    const candidate: Candidate = { kernel, builtin };
    const twin = known.find(
      (each) => each.kernel.device === kernel.device && identityOf(each) === identityOf(candidate),
    );
    if (twin)
      throw refuse(
        twin.kernel === kernel
          ? `it is registered as \`${op}\` already`
          : `\`${op}\` already has a kernel with this signature on this device, \`${twin.kernel.kernelName}\``,
      );
    this.candidates.set(op, [...known, candidate]);
    return this;
  }

  /** Forgets a kernel, under every name. */
  unregister(kernel: Kernel): void {
    for (const [op, known] of this.candidates) {
      const rest = known.filter((each) => each.kernel !== kernel);
      if (rest.length > 0) this.candidates.set(op, rest);
      else this.candidates.delete(op);
    }
  }

  /** Makes the kernels of the standard library available on a device. They are compiled now, and give way to others. */
  async registerLibrary(device: Device, modules?: readonly string[]): Promise<void> {
    const { libraryKernels } = await import("./library.ts");
    for (const kernel of await libraryKernels(device, modules)) this.register(kernel, { builtin: true });
  }

  /** Names of all ops. */
  get names(): string[] {
    return [...this.candidates.keys()].toSorted();
  }

  /** Carries out an op with the most specific kernel that fits. Gives every `out` and `mut` tensor by name. */
  async dispatch(op: string, ...args: OpArguments): Promise<Record<string, Tensor>> {
    const { find, carriedOut } = await choice();
    return carriedOut(await find(this, op, args), args);
  }

  /** The kernel that `dispatch` would call. */
  async find(op: string, ...args: OpArguments): Promise<Kernel> {
    return (await choice()).find(this, op, args);
  }

  /** What `dispatch` would do, and why, for each candidate. */
  async explainDispatch(op: string, ...args: OpArguments): Promise<DispatchReport> {
    return (await choice()).explain(this, op, args);
  }

  /** The kernels under a name. */
  candidatesFor(op: string): readonly Candidate[] {
    return this.candidates.get(op) ?? [];
  }
}

const choice = () => import("./choice.ts");

/** Equal for kernels that no call could tell apart. */
function identityOf({ kernel, builtin }: Candidate): string {
  const { features, open, instances } = kernel;
  const shapes = instances.map(({ params, constraints, opInputs, comptime }) => [
    opInputs,
    // Attributes of nodes choose by them.
    comptime,
    params.map((param) => (param.kind === "tensor" ? [param.mode, param.dtype, param.shape] : param.dtype)),
    constraints.map(({ expr }) => expr),
  ]);
  // What a kernel calls its dimensions says nothing.
  const dims = new Map(instances.flatMap(({ dims: own }) => own.map(({ name }, at) => [name, `#${at}`])));
  return JSON.stringify([builtin, features, open, open ? shapes[0] : shapes], (_, value: unknown) =>
    typeof value === "string" ? (dims.get(value) ?? value) : value,
  );
}

/** The registry that everything shares. */
export const ops = /* @__PURE__ */ new OpRegistry();
