// The executable specification: every page of spec/ as tests. A section is a test, one more for WGSL where it shows calls,
// and one for WebGPU. `UPDATE_SPEC=1`, or vitest's `-u`, rewrites `ir`, `wat` and `wgsl` blocks; nothing rewrites an assertion.

import { writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import type { WgslLaunch } from "../compiler/artifact.ts";
import { withBlocks, type Block, type Page, type Section } from "./spec/page.ts";
import { compiledForWgsl, kernFiles, problemsOnGpu, sectionProblems, type KernFile } from "./spec/section.ts";
import { closeDevices } from "./spec/transcript.ts";
import { closeTestGpu, testGpu } from "./webgpu.ts";
import { openWgslValidator } from "./wgsl.ts";

const updating = (): boolean => {
  const { snapshotState } = expect.getState() as unknown as { snapshotState?: { _updateSnapshot?: string } };
  return Boolean(process.env["UPDATE_SPEC"]) || snapshotState?._updateSnapshot === "all";
};

let validator: ReturnType<typeof openWgslValidator> | undefined;

/** Declares the tests of one page. */
export function testPage(page: Page): void {
  if (page.sections.length === 0) return;
  const replaced = new Map<Block, string>();
  describe(page.path, () => {
    for (const section of page.sections) {
      const name = `${section.path.slice(1).join(" › ") || section.path[0]} (line ${section.line})`;
      test(name, async () => {
        const snapshots: [Block, string][] = [];
        const problems = await sectionProblems(section, (block, text) => snapshots.push([block, text]));
        expect(problems.join("\n"), page.path).toBe("");
        for (const [block, text] of snapshots) {
          if (updating()) replaced.set(block, text);
          else expect(block.text.trimEnd(), `${page.path}:${block.line}`).toBe(text.trimEnd());
        }
      });
      const emitted = kernFiles(section).filter(
        ({ run, assertions }) => run || assertions.some(({ target }) => target === "wgsl"),
      );
      if (emitted.length > 0)
        test(`${name} on WGSL`, async (context) => {
          validator ??= openWgslValidator();
          const tint = await validator;
          for (const kern of emitted) expect((await wgslProblems(section, kern, tint)).join("\n")).toBe("");
          context.skip(typeof tint === "string", `Tint accepts nothing here: ${tint}`);
        });
      const called = emitted.filter(({ run }) => run);
      if (called.length > 0)
        test(`${name} on WebGPU`, async (context) => {
          const device = await testGpu();
          if (typeof device === "string") return context.skip(device);
          for (const kern of called)
            expect((await problemsOnGpu(section, kern, device)).join("\n"), page.path).toBe("");
        });
    }
    afterAll(async () => {
      await closeDevices();
      await closeTestGpu();
      const tint = await validator;
      if (typeof tint === "object") tint.close();
      validator = undefined;
      if (replaced.size > 0) writeFileSync(page.path, withBlocks(page, replaced));
    });
  });
}

/** WGSL is emitted for every kernel of the file, or refused as the page says, and Tint accepts it. */
async function wgslProblems(
  section: Section,
  kern: KernFile,
  tint: Awaited<ReturnType<typeof openWgslValidator>>,
): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const { problems: found, compiled } of await compiledForWgsl(section, kern)) {
    problems.push(...found);
    if (!compiled || typeof tint === "string") continue;
    const artifact = compiled.artifact("wgsl");
    const launches = artifact.kernels.map(({ launch }) => launch as WgslLaunch);
    problems.push(...(await tint.validate(artifact.code as string, launches)));
  }
  return problems;
}
