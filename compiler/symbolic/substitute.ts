// Replacing atoms in polys, at any depth; the result is in normal form again. Also the walk over all atoms of
// a poly, those inside divisions and applications included.

import {
  add,
  app,
  atomPoly,
  constantPoly,
  extremum,
  floordiv,
  mul,
  Poly,
  type Atom,
  type Term,
} from "./poly.ts";

/** What stands in place of an atom, or undefined to keep it and look inside. */
export type Replacement = (atom: Atom) => Poly | undefined;

/** A substitution that remembers what became of each atom; make one for each set of replacements. */
export class Substitution {
  private readonly replace: Replacement;
  private readonly done = new Map<string, Poly | undefined>();

  constructor(replace: Replacement) {
    this.replace = replace;
  }

  /** The poly with its atoms replaced; the same object where nothing changes. */
  apply(poly: Poly): Poly {
    if (!poly.terms.some((term) => term.atoms.some((atom) => this.atom(atom) !== undefined))) return poly;
    let kept: Term[] = [];
    let changed: Poly = constantPoly(0);
    for (const term of poly.terms) {
      if (!term.atoms.some((atom) => this.atom(atom) !== undefined)) kept.push(term);
      else {
        let product = constantPoly(term.coef);
        for (const atom of term.atoms) product = mul(product, this.atom(atom) ?? atomPoly(atom));
        changed = add(changed, product);
      }
    }
    return add(new Poly(kept, poly.constant), changed);
  }

  /** What becomes of the atom, or undefined if it stays as it is. */
  atom(atom: Atom): Poly | undefined {
    if (this.done.has(atom.key)) return this.done.get(atom.key);
    const found = this.replace(atom) ?? this.inside(atom);
    this.done.set(atom.key, found);
    return found;
  }

  private inside(atom: Atom): Poly | undefined {
    switch (atom.kind) {
      case "name":
        return undefined;
      case "div": {
        const [num, den] = [this.apply(atom.num), this.apply(atom.den)];
        return num === atom.num && den === atom.den ? undefined : floordiv(num, den);
      }
      case "app": {
        const args = atom.args.map((arg) => this.apply(arg));
        if (args.every((arg, at) => arg === atom.args[at])) return undefined;
        return atomPoly(app(atom.fn, args, atom.lo, atom.hi, atom.shown));
      }
      case "min":
      case "max": {
        const args = atom.args.map((arg) => this.apply(arg));
        return args.every((arg, at) => arg === atom.args[at]) ? undefined : extremum(atom.kind, args);
      }
    }
  }
}

/** Replaces atoms by key. */
export function substitute(poly: Poly, replacements: ReadonlyMap<string, Poly>): Poly {
  return new Substitution((atom) => replacements.get(atom.key)).apply(poly);
}

/** The polys that an atom is made of. */
export function operandsOf(atom: Atom): readonly Poly[] {
  return atom.kind === "name" ? [] : atom.kind === "div" ? [atom.num, atom.den] : atom.args;
}

/** Visits every atom of `poly`, each once for a `seen`, inner ones after the outer. */
export function visitAtoms(poly: Poly, visit: (atom: Atom) => void, seen = new Set<string>()): void {
  for (const term of poly.terms) {
    for (const atom of term.atoms) {
      if (seen.has(atom.key)) continue;
      seen.add(atom.key);
      visit(atom);
      for (const operand of operandsOf(atom)) visitAtoms(operand, visit, seen);
    }
  }
}

/** Whether some atom of `poly`, at any depth, meets `test`. */
export function someAtom(poly: Poly, test: (atom: Atom) => boolean): boolean {
  return poly.terms.some((term) =>
    term.atoms.some((atom) => test(atom) || operandsOf(atom).some((operand) => someAtom(operand, test))),
  );
}
