// Which names get a symbolic value, on small kernels.

import { expect, test } from "vitest";
import { parseKernel } from "../ir/parse.ts";
import { relevantNames } from "./relevance.ts";

const relevant = (text: string): readonly string[] => [...relevantNames(parseKernel(text))].toSorted();

test("what only computes data stays out", () => {
  expect(
    relevant(`kernel k(x: in f32[N], y: out f32[N]) dims(N = x.0) {
  for i as i in 0..N {
    let v: f32 = x[i]
    let bits: i32 = bitcast[i32](v)
    let half: i32 = bits >> 1
    y[i] = bitcast[f32](half)
  }
}`),
  ).toEqual(["N", "i"]);
});

test("subscripts, what they come from, and what conditions tie to them", () => {
  expect(
    relevant(`kernel k(x: in f32[N], at: in i32[M], limit: i32, y: out f32[M]) dims(N = x.0, M = at.0) {
  for i as i in 0..M {
    let j: i32 = at[i]
    let low: i32 = j - 1
    let small: bool = low < limit
    var v: f32 = 0.0
    if small {
      v = x[min(max(low, 0), N - 1)]
    }
    y[i] = v
  }
}`),
  ).toEqual(["M", "N", "i", "j", "limit", "low", "small"]);
});
