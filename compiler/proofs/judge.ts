// Listens to the walk and judges: each record is proved or reported as it comes; races when a loop is left;
// coverage at the end. Keeps the tally and the facts that `explain` prints.

import { dtypeInfo } from "../../lang/dtypes.ts";
import type { DiagnosticSink } from "../../lang/diagnostics/diagnostic.ts";
import type { AllocStmt, AssertStmt, AssignStmt, Expr, IrKernel, JumpStmt, OpExpr } from "../ir/ir.ts";
import { isZero, type Cond } from "../symbolic/cond.ts";
import { textOf } from "../../lang/source.ts";
import { checkSchedule } from "../schedule/legality.ts";
import { attempt } from "../symbolic/integers.ts";
import { constantPoly, mod, sub, type Poly } from "../symbolic/poly.ts";
import { printCond, printPoly } from "../symbolic/print.ts";
import { checkBounds } from "./bounds.ts";
import { checkInput, checkOutput, checkRead } from "./coverage.ts";
import { accessText, exprText, loopsText, shownName, withSizes } from "./describe.ts";
import { proves, type Facts } from "./facts.ts";
import type { ProofFact } from "./index.ts";
import type { Access, ForLoop, Listener, Loop } from "./listener.ts";
import { annotationsOn, conflict, loopName, reportCarried, reportConflict } from "./races.ts";
import { search } from "./search.ts";
import type { Terms } from "./terms.ts";

export interface Allocation {
  readonly stmt: AllocStmt;
  readonly loops: readonly Loop[];
  readonly order: number;
}

export class Judge implements Listener {
  readonly facts: ProofFact[] = [];
  proved = 0;
  runtimeChecks = 0;
  readonly accesses: Access[] = [];
  readonly allocations: Allocation[] = [];
  readonly broken = new Set<Loop>();
  /** Assignments, each with the loops between it and the variable's declaration. */
  private readonly assignments: { readonly stmt: AssignStmt; readonly loops: readonly Loop[] }[] = [];
  private readonly kernel: IrKernel;
  private readonly shapes: ReadonlyMap<string, readonly Poly[]>;
  private readonly terms: Terms;
  private readonly sink: DiagnosticSink;
  private readonly errorsBefore: number;
  private readonly depths = new Map<string, number>();

  constructor(
    kernel: IrKernel,
    shapes: ReadonlyMap<string, readonly Poly[]>,
    terms: Terms,
    sink: DiagnosticSink,
  ) {
    this.kernel = kernel;
    this.shapes = shapes;
    this.terms = terms;
    this.sink = sink;
    this.errorsBefore = this.errors();
  }

  private errors(): number {
    return this.sink.all.filter((found) => found.severity === "error").length;
  }

  private note(fact: Omit<ProofFact, "checkedAtRunTime">, checkedAtRunTime = false): void {
    this.facts.push({ ...fact, checkedAtRunTime });
    if (checkedAtRunTime) this.runtimeChecks++;
  }

  access(access: Access): void {
    this.accesses.push(access);
    const shape = this.shapes.get(access.buffer.name)!;
    const { proved, needsGuard } = checkBounds(access, shape, this.kernel, this.terms, this.sink);
    if (!proved) return;
    this.proved++;
    const subject = accessText(access.node);
    const inside = access.index.map((index, axis) => `0 <= ${printPoly(index)} < ${printPoly(shape[axis]!)}`);
    if (needsGuard)
      this.note(
        {
          span: access.node.span,
          subject,
          claim: inside.join(", "),
          how: `tested: ${printCond(access.guard)}`,
        },
        true,
      );
    else
      this.note({
        span: access.node.span,
        subject,
        claim: inside.join(", "),
        how: access.loops.length > 0 ? "from loop ranges and conditions" : "from sizes",
      });
  }

  partial(expr: OpExpr, fit: Cond, facts: Facts): void {
    const operand = exprText(expr.args[1]!);
    if (proves(facts, fit)) {
      this.note({
        span: expr.span,
        subject: exprText(expr),
        claim:
          expr.op === "shl" || expr.op === "shr" ? "the shift is below the width" : "the divisor isn’t 0",
        how: "from what holds here",
      });
      return;
    }
    const found = search(this.kernel, { kind: "unfit", node: expr });
    const counterexample =
      found &&
      `${withSizes(found, new Set())}${[loopsText(found.loops), `\`${operand}\` is unfit`].filter(Boolean).join(", ")}`;
    if (expr.op === "shl" || expr.op === "shr") {
      const { bits } = dtypeInfo(expr.type.dtype);
      this.sink.report("K0406", { expr: exprText(expr), by: operand, bits }, expr.span, {
        counterexample: counterexample?.replace("is unfit", "isn’t below the width"),
        fix: {
          text: `mask it, \`${operand} & ${bits - 1}\`, or \`assert 0 <= ${operand} and ${operand} < ${bits}\` before`,
        },
      });
    } else {
      this.sink.report("K0405", { expr: exprText(expr), divisor: operand }, expr.span, {
        counterexample: counterexample?.replace("is unfit", "is 0"),
        fix: {
          text: `\`assert ${operand} > 0\` before, or state it in a \`where\` clause if it is a dimension or scalar`,
        },
      });
    }
  }

  asserted(stmt: AssertStmt, proved: boolean, claim: Cond, _facts: Facts): void {
    const subject = `assert ${exprText(stmt.cond)}`;
    if (proved) {
      this.note({ span: stmt.span, subject, claim: printCond(claim), how: "from what holds here" });
      return;
    }
    if (stmt.origin === "source") {
      this.note({ span: stmt.span, subject, claim: printCond(claim), how: "checked at run time" }, true);
      return;
    }
    const found = search(this.kernel, { kind: "assert", node: stmt });
    const counterexample =
      found &&
      `${withSizes(found, new Set())}${[loopsText(found.loops), "it doesn’t hold"].filter(Boolean).join(", ")}`;
    this.sink.report("K0407", { what: stmt.message }, stmt.span, {
      label: claim.kind === "false" ? undefined : `this needs \`${printCond(claim)}\``,
      counterexample,
      fix: { text: `say so before: \`assert ${printCond(claim)}\`, or in a \`where\` clause` },
    });
  }

  declared(name: string, depth: number): void {
    this.depths.set(name, depth);
  }

  assigned(stmt: AssignStmt, loops: readonly Loop[]): void {
    const depth = this.depths.get(stmt.name) ?? 0;
    this.assignments.push({ stmt, loops: loops.slice(depth) });
    for (const loop of loops.slice(depth)) {
      if (loop.kind !== "for") continue;
      for (const annotation of annotationsOn(loop.stmt)) {
        reportCarried(loop, stmt, annotation, this.sink);
        this.accused.add(loop);
      }
    }
  }
  /** Loops with a report of their own: one mistake, one message. */
  private readonly accused = new Set<Loop>();

  allocated(stmt: AllocStmt, loops: readonly Loop[], order: number): void {
    this.allocations.push({ stmt, loops, order });
  }

  enters(loop: Loop): void {
    if (loop.kind !== "for" || loop.stmt.marks.vectorize?.tail !== "exact") return;
    this.exactTail(loop, loop.stmt.marks.vectorize.width);
  }

  private exactTail(loop: ForLoop, width: number | undefined): void {
    const name = loopName(loop.stmt);
    const span = loop.stmt.span;
    if (width === undefined) {
      this.sink.report("K0524", { loop: name, width: "the width" }, span, {
        notes: ["without `width=` each target chooses one of its own"],
        fix: { text: 'give the width: `@vectorize(width=4, tail="exact")`' },
      });
      return;
    }
    const length = sub(loop.hi, loop.lo);
    if (divides(width * loop.step, length, loop.entry)) {
      this.note({
        span,
        subject: `@vectorize ${name}`,
        claim: `${width} divides the number of iterations`,
        how: `${printPoly(length)} is a multiple of ${width * loop.step}`,
      });
      return;
    }
    this.sink.report("K0524", { loop: name, width: String(width) }, span, {
      label: `this runs \`${printPoly(length)}\` times`,
      fix: {
        text: `state \`where ${printPoly(length)} % ${width * loop.step} == 0\`, or take \`tail="mask"\``,
      },
    });
  }

  left(loop: Loop): void {
    if (loop.kind !== "for") return;
    if (loop.stmt.schedule) this.schedule(loop);
    const annotations = annotationsOn(loop.stmt);
    if (annotations.length === 0) return;
    const name = loopName(loop.stmt);
    if (this.broken.has(loop)) {
      for (const annotation of annotations)
        this.sink.report("K0523", { annotation, loop: name }, loop.stmt.span);
      return;
    }
    if (this.accused.has(loop)) return;
    const inner = new Set(
      this.allocations.filter((each) => each.loops.includes(loop)).map((each) => each.stmt.buffer),
    );
    const shared = this.accesses.filter((access) => !inner.has(access.buffer.name));
    const found = conflict(loop, shared);
    if (found) this.conflicting(loop, found, annotations);
    else
      for (const annotation of annotations)
        this.note({
          span: loop.stmt.span,
          subject: `${annotation} ${name}`,
          claim: "no iteration writes what another touches",
          how: writesIn(shared, loop) === 0 ? "nothing shared is written" : "the elements written differ",
        });
  }

  /** One message for two accesses, though all loops of a `grid` are marked. */
  private conflicting(loop: ForLoop, pair: [Access, Access], annotations: readonly string[]): void {
    for (const annotation of annotations) {
      const key = `${annotation} ${pair[0].order} ${pair[1].order}`;
      if (this.reported.has(key)) continue;
      this.reported.add(key);
      reportConflict(loop, pair, annotation, this.kernel, this.terms, this.sink);
    }
  }
  private readonly reported = new Set<string>();

  /** Whether the loop's directives keep what its iterations compute. */
  private schedule(loop: ForLoop): void {
    if (this.sink.hasErrors) return;
    const inner = new Set(
      this.allocations.filter((each) => each.loops.includes(loop)).map((each) => each.stmt.buffer),
    );
    const accesses = this.accesses.filter(
      (access) => access.loops.includes(loop) && !inner.has(access.buffer.name),
    );
    const carried = this.assignments.filter((each) => each.loops.includes(loop)).map((each) => each.stmt);
    const { kernel, sink } = this;
    if (!checkSchedule(loop, { kernel, sink, accesses, carried })) return;
    for (const directive of loop.stmt.schedule ?? [])
      if (directive.span && (directive.kind === "tile" || directive.kind === "order"))
        this.note({
          span: directive.span,
          subject: textOf(directive.span),
          claim: "iterations that touch one element keep their order",
          how: "no two that write and touch an element change places",
        });
  }

  leaves(loop: Loop, _stmt: JumpStmt): void {
    this.broken.add(loop);
  }
  reduces(): void {}
  guarded(expr: Expr, outcome: "true" | "false" | "kept"): void {
    if (outcome === "kept" || expr.kind !== "load") return;
    this.note({
      span: expr.span,
      subject: accessText(expr),
      claim: outcome === "true" ? "always inside" : "always outside",
      how: "the test is settled at compile time",
    });
  }

  /** What can be said only once everything was seen: outputs, definedness, inputs that are dropped. */
  finish(entry: Facts): void {
    const clean = this.errors() === this.errorsBefore;
    const covered = {
      clean,
      kernel: this.kernel,
      entry,
      accesses: this.accesses,
      broken: this.broken,
      sink: this.sink,
    };
    const modes = new Map(
      this.kernel.params.flatMap((param) =>
        param.kind === "tensor" ? [[param.buffer, param] as const] : [],
      ),
    );
    for (const access of this.accesses) {
      if (access.node.kind === "store" && !access.node.atomic) continue;
      const name = access.buffer.name;
      const births = this.allocations.filter((each) => each.stmt.buffer === name);
      const param = modes.get(name);
      if (param ? param.mode !== "out" : births.some((birth) => birth.stmt.fill)) continue;
      if (checkRead(access, births[0], covered))
        this.note({
          span: access.node.span,
          subject: accessText(access.node),
          claim: "written before it is read",
          how: "by earlier statements and iterations",
        });
    }
    for (const param of modes.values()) {
      const shape = this.shapes.get(param.buffer)!;
      if (param.mode === "out") {
        if (checkOutput(param.buffer, shape, param.span, covered))
          this.note({
            span: param.span,
            subject: shownName(param.buffer),
            claim: "every element is written",
            how: "the statements that write it cover its shape",
          });
      } else if (param.mode === "in" && this.errors() === this.errorsBefore)
        checkInput(param.buffer, param.span, this.shapes, covered);
    }
  }
}

function writesIn(accesses: readonly Access[], loop: Loop): number {
  return accesses.filter((access) => access.kind === "store" && access.loops.includes(loop)).length;
}

function divides(by: number, length: Poly, facts: Facts): boolean {
  return attempt(() => proves(facts, isZero(mod(length, constantPoly(by)))), false);
}
