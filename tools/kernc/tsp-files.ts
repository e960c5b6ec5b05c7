// `kernc compile --target tsp`: each kernel as a program for given sizes and scalar arguments, as text and in binary, with a
// manifest that says what it was made for, how long it takes, and where its inputs and outputs lie; and typed bindings that
// load it into the simulator.

import { basename } from "node:path";
import { signatureOf } from "../../compiler/signature.ts";
import { tspBindings } from "./bindings.ts";
import { namedValue, UsageError, type Given } from "./command.ts";
import type { Refused } from "../../compiler/targets/tsp/lower/index.ts";
import { mistake } from "./diagnostic-error.ts";
import { leftOut, type Opened } from "./kernels.ts";

export interface TspFile {
  readonly name: string;
  readonly bytes: Uint8Array | string;
}

/** Why there is no program, as the error that ends a command. */
export function refusal(kernel: string, { why, span, annotation }: Refused): Error {
  return annotation
    ? mistake("K0730", { annotation: annotation.text, why }, { span, fix: { text: annotation.fix } })
    : mistake("K0728", { kernel, why }, { span });
}

/** The files of all kernels; NAME.tsp, or NAME.KERNEL.tsp where a file has several. */
export async function tspFiles(
  name: string,
  opened: Opened,
  kernels: readonly string[],
  given: Given,
): Promise<readonly TspFile[]> {
  const [
    { lowerKernel },
    { checkProgram, encodeProgram, programText },
    { groqchipCal },
    { queues },
    { printKernel },
  ] = await Promise.all([
    import("../../compiler/targets/tsp/lower/index.ts"),
    import("../../compiler/targets/tsp/assemble/index.ts"),
    import("../../compiler/targets/tsp/machine/profile.ts"),
    import("../../compiler/targets/tsp/machine/geometry.ts"),
    import("../../compiler/ir/print.ts"),
  ]);
  // Sizes aren't fixed in the kernels' text: lowering takes them.
  const compiled = await opened.compile([], kernels, { shape: {} });
  leftOut(compiled, opened.file.path, kernels);
  const shape = opened.options.shape ?? {};
  const scalars = new Map<string, string>(
    given.all("scalar").flatMap((text) => text.split(",").map((part) => namedValue("scalar", part))),
  );
  const files: TspFile[] = [];
  for (const { typed, ir } of compiled.forTsp()) {
    const asked = [
      ...ir.dims.map((dim) => ({ name: dim.name, value: shape[dim.name], option: "shape" })),
      ...ir.params.flatMap((param) => {
        const text = param.kind === "scalar" ? scalars.get(param.name) : undefined;
        const value = text === undefined || text.trim() === "" ? undefined : Number(text);
        return param.kind === "scalar" ? [{ name: param.name, value, option: "scalar" }] : [];
      }),
    ];
    const missing = asked.filter(({ value }) => value === undefined || Number.isNaN(value));
    if (missing.length > 0)
      throw new UsageError(
        `\`${typed.name}\` needs ${missing.map((each) => `--${each.option} ${each.name}=…`).join(" ")} for the TSP`,
      );
    const known = new Map(asked.map((each) => [each.name, each.value!]));
    const lowered = lowerKernel(ir, known, groqchipCal);
    if ("why" in lowered) throw refusal(typed.name, lowered);
    const { program } = lowered;
    const { cycles, lastTile, issued } = checkProgram(program);
    const stem = compiled.kernels.length === 1 ? name : `${name}.${typed.name}`;
    const regions = (list: typeof program.inputs) =>
      list.map((each) => ({
        name: each.name,
        unit: queues[each.queue]!.name,
        address: each.address,
        words: each.words,
      }));
    const signature = signatureOf(typed, ir, []);
    const manifest = {
      format: 1,
      kernel: typed.name,
      source: basename(opened.file.path),
      profile: program.profile.name,
      values: Object.fromEntries(known),
      cycles,
      lastTile,
      instructions: issued,
      inputs: regions(program.inputs),
      outputs: regions(program.outputs),
      signature,
      // Which element lies in which lane of which word follows from the kernel, as it did when this was compiled.
      ir: printKernel(ir),
    };
    const sizes = [...known].map(([size, value]) => `${size} = ${value}`).join(", ");
    const { js, dts } = await tspBindings(stem, manifest.source, signature, sizes);
    files.push(
      { name: `${stem}.tsp`, bytes: programText(program) },
      { name: `${stem}.tspb`, bytes: encodeProgram(program) },
      { name: `${stem}.tsp.json`, bytes: `${JSON.stringify(manifest, undefined, 2)}\n` },
      { name: `${stem}.tsp.js`, bytes: js },
      { name: `${stem}.tsp.d.ts`, bytes: dts },
    );
  }
  return files;
}
