// `kernc/vite`: `import { softmax } from "./softmax.kern"` in Vite, Rollup, Rolldown and esbuild. A `.kern` module
// becomes a few lines of JavaScript that name its artifacts: files of the bundle when one is built, and inside the
// module itself while a server runs it, so that a change arrives whole.

import { existsSync } from "node:fs";
import { createUnplugin, type UnpluginContext } from "unplugin";
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

/** A plugin as Vite, Rollup and Rolldown take it. Said here, so that nobody needs the types of bundlers they don't use. */
export interface KernPlugin {
  readonly name: string;
}
/** A plugin as esbuild takes it. */
export interface KernEsbuildPlugin extends KernPlugin {
  setup(build: object): void | Promise<void>;
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

/** A module with nothing in it. */
const absent = "kernc:absent";

const plugin = createUnplugin<KernOptions | undefined, false>((options = {}, meta) => {
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
    enforce: "pre",
    load: {
      filter: { id: /\.kern$|^kernc:absent$/ },
      async handler(path) {
        if (path === absent) return "export {};";
        const { compiled, diagnostics, dependencies } = await compile(path);
        // Vite takes what is watched for an import, which must be there; a first lock file is seen with the next edit.
        for (const file of dependencies) if (existsSync(file)) this.addWatchFile(file);
        const errors = diagnostics.filter(({ severity }) => severity === "error");
        if (!compiled) throw new BundlerError(bundlerMessage(errors, path));
        for (const each of diagnostics) this.warn(bundlerMessage([each], path));
        return loaded(this, compiled);
      },
    },
    // Binaryen, which comes with the compiler where a page compiles, asks for this in Node only; named in a page's build,
    // it would be warned of.
    resolveId: {
      filter: { id: /^node:module$/ },
      handler(_, importer) {
        const forPage = (this as unknown as LoadContext).environment?.config?.consumer === "client";
        return forPage && importer && /[\\/]binaryen[\\/]/.test(importer) ? absent : undefined;
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
const vite: (options?: KernOptions) => KernPlugin = plugin.vite;
export default vite;

/** The plugin for Rollup. */
export const rollup: (options?: KernOptions) => KernPlugin = plugin.rollup;
/** The plugin for Rolldown. */
export const rolldown: (options?: KernOptions) => KernPlugin = plugin.rolldown;
/** The plugin for esbuild. */
export const esbuild: (options?: KernOptions) => KernEsbuildPlugin = plugin.esbuild;
