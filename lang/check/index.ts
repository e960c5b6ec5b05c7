// The checker: a source file to a TypedModule. Loads the module and its imports, checks every definition and
// test by itself, and makes the instances that the compiler asks for. Reports to the sink; never throws.

import { textOf, type SourceFile } from "../source.ts";
import { DiagnosticSink as Sink, type Diagnostic, type DiagnosticSink } from "../diagnostics/diagnostic.ts";
import type {
  CheckModule,
  InstanceRequest,
  KernelTemplate,
  ModuleHost,
  NameObserver,
  TKernel,
  TTest,
  TypedModule,
} from "../typed.ts";
import { describeParams, fromComptime } from "./comptime-values.ts";
import { Cx, forward, makeBody, Session, suggestion, type ModuleInfo } from "./context.ts";
import { checkDefinitions } from "./definitions.ts";
import { checkInitialised } from "./initialisation.ts";
import { instantiateKernel } from "./instances.ts";
import { opName } from "./kernel-decorators.ts";
import { loadModule } from "./modules.ts";
import { Scope } from "./scope.ts";
import { packNames } from "./signatures.ts";
import { checkBlock, comptimeCondition } from "./statements.ts";
import { check } from "./expressions.ts";
import { reportUnused } from "./usage.ts";

/** Whether a file checked by itself belongs to the standard library, which may say `intrinsic.`. */
const isStd = (file: SourceFile): boolean => /(^|\/)(std|stdlib)[/:]/.test(file.path);

/** Checks one file: see typed.ts for what comes out. */
export const checkModule: CheckModule = (
  file: SourceFile,
  host: ModuleHost,
  sink: DiagnosticSink,
  observer?: NameObserver,
): TypedModule => {
  const session = new Session(host, observer);
  const own = new Sink();
  const module = loadModule(session, file, file.path, isStd(file), true, own);
  resolveAll(module);
  checkAsserts(session, module, own);
  checkDefinitions(session, module, own);
  const tests = checkTests(session, module, own);
  for (const found of inOrder(own.all, file)) sink.add(found);
  return {
    file,
    ast: module.ast,
    comments: module.ast.comments,
    kernels: module.kernels.map((entry) => templateOf(session, module, entry.decl)),
    tests,
    files: [...session.modules.values()].map((one) => one.file),
    instantiate: (kernel, request, to) => instantiate(session, module, kernel, request, to),
  };
};

/** By place, the file itself first; instances find the mistakes of a file in no particular order. */
function inOrder(found: readonly Diagnostic[], file: SourceFile): readonly Diagnostic[] {
  const foreign = (one: Diagnostic): number => (one.span && one.span.file !== file ? 1 : 0);
  return found.toSorted((a, b) => foreign(a) - foreign(b) || (a.span?.start ?? 0) - (b.span?.start ?? 0));
}

/** Evaluates constants and structs that nothing names, for their mistakes. */
function resolveAll(module: ModuleInfo): void {
  for (const [, entity] of module.scope.ownEntries()) if (entity.kind === "lazy") entity.resolve();
}

function checkAsserts(session: Session, module: ModuleInfo, sink: DiagnosticSink): void {
  const cx = new Cx(session, makeBody({ kind: "module", name: module.name, module, sink }), module.scope);
  for (const item of module.ast.items) {
    if (item.kind !== "comptime-assert") continue;
    const holds = comptimeCondition(cx, check(cx, item.cond), "the condition of `comptime assert`");
    if (holds === false)
      cx.report("K0322", { message: item.message?.value ?? textOf(item.cond.span) }, item.span);
  }
}

/** Tests that checked without errors. */
function checkTests(session: Session, module: ModuleInfo, sink: DiagnosticSink): TTest[] {
  const tests: TTest[] = [];
  for (const item of module.ast.items) {
    if (item.kind !== "test") continue;
    const own = new Sink();
    const body = makeBody({ kind: "test", name: item.title.value, module, sink: own });
    const stmts = checkBlock(new Cx(session, body, new Scope(module.scope)), item.body);
    checkInitialised(stmts, own);
    reportUnused(body, undefined);
    forward(own.all, sink, undefined);
    if (!own.hasErrors) tests.push({ title: item.title.value, body: stmts, decl: item, span: item.span });
  }
  return tests;
}

function templateOf(
  session: Session,
  module: ModuleInfo,
  decl: ModuleInfo["kernels"][number]["decl"],
): KernelTemplate {
  const cx = new Cx(
    session,
    makeBody({ kind: "module", name: module.name, module, sink: new Sink() }),
    module.scope,
  );
  const op = decl.decorators.find((one) => one.path.length === 1 && one.path[0]!.text === "op");
  return {
    name: decl.name.text,
    op: op && opName(op),
    decl,
    compParams: describeParams(cx, decl.compParams),
    packs: packNames(decl.params, module.scope),
  };
}

function instantiate(
  session: Session,
  module: ModuleInfo,
  kernel: string,
  request: InstanceRequest,
  sink: DiagnosticSink,
): TKernel | undefined {
  const entry = module.kernels.find((one) => one.decl.name.text === kernel);
  const own = new Sink();
  const cx = new Cx(
    session,
    makeBody({ kind: "module", name: module.name, module, sink: own }),
    module.scope,
  );
  if (!entry) {
    const { span } = module.ast;
    const known = module.kernels.map((one) => one.decl.name.text);
    const near = suggestion(kernel, known, { ...span, end: span.start });
    sink.report("K0201", { name: kernel, what: "the kernel" }, undefined, {
      notes: near.fix ? [near.fix.text] : [],
    });
    return undefined;
  }
  const { decl } = entry;
  const given = new Map(
    Object.entries(request.comptime ?? {}).map(([name, value]) => [
      name,
      fromComptime(value, decl.name.span),
    ]),
  );
  for (const name of given.keys()) {
    if (decl.compParams.some((param) => param.name.text === name)) continue;
    sink.report(
      "K0308",
      { callee: `\`${kernel}\``, why: `it has no compile-time parameter \`${name}\`` },
      decl.name.span,
    );
    return undefined;
  }
  const made = instantiateKernel(
    cx,
    entry,
    given,
    new Map(Object.entries(request.packs ?? {})),
    decl.name.span,
  );
  for (const found of own.all) sink.add(found);
  return own.hasErrors ? undefined : made;
}
