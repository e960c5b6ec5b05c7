// A whole model from a seed: a version of the operators, a few nodes, and as outputs what nobody else takes, and more.

import type { Tensor } from "../../../runtime/index.ts";
import type { ModelSpec } from "../../onnx/models.ts";
import { Dice } from "../dice.ts";
import { control } from "./control.ts";
import { makers } from "./makers.ts";
import { Sketch, type Value } from "./sketch.ts";

export interface Drawn {
  readonly spec: ModelSpec;
  readonly data: Readonly<Record<string, Tensor>>;
}

export function modelOf(seed: number): Drawn {
  const dice = new Dice(seed);
  const sketch = new Sketch(dice, dice.between(9, 23));
  const nodes = dice.between(1, 8);
  for (let tries = 0; sketch.nodes.length < nodes && tries < 60; tries++)
    dice.pick(dice.chance(0.12) ? control : makers)(sketch);
  return { spec: sketch.model(outputsOf(sketch)), data: sketch.data };
}

function outputsOf(sketch: Sketch): Value[] {
  const { dice, nodes, pool } = sketch;
  const taken = new Set(nodes.flatMap(({ inputs }) => inputs));
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  const outputs = pool.filter(({ name }) => made.has(name) && (!taken.has(name) || dice.chance(0.2)));
  // An input or a weight may be an output.
  const leaf = pool.find(({ name }) => !made.has(name));
  if (leaf && dice.chance(0.1)) outputs.push(leaf);
  return outputs;
}
