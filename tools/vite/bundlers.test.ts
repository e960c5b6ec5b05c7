// A `.kern` import in every bundler: what is in the bundle, that it runs, and what a mistake looks like.

import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { inspect } from "node:util";
import { build as esbuildBuild } from "esbuild";
import { rolldown as rolldownBuild } from "rolldown";
import { rollup as rollupBuild } from "rollup";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { build as viteBuild } from "vite";
import kern, { esbuild, rolldown, rollup } from "./index.ts";
import {
  entryResult,
  makeProject,
  notFound,
  scaleSource,
  twiceSource,
  type Project,
} from "./testing/project.ts";

let project: Project;
let runtime: string;
beforeAll(async () => {
  project = makeProject();
  runtime = await project.runtime();
});
afterAll(() => project.remove());

/** Builds `entry.js` into a folder; gives the files that were watched, where the bundler tells. */
type Build = (out: string) => Promise<readonly string[] | undefined>;

const bundlers: Record<string, Build> = {
  vite: async (out) => {
    await viteBuild({
      root: project.folder,
      base: "./",
      configFile: false,
      logLevel: "silent",
      plugins: [kern()],
      resolve: { alias: { "kernc/runtime": runtime } },
      build: {
        outDir: out,
        // Preloading is for pages.
        modulePreload: false,
        rolldownOptions: {
          input: project.path("entry.js"),
          preserveEntrySignatures: "strict",
          external: notFound,
          output: { entryFileNames: "[name].js" },
        },
      },
    });
    return undefined;
  },
  rollup: async (out) => {
    const atRuntime = {
      name: "runtime",
      resolveId: (id: string) => (id === "kernc/runtime" ? runtime : undefined),
    };
    const bundle = await rollupBuild({
      input: project.path("entry.js"),
      external: notFound,
      plugins: [rollup(), atRuntime],
    });
    await bundle.write({ dir: out, format: "es" });
    await bundle.close();
    return bundle.watchFiles;
  },
  rolldown: async (out) => {
    const bundle = await rolldownBuild({
      input: project.path("entry.js"),
      external: notFound,
      resolve: { alias: { "kernc/runtime": runtime } },
      plugins: [rolldown()],
    });
    await bundle.write({ dir: out, format: "esm" });
    const watched = await bundle.watchFiles;
    await bundle.close();
    return watched;
  },
  esbuild: async (out) => {
    await esbuildBuild({
      entryPoints: [project.path("entry.js")],
      outdir: out,
      bundle: true,
      format: "esm",
      splitting: true,
      alias: { "kernc/runtime": runtime },
      external: notFound,
      plugins: [esbuild()],
      logLevel: "silent",
    });
    return undefined;
  },
};

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The texts of a script and of all that it leads to. */
function reachable(entry: string, files: readonly string[]): string[] {
  const found = new Set([entry]);
  const texts: string[] = [];
  for (const file of found) {
    const text = readFileSync(file, "utf8");
    texts.push(text);
    for (const other of files) if (/\.m?js$/.test(other) && text.includes(basename(other))) found.add(other);
  }
  return texts;
}

describe.each(Object.entries(bundlers))("%s", (name, build) => {
  let out: string;
  let watched: readonly string[] | undefined;
  beforeAll(async () => {
    out = project.path(`out-${name}`);
    watched = await build(out);
  });

  test("the bundle runs", async () => {
    expect(await project.run(join(out, "entry.js"))).toEqual(entryResult);
  });

  test("carries the artifacts, and nothing of the compiler", () => {
    const files = filesBelow(out);
    const kinds = new Set(files.map((file) => basename(file).replace(/^.*\./, "")));
    expect([...kinds].toSorted()).toEqual(["js", "json", "wasm"]);
    expect(files.filter((file) => file.endsWith(".wasm"))).toHaveLength(1);
    // esbuild writes every file that some dynamic import names, also where nothing leads there.
    const scripts = reachable(join(out, "entry.js"), files);
    for (const text of scripts) expect(text).not.toMatch(/chevrotain|binaryen|checkModule|data:application/i);
    expect(scripts.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(10_000);
    const manifest = readFileSync(
      files.find((file) => file.endsWith(".json"))!,
      "utf8",
    );
    expect(JSON.parse(manifest)).toMatchObject({ format: 1, source: "scale.kern" });
  });

  test("watches what the file imports", () => {
    if (watched) expect(watched).toContain(project.path("twice.kern"));
    else expect(["vite", "esbuild"]).toContain(name);
  });

  test("a mistake has its place and its frame", async () => {
    project.write({ "twice.kern": twiceSource.replace("2 * x", "2 * z") });
    try {
      const error: unknown = await build(project.path("out-broken")).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      const text = inspect(error, { depth: 8, getters: true });
      expect(text).toContain("K0201");
      expect(text).toContain("twice.kern");
      expect(text).toContain("return 2 * z");
      expect(text).toContain("^");
    } finally {
      project.write({ "twice.kern": twiceSource });
    }
  });
});

test("esbuild puts everything into formats that can’t find files beside them", async () => {
  const out = project.path("out-iife");
  await esbuildBuild({
    stdin: {
      contents: `${readFileSync(project.path("entry.js"), "utf8")}\nglobalThis.built = run();`,
      resolveDir: project.folder,
    },
    outdir: out,
    bundle: true,
    format: "iife",
    alias: { "kernc/runtime": runtime },
    external: notFound,
    plugins: [esbuild()],
    logLevel: "silent",
  });
  expect(readdirSync(out)).toEqual(["stdin.js"]);
  const scope = globalThis as { built?: Promise<unknown> };
  await import(/* @vite-ignore */ join(out, "stdin.js"));
  expect(await scope.built).toEqual(entryResult);
  delete scope.built;
});

test.each(["ssr", "lib"] as const)(
  "Vite’s %s build, which emits no assets, has the kernels inside",
  async (kind) => {
    const out = project.path(`out-${kind}`);
    const entry = project.path("entry.js");
    await viteBuild({
      root: project.folder,
      configFile: false,
      logLevel: "silent",
      plugins: [kern()],
      resolve: { alias: { "kernc/runtime": runtime } },
      build: {
        ...(kind === "ssr" ? { ssr: entry } : { lib: { entry, formats: ["es"], fileName: "entry" } }),
        rolldownOptions: { external: notFound },
        outDir: out,
      },
    });
    expect(filesBelow(out).filter((file) => !file.endsWith("js"))).toEqual([]);
    expect(await project.run(filesBelow(out).find((file) => /entry\.m?js$/.test(file))!)).toEqual(
      entryResult,
    );
  },
);

test("options reach the compiler", async () => {
  const other = makeProject({
    "scale.kern": scaleSource
      .replace("scale(x: Tensor[f32, N]", "scale(x: Tensor[f32, N]")
      .replace(" where N >= 1", ""),
    "entry.js": `export { scale } from "./scale.kern";`,
  });
  try {
    const bundle = await rolldownBuild({
      input: other.path("entry.js"),
      external: ["kernc/runtime"],
      plugins: [rolldown({ target: ["wasm", "wgsl"], shape: { N: 4 }, declarations: false })],
    });
    const { output } = await bundle.generate();
    await bundle.close();
    const assets = output.filter((file) => file.type === "asset");
    expect(assets.map(({ names }) => names[0]).toSorted()).toEqual([
      "scale.manifest.json",
      "scale.wasm",
      "scale.wgsl",
    ]);
    const json = assets.find(({ names }) => names[0] === "scale.manifest.json")!.source as string;
    expect(json).toContain("N == 4");
  } finally {
    other.remove();
  }
});

test("a file without kernels can’t be imported from JavaScript", async () => {
  const other = makeProject({ "entry.js": `export * from "./twice.kern";` });
  try {
    const bundle = await rolldownBuild({ input: other.path("entry.js"), plugins: [rolldown()] });
    await expect(bundle.generate()).rejects.toThrow("K0806");
    await bundle.close();
  } finally {
    other.remove();
  }
});
