// Which instances of a generic kernel are compiled ahead of time, and how settings given as text (`T=f16`,
// `relu=true`) become compile-time values.

import { isDtype } from "../lang/dtypes.ts";
import { nearest, type DiagnosticSink } from "../lang/diagnostics/diagnostic.ts";
import type { ComptimeValue, InstanceRequest, KernelTemplate } from "../lang/typed.ts";

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
