// What an application that ships compiled kernels carries.

import { rolldown } from "rolldown";
import { expect, test } from "vitest";

test("kernc/runtime is small and carries neither parser nor compiler", async () => {
  const bundle = await rolldown({
    input: "runtime/index.ts",
    platform: "neutral",
    // What only the compiler needs, which some parts of the runtime load when they are used.
    external: ["binaryen", "lodash-es", /^node:/],
    treeshake: { moduleSideEffects: false },
  });
  const { output } = await bundle.generate({ format: "esm", minify: true });
  await bundle.close();
  const chunks = output.filter((file) => file.type === "chunk");
  const entry = chunks.find(({ isEntry }) => isEntry)!;
  const needed = new Set([entry.fileName]);
  for (const name of needed)
    for (const next of chunks.find(({ fileName }) => fileName === name)?.imports ?? []) needed.add(next);
  const loaded = chunks.filter(({ fileName }) => needed.has(fileName));
  const modules = loaded.flatMap(({ moduleIds }) => moduleIds);
  expect(
    modules.filter((id) =>
      /chevrotain|binaryen|prettier|pngjs|lang\/(syntax|check)|compiler\/(?!artifact)/.test(id),
    ),
  ).toEqual([]);
  // What only some need: file formats, caches, the choice among ops, packs, the check for overlap, threads.
  expect(
    modules.filter((id) =>
      /runtime\/(formats|cache)\/|ops\/(?!registry)|call\/(packs|overlap)|pool/.test(id),
    ),
  ).toEqual([]);
  expect(modules.filter((id) => /catalogue\/(?!call-messages)/.test(id))).toEqual([]);
  expect(loaded.reduce((sum, { code }) => sum + code.length, 0)).toBeLessThan(40_000);
  // A device with what it alone needs, which is loaded when it is opened.
  for (const device of ["wasm", "webgpu"]) {
    const own = chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith(`devices/${device}/device.ts`))!;
    const further = own.imports.flatMap((name) => chunks.filter(({ fileName }) => fileName === name));
    const more = [own, ...further].filter((chunk) => !loaded.includes(chunk));
    expect(
      more.reduce((sum, { code }) => sum + code.length, 0),
      device,
    ).toBeLessThan(32_000);
  }
  expect(loaded.map(({ code }) => code).join("")).not.toMatch(/from\s*["']node:|require\(["']node:/);
});
