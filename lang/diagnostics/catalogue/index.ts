// The catalogue of diagnostics: every code, in bands. A code is never reused for another meaning.
//
//   K01xx syntax            K02xx names and modules   K03xx types and compile-time values
//   K04xx bounds, coverage  K05xx schedules, races    K06xx what a target can't do
//   K07xx calls and data    K08xx files and commands  K09xx programs for the TSP
//   K10xx models and graphs

import type { Entry } from "./entry.ts";
import { syntax } from "./syntax.ts";
import { names } from "./names.ts";
import { types } from "./types.ts";
import { bounds } from "./bounds.ts";
import { schedules } from "./schedules.ts";
import { targets } from "./targets.ts";
import { calls } from "./calls.ts";
import { files } from "./files.ts";
import { tsp } from "./tsp.ts";
import { models } from "./models.ts";

export const catalogue = {
  ...syntax,
  ...names,
  ...types,
  ...bounds,
  ...schedules,
  ...targets,
  ...calls,
  ...files,
  ...tsp,
  ...models,
};

export type Catalogue = typeof catalogue;
export type CatalogueCode = keyof Catalogue;
export type Params<C extends CatalogueCode> = Catalogue[C] extends Entry<infer P> ? P : never;

export function isCatalogueCode(text: string): text is CatalogueCode {
  return Object.hasOwn(catalogue, text);
}
