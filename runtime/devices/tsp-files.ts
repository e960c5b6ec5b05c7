// What `kernc compile --target tsp` wrote: a program for given sizes, and a manifest with the kernel that it was made of. The
// program that is simulated is the file's. Where which element lies, lowering says, which is done again; if it comes to another
// program, the file is of another version, and refused.

import type { Signature } from "../../compiler/artifact.ts";
import type { Program } from "../../compiler/targets/tsp/machine/program.ts";
import type { Kernels } from "../device.ts";
import { kernError } from "../error.ts";
import { readAddress } from "../files.ts";
import { loadKernels } from "../load.ts";
import { knownOf, openTspDevice, runLowered } from "./tsp.ts";

export interface TspFiles {
  /** NAME.tsp.json */
  readonly manifest: URL;
  /** NAME.tspb */
  readonly program: URL;
}

interface TspManifest {
  readonly format: 1;
  readonly kernel: string;
  readonly profile: string;
  readonly source: string;
  /** Dims and scalar arguments that the program is for, by their names. */
  readonly values: Readonly<Record<string, number>>;
  readonly signature: Signature;
  readonly ir: string;
}

/** Loads one kernel's program; calls of other sizes are refused. */
export async function loadTspFiles({ manifest: address, program: code }: TspFiles): Promise<Kernels> {
  const cannot = (why: string): Error => kernError("K0714", { why });
  const [json, bytes] = await Promise.all([readAddress(address), readAddress(code)]);
  const manifest = parsed(new TextDecoder().decode(json));
  if (!manifest) throw cannot(`${address.href} is no manifest of a program for the TSP`);
  const [{ lowerKernel }, { parseKernel }, { decodeProgram, encodeProgram }, { profiles }, device] =
    await Promise.all([
      import("../../compiler/targets/tsp/lower/index.ts"),
      import("../../compiler/ir/parse.ts"),
      import("../../compiler/targets/tsp/assemble/binary.ts"),
      import("../../compiler/targets/tsp/machine/profile.ts"),
      openTspDevice(),
    ]);
  const program = decodeProgram(bytes);
  if (typeof program === "string") throw cannot(`${code.href} is no program: ${program}`);
  const { kernel, values, signature } = manifest;
  const profile = Object.values(profiles).find(({ name }) => name === manifest.profile);
  if (!profile) throw cannot(`there is no profile ${manifest.profile}`);
  const ir = parseKernel(manifest.ir);
  const lowered = lowerKernel(ir, new Map(Object.entries(values)), profile);
  const words = (of: Program): Uint8Array => encodeProgram(withoutLines(of));
  if ("why" in lowered || !equal(words(lowered.program), words(program)))
    throw cannot(`${code.href} was made by another version of kernc, compile ${manifest.source} again`);
  return loadKernels(
    { manifest: { format: 1, source: manifest.source, hash: "", artifacts: [] }, code: {} },
    {
      ...device,
      instances: async () => [
        {
          signature,
          features: [],
          run: async (call) => {
            for (const [name, value] of knownOf(ir, call))
              if (value !== values[name])
                throw kernError("K0728", {
                  kernel,
                  why: `a program for ${name} = ${values[name]}, and this call has ${name} = ${value}`,
                });
            return runLowered({ ...lowered, program }, call);
          },
        },
      ],
    },
  );
}

function parsed(text: string): TspManifest | undefined {
  try {
    const found = JSON.parse(text) as Partial<TspManifest> | null;
    const { format, ir, signature, values } = found ?? {};
    return format === 1 && typeof ir === "string" && signature && values ? (found as TspManifest) : undefined;
  } catch {
    return undefined;
  }
}

/** Lines of the source are told in messages, and don't change what a program does. */
const withoutLines = (program: Program): Program => ({
  ...program,
  issues: program.issues.map(({ cycle, queue, instruction }) => ({ cycle, queue, instruction })),
});

const equal = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);
