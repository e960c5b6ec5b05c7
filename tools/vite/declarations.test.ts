// `.d.kern.ts`: what is written beside a source, and what TypeScript makes of it.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { rolldown as rolldownBuild } from "rolldown";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rolldown } from "./index.ts";
import { makeProject, runtimeSource, type Project } from "./testing/project.ts";

let project: Project;
beforeAll(async () => {
  project = makeProject();
  await build(project, undefined);
});
afterAll(() => project.remove());

async function build(project: Project, declarations: boolean | undefined): Promise<void> {
  const bundle = await rolldownBuild({
    input: project.path("entry.js"),
    external: ["kernc/runtime"],
    plugins: [rolldown({ declarations })],
  });
  await bundle.generate();
  await bundle.close();
}

test("declarations appear beside the source, and not where they aren’t wanted", async () => {
  const at = project.path("scale.d.kern.ts");
  expect(readFileSync(at, "utf8")).toMatchInlineSnapshot(`
    "// Made by kernc from scale.kern; changes are lost when it is compiled again.
    import type { Device, Tensor } from "kernc/runtime";

    /**
     * y = 2 s x
     *
     * Where \`N >= 1\`.
     */
    export function scale(args: {
      /** \`Tensor[f32, N]\` */ x: Tensor<"f32">;
      /** \`f32\` */ s: number;
      /** \`Tensor[f32, N]\`; allocated if it isn’t given */ y?: Tensor<"f32">;
    }): Promise<{
      y: Tensor<"f32">;
    }>;

    declare function kernel1(args: {
      /** \`Tensor[i32, N]\` */ x: Tensor<"i32">;
      /** \`Tensor[i32, N]\`, changed in place */ y: Tensor<"i32">;
    }): Promise<{
      y: Tensor<"i32">;
    }>;

    export { kernel1 as class };

    /** The kernels of scale.kern. */
    export interface Kernels {
      scale: typeof scale;
      class: typeof kernel1;
    }

    /** Loads the kernels on a device of your own: \`const { … } = await load(device)\`. */
    export default function load(device: Device): Promise<Kernels>;
    "
  `);
  const quiet = makeProject();
  try {
    await build(quiet, false);
    expect(existsSync(quiet.path("scale.d.kern.ts"))).toBe(false);
  } finally {
    quiet.remove();
  }
});

test("TypeScript checks calls by the declarations", () => {
  project.write({
    "typed.ts": `import load, { scale, class as add } from "./scale.kern";
import { openDevice, tensor, type Tensor } from "kernc/runtime";
const x = tensor(Float32Array.of(1));
const fine: Promise<{ y: Tensor<"f32"> }> = scale({ x, s: 2 });
const also: Promise<{ y: Tensor<"i32"> }> = load(await openDevice()).then((kernels) => kernels.class({ x: tensor(Int32Array.of(1)), y: tensor(Int32Array.of(1)) }));
export { fine, also };
// @ts-expect-error A scalar is missing.
void scale({ x });
// @ts-expect-error The dtype is another.
void add({ x, y: x });
`,
    "tsconfig.json": JSON.stringify({
      compilerOptions: {
        strict: true,
        target: "es2022",
        module: "esnext",
        moduleResolution: "bundler",
        lib: ["es2023", "dom"],
        types: ["node", "@webgpu/types"],
        typeRoots: [resolve("node_modules/@types"), resolve("node_modules")],
        allowArbitraryExtensions: true,
        allowImportingTsExtensions: true,
        noEmit: true,
        skipLibCheck: true,
        paths: { "kernc/runtime": [runtimeSource] },
      },
      files: ["typed.ts"],
    }),
  });
  const tsc = resolve("node_modules/typescript/bin/tsc");
  const { stdout, status } = spawnSync(process.execPath, [tsc, "-p", project.folder], { encoding: "utf8" });
  expect(stdout).toBe("");
  expect(status).toBe(0);
});
