// `kernc/vite`: `import { softmax } from "./softmax.kern"` in Vite, Rollup, Rolldown and esbuild. A `.kern` module
// becomes a few lines of JavaScript that name its artifacts: files of the bundle when one is built, and inside the
// module itself while a server runs it, so that a change arrives whole.

import { createUnplugin, type UnpluginContext, type UnpluginInstance } from "unplugin";
import type { TargetName } from "../../compiler/artifact.ts";
import { BundlerError, bundlerMessage } from "./bundler-message.ts";
import { FileCompiler, type CompilationOptions, type CompiledFile, type Outcome } from "./compilation.ts";
import { writeDeclarations } from "./declarations.ts";
import { setupEsbuild } from "./esbuild.ts";
import { inlined, mediaTypes, moduleText } from "./module-text.ts";

export interface KernOptions extends CompilationOptions {
  /** Write `softmax.d.kern.ts` beside `softmax.kern`, for the editor and `tsc`. On unless it is `false`. */
  readonly declarations?: boolean;
}

/** What of the context of a `load` hook is used; Vite tells which environment it is for. */
interface LoadContext extends UnpluginContext {
  addWatchFile(path: string): void;
  emitFile(file: { type: "asset"; name: string; source: Uint8Array | string }): unknown;
  readonly environment?: {
    readonly mode?: string;
    readonly config?: { readonly consumer?: string; readonly build?: { readonly lib?: unknown } };
  };
}

const plugin: UnpluginInstance<KernOptions | undefined, false> = createUnplugin((options = {}, meta) => {
  const name = "kernc";
  const compiler = new FileCompiler(options);
  /** Compiles, and writes the declarations beside the source. */
  const compile = async (path: string): Promise<Outcome> => {
    const outcome = await compiler.compile(path);
    const own = options.declarations !== false && !/[\\/]node_modules[\\/]/.test(path);
    if (outcome.compiled && own) await writeDeclarations(path, outcome.compiled.manifest);
    return outcome;
  };
  if (meta.framework === "esbuild")
    return { name, esbuild: { setup: (build) => setupEsbuild(build, compile) } };
  return {
    name,
    load: {
      filter: { id: /\.kern$/ },
      async handler(path) {
        const { compiled, diagnostics, dependencies } = await compile(path);
        for (const file of dependencies) this.addWatchFile(file);
        const errors = diagnostics.filter(({ severity }) => severity === "error");
        if (!compiled) throw new BundlerError(bundlerMessage(errors, path));
        for (const each of diagnostics) this.warn(bundlerMessage([each], path));
        return loaded(this, compiled);
      },
    },
    vite: {
      config: () => ({
        // The runtime loads its parts on demand; bundled in advance, all of them would be read at once.
        optimizeDeps: { exclude: ["kernc", "kernc/runtime", "binaryen"] },
        resolve: { dedupe: ["kernc"] },
      }),
    },
  };
});

/** The module of a compiled file: with files of the bundle, or with everything in itself. */
function loaded(context: LoadContext, { manifest, artifacts }: CompiledFile): string {
  const base = manifest.source.replace(/\.kern$/, "");
  const { environment } = context;
  // As Vite does with assets: a server's build emits none, and a library's has them inside.
  const { consumer, build } = environment?.config ?? {};
  const inline = environment?.mode === "dev" || consumer === "server" || Boolean(build?.lib);
  const address = (name: string, source: Uint8Array | string, type: string): string => {
    const reference = inline ? undefined : context.emitFile({ type: "asset", name, source });
    if (typeof reference !== "string") return inlined(source, type);
    // A full address, but in Vite it may be a path below the page's base.
    return `import.meta.ROLLUP_FILE_URL_${reference}, import.meta.url`;
  };
  const code: Partial<Record<TargetName, string>> = {};
  for (const { target, file } of manifest.artifacts) {
    const artifact = artifacts.find((each) => each.target === target)!;
    code[target] = address(file, artifact.code, mediaTypes[target]);
  }
  const json = address(`${base}.manifest.json`, JSON.stringify(manifest), mediaTypes.manifest);
  return moduleText(manifest, { manifest: json, code });
}

/** The plugin for Vite. */
export default plugin.vite;
/** The plugin for other bundlers. */
export const { vite, rollup, rolldown, esbuild } = plugin;
