// Follows a kernel whose sizes are known, statement by statement: loops that lie in lanes once for all their iterations, the
// others one iteration after the other. Numbers and conditions that are known fall away on the way; what is stored, and
// what reductions come to, are operations on rows.

import type { Span } from "../../../../../lang/source.ts";
import type {
  AssertStmt,
  Expr,
  ForStmt,
  IfStmt,
  IrKernel,
  LoadExpr,
  Stmt,
  StoreStmt,
} from "../../../../ir/ir.ts";
import { exprsOf, visitExpr, blocksOf, type Block } from "../../../../ir/walk.ts";
import { apply } from "../../../../ir/build.ts";
import { declaredIn, assignedIn } from "../../../../ir/names.ts";
import { op as opExpr, ref, type IrType } from "../../../../ir/ir.ts";
import { Unfit, type Node } from "../dag.ts";
import { fuel, storesTogether, tooLong } from "./bounds.ts";
import { chosen, guarded, scattered } from "./choose.ts";
import type { Families, Subscript, Tensor } from "./families.ts";
import type { Family } from "./model.ts";
import { sizeOf, type Operations } from "./operations.ts";
import { reduced, type Collector } from "./reductions.ts";
import { selected } from "../selection.ts";
import { applied, known, nodeOf, ofNode, where, type Value } from "./values.ts";

interface Pending {
  readonly buffer: string;
  readonly index: readonly Subscript[];
  readonly key: string;
  readonly value: Node;
  readonly span: Span | undefined;
}

export class Trace {
  readonly families: Families;
  readonly operations: Operations;
  readonly env = new Map<string, Value>();
  readonly types = new Map<string, IrType>();
  readonly collectors = new Map<string, Collector>();
  /** Loops in lanes, by their variable, with their place in the space. */
  private readonly lanes: ReadonlyMap<string, number>;
  /** Names that are used in loops which don't declare them: their values are stored once. */
  private readonly deep = new Set<string>();
  private readonly pending: Pending[] = [];
  /** Rows that are 1 where a check holds. */
  readonly checks: { readonly rows: Family; readonly message: string; readonly span: Span | undefined }[] =
    [];
  /** What has to hold for a statement to count, where that isn't known. */
  private mask: Node | undefined;
  /** The mask says where a value goes. */
  scattering = false;
  private left = fuel;

  constructor(families: Families, operations: Operations, lanes: ReadonlyMap<string, number>) {
    this.families = families;
    this.operations = operations;
    this.lanes = lanes;
  }

  run({ body }: IrKernel): void {
    this.findDeep(body, 0, new Map());
    this.block(body);
    this.flush();
  }

  private findDeep(body: Block, depth: number, declared: Map<string, number>): void {
    for (const stmt of body) {
      for (const expr of exprsOf(stmt))
        visitExpr(expr, (part) => {
          if (part.kind === "ref" && (declared.get(part.name) ?? 0) < depth) this.deep.add(part.name);
        });
      if (stmt.kind === "let" || stmt.kind === "var") declared.set(stmt.name, depth);
      if (stmt.kind === "reduce") for (const { name } of stmt.results) declared.set(name, depth);
      const loop = (stmt.kind === "for" && !this.lanes.has(stmt.name)) || stmt.kind === "reduce";
      for (const block of blocksOf(stmt)) this.findDeep(block, loop ? depth + 1 : depth, declared);
    }
  }

  block(body: Block): void {
    for (const stmt of body) this.statement(stmt);
  }

  private statement(stmt: Stmt): void {
    switch (stmt.kind) {
      case "let":
        this.types.set(stmt.name, stmt.value.type);
        this.bind(stmt.name, this.value(stmt.value), stmt.span);
        return;
      case "var":
        this.types.set(stmt.name, stmt.init.type);
        this.env.set(stmt.name, this.value(stmt.init));
        return;
      case "assign":
        this.env.set(stmt.name, this.masked(this.value(stmt.value), this.env.get(stmt.name), stmt.value));
        return;
      case "store":
        return this.store(stmt);
      case "for":
        return this.loop(stmt);
      case "if":
        return this.branch(stmt);
      case "reduce":
        this.flush();
        return reduced(this, stmt);
      case "yield": {
        const collector = this.collectors.get(stmt.into)!;
        collector.add(
          stmt.values.map((each) => this.value(each)),
          this.mask,
        );
        return;
      }
      case "alloc": {
        this.flush();
        const tensor = this.families.tensors.get(stmt.buffer)!;
        tensor.now.clear();
        tensor.fill = stmt.fill && this.node(stmt.fill);
        return;
      }
      case "assert": {
        const holds = this.value(stmt.cond);
        if (holds.kind === "known" && holds.value) return;
        if (holds.kind === "known") throw new Unfit("a check that doesn’t hold for these sizes", stmt.span);
        return this.check(stmt, this.toNode(holds, stmt.cond));
      }
      default:
        throw new Unfit("a loop whose end depends on data", stmt.span);
    }
  }

  /** What only data can decide is stored, for the host to look at. */
  private check({ cond, message, span }: AssertStmt, holds: Node): void {
    const value = this.mask
      ? selected(apply("or", [cond, cond], span), [holds, selected(apply("not", [cond], span), [this.mask])])
      : holds;
    const [rows] = this.operations.map([{ value, name: "checks", span }]);
    this.checks.push({ rows: rows!, message, span });
  }

  // ---- loops and branches ------------------------------------------------------------------------------------

  private loop(stmt: ForStmt): void {
    const lane = this.lanes.get(stmt.name);
    if (lane !== undefined) {
      if (this.families.space.extents[lane] === 0) return;
      this.env.set(stmt.name, {
        kind: "lane",
        key: String(lane),
        loop: lane,
        at: (coordinates) => coordinates[lane]!,
      });
      // Lanes beyond the loop's end have no part in it.
      const end = this.number(stmt.hi, "a loop’s bound");
      if (end <= 0) return;
      const run = (): void => {
        this.block(stmt.body);
        this.flush();
      };
      return end < this.families.space.extents[lane]!
        ? this.under(this.below(lane, end), stmt.hi, run)
        : run();
    }
    const [lo, hi] = [this.number(stmt.lo, "a loop’s bound"), this.number(stmt.hi, "a loop’s bound")];
    const outer = [...assignedIn(stmt.body)].filter((name) => this.env.has(name));
    const own = declaredIn(stmt.body);
    for (let at = lo; at < hi; at += stmt.step) {
      this.spend(stmt.span);
      this.env.set(stmt.name, known(at, false));
      this.block(stmt.body);
      this.flush();
      // What one iteration hands to the next lies in memory in between.
      for (const name of outer) if (!own.has(name)) this.settle(name, stmt.span);
    }
  }

  private branch(stmt: IfStmt): void {
    const cond = this.value(stmt.cond);
    if (cond.kind === "known") return this.block(cond.value ? stmt.then : stmt.orelse);
    const node = this.toNode(cond, stmt.cond);
    this.under(node, stmt.cond, () => this.block(stmt.then));
    if (stmt.orelse.length === 0) return;
    const not = selected(apply("not", [stmt.cond], stmt.span), [node]);
    this.under(not, stmt.cond, () => this.block(stmt.orelse));
  }

  /** Carries out what stands under one more condition. */
  under(holds: Node, expr: Expr, body: () => void): void {
    const before = this.mask;
    this.mask = this.both(holds, expr);
    body();
    this.mask = before;
  }

  /** A condition in addition to those around. */
  private both(node: Node, { span }: Expr): Node {
    const cond = ref("mask", { dtype: "bool", lanes: 1 });
    return this.mask ? selected(apply("and", [cond, cond], span), [this.mask, node]) : node;
  }

  /** Whether a lane's coordinate is below a number. */
  private below(lane: number, end: number): Node {
    const rows = this.families.ofLanes(`below ${lane} ${end}`, "u8", (coordinates) =>
      coordinates[lane]! < end ? 1 : 0,
    );
    return this.operations.loads.node(rows);
  }

  /** Carries out what stands under no condition of its own, whatever the conditions around. */
  unmasked(body: () => void): void {
    const before = this.mask;
    this.mask = undefined;
    body();
    this.mask = before;
  }

  /** A new value where the mask holds, the old one elsewhere. */
  private masked(value: Value, old: Value | undefined, of: Expr): Value {
    if (!this.mask || !old) return value;
    const cond = ref("mask", { dtype: "bool", lanes: 1 });
    const expr = opExpr("select", of.type, [cond, of, of], of.span);
    return ofNode(selected(expr, [this.mask, this.toNode(value, of), this.toNode(old, of)]));
  }

  // ---- values ------------------------------------------------------------------------------------------------

  /** Names a value; one that loops use again and again is stored. */
  bind(name: string, value: Value, span: Span | undefined): void {
    this.env.set(name, value);
    if (this.deep.has(name)) this.settle(name, span);
  }

  private settle(name: string, span: Span | undefined): void {
    const value = this.env.get(name)!;
    if (value.kind !== "node" || sizeOf([value.node]) === 0) return;
    this.env.set(name, ofNode(this.stored(value.node, name, span)));
  }

  /** The node of the rows that a value is stored in. */
  stored(value: Node, name: string, span: Span | undefined): Node {
    const at = this.pending.find((each) => each.value === value);
    if (at) {
      this.flush();
      const now = this.families.tensors.get(at.buffer)!.now.get(at.key);
      if (now) return this.loaded(now, value);
    }
    const [family] = this.operations.map([{ value, name, span }]);
    return this.loaded(family!, value);
  }

  /** A load of rows under the type of the value that they hold. */
  private loaded(family: ReturnType<Operations["map"]>[number], value: Node): Node {
    const load = this.operations.loads.node(family);
    const type = value.kind === "alu" ? value.gives : value.type;
    return type === family.type ? load : { kind: "cast", type, of: load };
  }

  value(expr: Expr): Value {
    switch (expr.kind) {
      case "const":
        return known(expr.value);
      case "ref": {
        const found = this.env.get(expr.name);
        if (!found) throw new Unfit(`\`${expr.name}\``, expr.span);
        return found;
      }
      case "load":
        return this.load(expr);
      default:
        return applied(
          expr,
          expr.args.map((each) => this.value(each)),
          (value, of) => this.toNode(value, of),
        );
    }
  }

  node(expr: Expr): Node {
    return this.toNode(this.value(expr), expr);
  }

  toNode(value: Value, of: Expr): Node {
    return nodeOf(value, of.type.dtype, this.families, this.operations.loads, of);
  }

  private number(expr: Expr, what: string): number {
    const value = this.value(expr);
    if (value.kind === "known") return Number(value.value);
    throw new Unfit(
      `${what} that depends on ${value.kind === "lane" ? "a loop in lanes" : "data"}`,
      expr.span,
    );
  }

  private subscripts(index: readonly Expr[]): readonly Subscript[] {
    return index.map((expr): Subscript => {
      const value = this.value(expr);
      if (value.kind === "known") return { kind: "fixed", at: Number(value.value) };
      if (value.kind === "lane") return value;
      throw new Unfit("a subscript that depends on data", expr.span);
    });
  }

  private load(expr: LoadExpr): Value {
    const guard = expr.guard && this.value(expr.guard);
    if (guard?.kind === "known" && !guard.value) return known(expr.type.dtype === "bool" ? false : 0);
    const tensor = this.families.tensors.get(expr.buffer)!;
    const places = expr.index.map((each) => this.value(each));
    const axis = places.findIndex(({ kind }) => kind === "node");
    if (axis >= 0 && !tensor.written && places.filter(({ kind }) => kind === "node").length === 1)
      return this.chosen(expr, axis, places, guard);
    let index = this.subscripts(expr.index);
    // Rows are there whether or not a condition of data holds: they are read, and count as zero where it doesn't.
    if (guard && (guard.kind === "node" || (guard.kind === "lane" && tensor.written)))
      return ofNode(where(this.nodeOfRows(tensor, index, expr), this.toNode(guard, expr.guard!), expr.span));
    if (guard && guard.kind !== "known") index = guarded(index, guard);
    return ofNode(this.nodeOfRows(tensor, index, expr));
  }

  /** What a tensor has at a place now, stored or about to be. */
  private nodeOfRows(tensor: Tensor, index: readonly Subscript[], { buffer, span }: LoadExpr): Node {
    const key = this.families.placeOf(tensor, index, span);
    const waiting = this.pending.findLast((each) => each.buffer === buffer && each.key === key);
    if (waiting) return waiting.value;
    const found = this.families.load(buffer, index, span);
    if ("kind" in found) return found;
    const node = this.operations.loads.node(found);
    return tensor.type === found.type ? node : { kind: "cast", type: tensor.type, of: node };
  }

  /** A load from a place that is data. */
  private chosen(expr: LoadExpr, axis: number, places: readonly Value[], guard: Value | undefined): Value {
    const index = places.map((value, at): Subscript | undefined =>
      at === axis || value.kind === "node"
        ? undefined
        : value.kind === "known"
          ? { kind: "fixed", at: Number(value.value) }
          : value,
    );
    const at = this.toNode(places[axis]!, expr.index[axis]!);
    const family = chosen(this.families, this.operations, expr.buffer, index, at, expr.span);
    const node = this.operations.loads.node(family);
    if (!guard || guard.kind === "known") return ofNode(node);
    return ofNode(where(node, this.toNode(guard, expr.guard!), expr.span));
  }

  // ---- stores ------------------------------------------------------------------------------------------------

  store(stmt: StoreStmt): void {
    const { buffer, span } = stmt;
    if (stmt.atomic) throw new Unfit("an atomic store", span);
    const guard = stmt.guard && this.value(stmt.guard);
    if (guard?.kind === "known" && !guard.value) return;
    if (guard && guard.kind !== "known") throw new Unfit("a store under a condition", span);
    if (scattered(this, stmt)) return;
    const index = this.subscripts(stmt.index);
    const tensor = this.families.tensors.get(buffer)!;
    const key = this.families.placeOf(tensor, index, span);
    let value = this.value(stmt.value);
    if (this.mask) {
      const waiting = this.pending.findLast((each) => each.buffer === buffer && each.key === key);
      const now = tensor.now.get(key);
      const old = waiting?.value ?? (now ? this.operations.loads.node(now) : tensor.fill);
      if (old || tensor.mode === "mut") {
        const before = old ?? this.nodeOfLoad(buffer, index, span);
        value = this.masked(value, ofNode(before), stmt.value);
      } else if (this.scattering)
        throw new Unfit("a place that depends on data, in a tensor that nothing was stored to before", span);
    }
    const at = this.pending.findIndex((each) => each.buffer === buffer && each.key === key);
    if (at >= 0) this.pending.splice(at, 1);
    this.pending.push({ buffer, index, key, value: this.toNode(value, stmt.value), span });
    if (this.pending.length >= storesTogether) this.flush();
  }

  spend(span: Span | undefined): void {
    if (this.left-- <= 0) throw new Unfit(tooLong, span);
  }

  private nodeOfLoad(buffer: string, index: readonly Subscript[], span: Span | undefined): Node {
    const found = this.families.load(buffer, index, span);
    return "kind" in found ? found : this.operations.loads.node(found);
  }

  /** Makes an operation of the stores that wait: those that follow each other without a loop between share their graph. */
  flush(): void {
    const waiting = this.pending.splice(0);
    if (waiting.length === 0) return;
    const families = this.operations.map(
      waiting.map(({ buffer, value, span }) => ({ value, name: buffer, span })),
    );
    for (const [at, { buffer, index, span }] of waiting.entries())
      this.families.store(buffer, index, families[at]!, span);
  }
}
