// Which instances of a generic kernel are compiled ahead of time, and how settings given as text (`T=f16`,
// `relu=true`) become compile-time values.

import { isDtype } from "../lang/dtypes.ts";
import { DiagnosticSink, nearest } from "../lang/diagnostics/diagnostic.ts";
import type { ComptimeValue, InstanceRequest, KernelTemplate, TypedModule } from "../lang/typed.ts";

/** Ranks that a kernel over a pack `*S` is emitted for; the runtime merges contiguous dims to reach one of them. */
export const packRanks = [1, 2, 3, 4] as const;

export type Settings = Readonly<Record<string, string | number | boolean>>;

/**
 * The instances to compile of one kernel, or none where a parameter without a default was given no value (such
 * a kernel is only called by others).
 */
export function instanceRequests(
  template: KernelTemplate,
  settings: Settings,
  sink: DiagnosticSink,
): InstanceRequest[] {
  const comptime: Record<string, ComptimeValue> = {};
  for (const [at, param] of template.compParams.entries()) {
    const given = settings[param.name];
    if (given === undefined) {
      // A function's default has no value as text, so the declaration is asked.
      if (param.kind === "dtype" || template.decl.compParams[at]?.fallback) continue;
      return [];
    }
    const value = settingValue(param, String(given));
    if (typeof value === "string") {
      sink.report(
        "K0803",
        { setting: `${param.name}=${String(given)}`, why: value },
        template.decl.name.span,
      );
      return [];
    }
    comptime[param.name] = value;
  }
  if (template.packs.length === 0) return [{ comptime }];
  return packRanks.map((rank) => ({
    comptime,
    packs: Object.fromEntries(template.packs.map((pack) => [pack, rank])),
  }));
}

/** What names settings of some kernels can have. */
interface SettingNames {
  readonly params: readonly string[];
  /** Absent where some kernel can't be instantiated, so that its dimensions aren't known. */
  readonly dims?: readonly string[];
}

function settingNames(
  module: TypedModule,
  kernels: readonly KernelTemplate[],
  set: Settings = {},
): SettingNames {
  const params = kernels.flatMap(({ compParams }) => compParams.map(({ name }) => name));
  const own = new DiagnosticSink();
  const instances = kernels.map((template) =>
    instanceRequests(template, set, own).map((request) => module.instantiate(template.name, request, own)),
  );
  if (instances.some((each) => each.length === 0 || each.includes(undefined))) return { params };
  const dims = instances.flat().flatMap((typed) => typed!.dims.map(({ sym }) => sym.name));
  return { params: [...new Set(params)], dims: [...new Set(dims)] };
}

/** What `set` and `shape` of a compilation may name. */
interface OwnSettings {
  readonly set?: Settings;
  readonly shape?: Readonly<Record<string, number>>;
}

const isEmpty = ({ set, shape }: OwnSettings): boolean =>
  Object.keys(set ?? {}).length + Object.keys(shape ?? {}).length === 0;

/**
 * Reports K0803 for each name in `set` that none of the kernels has as a compile-time parameter, and each in `shape` that none
 * has as a dimension.
 */
export function refuseUnknownSettings(
  module: TypedModule,
  kernels: readonly KernelTemplate[],
  options: OwnSettings,
  sink: DiagnosticSink,
): void {
  if (kernels.length === 0 || isEmpty(options)) return;
  const { params, dims } = settingNames(module, kernels, options.set);
  const refuse = (given: OwnSettings["set"], what: string, known: readonly string[]): void => {
    for (const [name, value] of Object.entries(given ?? {})) {
      if (known.includes(name)) continue;
      const near = nearest(name, known);
      const list = known.length > 0 ? `they are ${known.join(", ")}` : "there are none";
      const why = `no kernel has a ${what} of that name`;
      sink.report("K0803", { setting: `${name}=${String(value)}`, why }, undefined, {
        fix: near === undefined ? undefined : { text: `did you mean \`${near}\`?` },
        notes: near === undefined ? [list] : [],
      });
    }
  };
  refuse(options.set, "compile-time parameter", params);
  if (dims) refuse(options.shape, "dimension", dims);
}

/** Of settings that were given for many files, those that a file's kernels have. */
export function ownSettings(module: TypedModule, options: OwnSettings): OwnSettings {
  if (isEmpty(options)) return {};
  const { params, dims } = settingNames(module, module.kernels, options.set);
  const among = <V>(given: Readonly<Record<string, V>> = {}, known: readonly string[]): Record<string, V> =>
    Object.fromEntries(Object.entries(given).filter(([name]) => known.includes(name)));
  return { set: among(options.set, params), shape: dims ? among(options.shape, dims) : options.shape };
}

/** The value that a setting's text means for a parameter, or a sentence that says why it means none. */
function settingValue(param: KernelTemplate["compParams"][number], text: string): ComptimeValue | string {
  switch (param.kind) {
    case "dtype": {
      if (isDtype(text) && (!param.choices || param.choices.includes(text)))
        return { kind: "dtype", dtype: text };
      const choices = param.choices ?? [];
      const near = nearest(text, choices);
      return `\`${param.name}\` is one of ${choices.join(", ")}${near ? `; did you mean ${near}?` : ""}`;
    }
    case "bool":
      if (/^(true|false)$/i.test(text)) return { kind: "bool", value: text.toLowerCase() === "true" };
      return `\`${param.name}\` is true or false`;
    case "int":
      return /^-?\d+$/.test(text) ? { kind: "int", value: BigInt(text) } : `\`${param.name}\` is an integer`;
    case "number":
      return realValue(text) ?? `\`${param.name}\` is a number`;
    case "string":
      return { kind: "string", value: text };
    case "function":
      return `\`${param.name}\` is a function, which only a \`.kern\` file can give`;
  }
}

/** A decimal number, exactly. */
function realValue(text: string): ComptimeValue | undefined {
  const found = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
  if (!found) return undefined;
  const [, sign, whole, fraction = "", exponent = "0"] = found;
  const digits = BigInt(`${whole}${fraction}`) * (sign ? -1n : 1n);
  const power = Number(exponent) - fraction.length;
  return power >= 0
    ? { kind: "real", numerator: digits * 10n ** BigInt(power), denominator: 1n }
    : { kind: "real", numerator: digits, denominator: 10n ** BigInt(-power) };
}
