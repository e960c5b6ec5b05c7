// Runs one `test` block on one device: statements in order, kernels dispatched to the device, everything else
// evaluated here.

import type { Compiled } from "../../../compiler/index.ts";
import type { Storage } from "../../../compiler/ir/storage.ts";
import { internalError } from "../../../lang/diagnostics/internal-error.ts";
import type { TExpr, TKernel, TKernelCall, TStmt, TTest } from "../../../lang/typed.ts";
import { Tensor, type Arguments, type Device, type Kernel } from "../../../runtime/index.ts";
import { HostStorage } from "../../../runtime/tensor/storage.ts";
import { evaluate, type Scope } from "./evaluator.ts";
import { assign, bind, loopValues, repeat, runBlock, whileTrue, type Exit } from "./statements.ts";
import { asScalar, asView, View, type Value } from "./value.ts";

/** Compiles an instance for a device's target; each is compiled once. */
export type CompileInstance = (kernel: TKernel) => Promise<Compiled>;

export class TestRunner {
  private readonly device: Device;
  private readonly compile: CompileInstance;
  private readonly kernels = new Map<TKernel, Promise<Kernel>>();

  constructor(device: Device, compile: CompileInstance) {
    this.device = device;
    this.compile = compile;
  }

  /** Runs a test to its end, or throws what it met: a TestFailure, or an error of compiler or runtime. */
  async run(test: TTest): Promise<void> {
    await this.block(test.body, { values: new Map(), calls: new Map() });
  }

  private async block(body: readonly TStmt[], scope: Scope): Promise<Exit> {
    for (const stmt of body) {
      const exit = hasCall(stmt) ? await this.statement(stmt, scope) : runBlock([stmt], scope);
      if (exit) return exit;
    }
    return undefined;
  }

  /** A statement that calls a kernel somewhere. */
  private async statement(stmt: TStmt, scope: Scope): Promise<Exit> {
    switch (stmt.kind) {
      case "let":
        if (stmt.value) bind(stmt, await this.value(stmt.value, scope), scope);
        return undefined;
      case "assign":
        assign(stmt, await this.value(stmt.value, scope), scope);
        return undefined;
      case "expr":
        await this.value(stmt.value, scope);
        return undefined;
      case "if":
        return this.block((await this.value(stmt.cond, scope)) ? stmt.then : stmt.orelse, scope);
      case "for":
        return this.loops(stmt.loops.length, stmt, scope);
      case "while":
        await this.calls(stmt.cond, scope);
        for (const _ of whileTrue(stmt.cond, stmt.span, scope)) {
          const exit = await this.block(stmt.body, scope);
          if (exit?.kind === "return") return exit;
          if (exit?.kind === "break") break;
          await this.calls(stmt.cond, scope);
        }
        return undefined;
      default:
        await this.calls(stmt, scope);
        return runBlock([stmt], scope);
    }
  }

  private async loops(depth: number, stmt: Extract<TStmt, { kind: "for" }>, scope: Scope): Promise<Exit> {
    const loop = stmt.loops[stmt.loops.length - depth];
    if (!loop) return this.block(stmt.body, scope);
    const values: number[] = [];
    repeat(loopValues(loop, scope), (value) => void values.push(value));
    for (const value of values) {
      scope.values.set(loop.sym, value);
      const exit = await this.loops(depth - 1, stmt, scope);
      if (exit?.kind === "return") return exit;
      if (exit?.kind === "break") break;
    }
    return undefined;
  }

  private async value(expr: TExpr, scope: Scope): Promise<Value> {
    await this.calls(expr, scope);
    return evaluate(expr, scope);
  }

  /** Carries out the kernel calls in a node, the innermost first. */
  private async calls(node: TExpr | TStmt, scope: Scope): Promise<void> {
    for (const call of callsIn(node)) scope.calls.set(call, await this.call(call, scope));
  }

  private async call(call: TKernelCall, scope: Scope): Promise<Value> {
    const { kernel } = call;
    const given = kernel.params.filter(({ mode }) => mode !== "out");
    const args: Record<string, Arguments[string]> = {};
    given.forEach(({ sym }, at) => {
      const value = evaluate(call.args[at]!, scope);
      args[sym.name] = value instanceof View ? tensorOf(value) : asScalar(value);
    });
    const results = await (await this.kernel(kernel))(args);
    const outs = kernel.params.filter(({ mode }) => mode !== "in");
    const views = await Promise.all(outs.map(({ sym }) => viewOf(results[sym.name]!)));
    return views.length === 1 ? views[0]! : views;
  }

  private kernel(kernel: TKernel): Promise<Kernel> {
    let loaded = this.kernels.get(kernel);
    if (!loaded) {
      loaded = (async () => {
        const kernels = await this.device.load(await this.compile(kernel));
        return kernels[kernel.instance] ?? internalError("test", `${kernel.instance} was not compiled`);
      })();
      this.kernels.set(kernel, loaded);
    }
    return loaded;
  }
}

/** Shares the elements, so that a kernel's `mut` argument changes the test's tensor. */
function tensorOf({ dtype, shape, strides, offset, data }: View): Tensor {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return new Tensor(new HostStorage(bytes), dtype, { shape, strides, offset });
}

async function viewOf(tensor: Tensor): Promise<View> {
  const data = (await tensor.data()) as Storage;
  return asView(new View(tensor.dtype, tensor.shape, data));
}

// ---- finding calls -----------------------------------------------------------------------------------

const callLists = new WeakMap<object, readonly TKernelCall[]>();

/** The kernel calls below a node in the order of evaluation, those inside generators and defs left out. */
function callsIn(node: object): readonly TKernelCall[] {
  let found = callLists.get(node);
  if (!found) callLists.set(node, (found = [...findCalls(node)]));
  return found;
}

function hasCall(stmt: TStmt): boolean {
  return callsIn(stmt).length > 0;
}

const elsewhere = new Set(["type", "span", "sym", "syms", "fn", "kernel", "annotations", "combine"]);

function* findCalls(node: unknown): Generator<TKernelCall> {
  if (Array.isArray(node)) {
    for (const each of node) yield* findCalls(each);
    return;
  }
  if (typeof node !== "object" || node === null) return;
  const { kind } = node as { kind?: string };
  if (kind === "reduce") return;
  for (const [key, part] of Object.entries(node)) if (!elsewhere.has(key)) yield* findCalls(part);
  if (kind === "kernel-call") yield node as TKernelCall;
}
