// Statements of the interpreter. Each becomes one closure that tells how it ended, so that jumps cost nothing
// where there are none.

import type { ForStmt, IfStmt, ReduceStmt, Stmt, YieldStmt } from "./ir.ts";
import { i32 } from "./ir.ts";
import { isFloat } from "../../lang/dtypes.ts";
import { internalError } from "../../lang/diagnostics/internal-error.ts";
import { allocAction, storeAction } from "./interpret-access.ts";
import { ExprCompiler } from "./interpret-expr.ts";
import { Fault, Rejection, type Value } from "./interpret-machine.ts";
import { reducer } from "./interpret-reduce.ts";
import type { Block } from "./walk.ts";

const normal = 0;
const broke = 1;
const continued = 2;
type Signal = typeof normal | typeof broke | typeof continued;
type Action = () => Signal;

export class StmtCompiler extends ExprCompiler {
  /** What a yield into each reduction does, by the name of its first result. */
  private readonly yields = new Map<string, (values: readonly Value[]) => void>();

  readonly block = (block: Block): Action => {
    const actions = block.map(this.stmt);
    const [first, second] = actions;
    if (!first) return () => normal;
    if (actions.length === 1) return first;
    if (actions.length === 2) return () => first() || second!();
    return () => {
      for (let at = 0; at < actions.length; at++) {
        const signal = actions[at]!();
        if (signal !== normal) return signal;
      }
      return normal;
    };
  };

  private readonly stmt = (stmt: Stmt): Action => {
    switch (stmt.kind) {
      case "let":
        return this.set(stmt.name, stmt.value, true);
      case "var":
        return this.set(stmt.name, stmt.init, true);
      case "assign":
        return this.set(stmt.name, stmt.value, false);
      case "alloc":
        return effect(allocAction(this.machine.cell(stmt.buffer), stmt.fill && this.expr(stmt.fill)));
      case "store": {
        const access = {
          cell: this.machine.cell(stmt.buffer),
          index: stmt.index.map(this.expr),
          guard: stmt.guard && this.expr(stmt.guard),
          lanes: stmt.value.type.lanes,
          flat: this.flat,
          span: stmt.span,
        };
        return effect(storeAction(access, this.expr(stmt.value), stmt.atomic));
      }
      case "for":
        return this.loop(stmt);
      case "while": {
        const cond = this.expr(stmt.cond);
        const body = this.block(stmt.body);
        const { machine } = this;
        return () => {
          while (cond()) {
            if (--machine.fuel < 0) throw new Fault("the loop runs longer than allowed", stmt.span);
            if (body() === broke) break;
          }
          return normal;
        };
      }
      case "if":
        return this.conditional(stmt);
      case "break":
        return () => broke;
      case "continue":
        return () => continued;
      case "assert": {
        const cond = this.expr(stmt.cond);
        const { message, origin, span } = stmt;
        return () => {
          if (cond()) return normal;
          if (origin === "source") throw new Rejection(message, span);
          throw new Fault(`an obligation doesn't hold: ${message}`, span);
        };
      }
      case "reduce":
        return this.reduce(stmt);
      case "yield":
        return this.yield(stmt);
    }
  };

  private set(name: string, value: Parameters<typeof this.expr>[0], declares: boolean): Action {
    const thunk = this.expr(value);
    const register = declares ? this.machine.declare(name, value.type) : this.machine.register(name);
    const { numbers, others } = this.machine;
    const { at } = register;
    if (register.sort === "other") {
      return () => {
        others[at] = thunk();
        return normal;
      };
    }
    return () => {
      numbers[at] = thunk() as number;
      return normal;
    };
  }

  private loop(stmt: ForStmt): Action {
    const lo = this.expr(stmt.lo) as () => number;
    const hi = this.expr(stmt.hi) as () => number;
    const { at } = this.machine.declare(stmt.name, i32);
    const body = this.block(stmt.body);
    const { machine } = this;
    const { numbers } = machine;
    const { step, span } = stmt;
    return () => {
      const from = lo();
      const end = hi();
      for (let i = from; i < end; i += step) {
        numbers[at] = i;
        if (--machine.fuel < 0) throw new Fault("the loop runs longer than allowed", span);
        if (body() === broke) break;
      }
      return normal;
    };
  }

  private conditional(stmt: IfStmt): Action {
    const cond = this.expr(stmt.cond);
    const then = this.block(stmt.then);
    if (stmt.orelse.length === 0) return () => (cond() ? then() : normal);
    const orelse = this.block(stmt.orelse);
    return () => (cond() ? then() : orelse());
  }

  private reduce(stmt: ReduceStmt): Action {
    const init = stmt.init.map(this.expr);
    const registers = stmt.results.map((result) => this.machine.declare(result.name, result.type));
    const get = registers.map((register) => this.machine.getter(register));
    const set = registers.map((register) => this.machine.setter(register));
    const combine = stmt.combine ? this.combiner(stmt) : reducer(stmt);
    const { type } = stmt.results[0]!;
    const rounds = (stmt.op === "sum" || stmt.op === "prod") && isFloat(type.dtype) && type.lanes === 1;
    const { machine } = this;
    this.yields.set(stmt.results[0]!.name, (given) => {
      const { term } = machine;
      const values = term && rounds ? given.map((value) => term(value as number)) : given;
      const next = combine(
        get.map((thunk) => thunk()),
        values,
      );
      for (let at = 0; at < set.length; at++) set[at]!(next[at]!);
    });
    const body = this.block(stmt.body);
    return () => {
      const start = init.map((thunk) => thunk());
      for (let at = 0; at < set.length; at++) set[at]!(start[at]!);
      body();
      return normal;
    };
  }

  private combiner(stmt: ReduceStmt): (left: readonly Value[], right: readonly Value[]) => readonly Value[] {
    const { left, right, body, values } = stmt.combine!;
    const setters = (names: readonly string[]) =>
      names.map((name, at) => this.machine.setter(this.machine.declare(name, stmt.results[at]!.type)));
    const setLeft = setters(left);
    const setRight = setters(right);
    const run = this.block(body);
    const results = values.map(this.expr);
    return (a, b) => {
      for (let at = 0; at < setLeft.length; at++) {
        setLeft[at]!(a[at]!);
        setRight[at]!(b[at]!);
      }
      run();
      return results.map((thunk) => thunk());
    };
  }

  private yield(stmt: YieldStmt): Action {
    const values = stmt.values.map(this.expr);
    const into =
      this.yields.get(stmt.into) ??
      internalError("interpret", `a yield into "${stmt.into}", which isn't around`);
    return () => {
      into(values.map((thunk) => thunk()));
      return normal;
    };
  }
}

function effect(run: () => void): Action {
  return () => {
    run();
    return normal;
  };
}
