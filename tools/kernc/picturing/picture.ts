// The picture of a model: as it is written and, with inputs, what is launched for it.

import { basename } from "node:path";
import type { Tensor } from "../../../runtime/index.ts";
import type { Model } from "../../../runtime/onnx/model.ts";
import { drawing } from "./drawing.ts";
import { launchGraph, modelGraph } from "./graphs.ts";

/** The text of an SVG file. A model is run on the inputs first, so that shapes and kernels are known. */
export async function picture(
  model: Model,
  path: string,
  inputs: Readonly<Record<string, Tensor>> | undefined,
): Promise<string> {
  if (!inputs) return drawing([modelGraph(model, [])], basename(path));
  await model.run(inputs);
  const plans = await model.plans();
  return drawing(
    [modelGraph(model, plans), launchGraph(model, plans)],
    `${basename(path)}, before and after`,
  );
}
