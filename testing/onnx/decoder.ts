// A language model that only decodes, with random weights: grouped heads, rotary positions, RMS normalization, SwiGLU, and a cache of keys and
// values of a fixed length, so that every step has the same shapes. One token in, the scores of the next one out.

import { tensor, type Tensor } from "../../runtime/index.ts";
import { random } from "../../runtime/random.ts";
import { modelBytes, type NodeSpec, type PortSpec } from "./models.ts";

export interface DecoderSize {
  readonly layers: number;
  /** Of a state. */
  readonly width: number;
  readonly heads: number;
  /** Of keys and values, shared by several heads of the query. */
  readonly groups: number;
  /** Between the two halves of a feed-forward layer. */
  readonly inner: number;
  readonly words: number;
  /** Places of the cache. */
  readonly places: number;
}

/** The bytes of the model. */
export function decoderModel(size: DecoderSize): Uint8Array {
  const { layers, width, heads, groups, inner, words, places } = size;
  const each = width / heads;
  const nodes: NodeSpec[] = [];
  const constants: Record<string, Tensor> = {};
  let seed = 1;
  const weight = (name: string, rows: number, columns: number, scale = 1 / Math.sqrt(rows)): string => {
    // Uniform numbers have a third of the variance of their range.
    const high = scale * Math.sqrt(3);
    constants[name] = random("f32", [rows, columns], { seed: seed++, low: -high, high });
    return name;
  };
  const shape = (name: string, ...dims: number[]): string => {
    constants[name] ??= tensor(BigInt64Array.from(dims.map(BigInt)), [dims.length]);
    return name;
  };
  const add = (
    op: string,
    inputs: readonly string[],
    output: string,
    attributes: NodeSpec["attributes"] = {},
    domain = "",
  ): string => {
    nodes.push({ op, name: output, inputs, outputs: [output], attributes, domain });
    return output;
  };
  const normal = (x: string, output: string): string => {
    constants[`${output}_gain`] = random("f32", [width], { seed: seed++, low: 0.8, high: 1.2 });
    return add("SimplifiedLayerNormalization", [x, `${output}_gain`], output, {
      axis: -1,
      epsilon: { float: 1e-5 },
      stash_type: 1,
    });
  };
  const angles = Array.from({ length: places * (each / 2) }, (_, at) => {
    const [place, pair] = [Math.floor(at / (each / 2)), at % (each / 2)];
    return place / 10000 ** ((2 * pair) / each);
  });
  constants["cosines"] = tensor(Float32Array.from(angles, Math.cos), [places, each / 2]);
  constants["sines"] = tensor(Float32Array.from(angles, Math.sin), [places, each / 2]);
  constants["scale"] = tensor(Float32Array.of(1 / Math.sqrt(each)), []);
  const inputs: PortSpec[] = [
    ["token", "i64", 1, 1],
    ["place", "i64", 1, 1],
    // Where the cache is written, and what is added to the scores of places that aren't there yet.
    ["here", "bool", 1, 1, places, 1],
    ["mask", "f32", 1, 1, 1, places],
  ];
  const outputs: PortSpec[] = [["scores", "f32", 1, 1, words]];
  let x = add("Gather", [weight("embeddings", words, width, 1), "token"], "embedded");
  for (let layer = 0; layer < layers; layer++) {
    const own = (name: string) => `${name}_${layer}`;
    const h = normal(x, own("normal"));
    const part = (name: string, count: number): string => {
      const made = add("MatMul", [h, weight(own(`w_${name}`), width, count * each)], own(name));
      const apart = add("Reshape", [made, shape(`heads_${count}`, 1, 1, count, each)], own(`${name}_apart`));
      return add("Transpose", [apart], own(`${name}_heads`), { perm: [0, 2, 1, 3] });
    };
    const turned = (name: string, count: number): string =>
      add(
        "RotaryEmbedding",
        [part(name, count), "place", "cosines", "sines"],
        own(`${name}_turned`),
        { interleaved: 0 },
        "com.microsoft",
      );
    const cached = (name: string, fresh: string): string => {
      inputs.push([own(`past_${name}`), "f32", 1, groups, places, each]);
      outputs.push([own(`next_${name}`), "f32", 1, groups, places, each]);
      return add("Where", ["here", fresh, own(`past_${name}`)], own(`next_${name}`));
    };
    const query = add(
      "Reshape",
      [turned("q", heads), shape("grouped", 1, groups, heads / groups, each)],
      own("query"),
    );
    const keys = cached("k", turned("k", groups));
    const values = cached("v", part("v", groups));
    const across = add("Transpose", [keys], own("keys"), { perm: [0, 1, 3, 2] });
    const raw = add("MatMul", [query, across], own("raw"));
    const masked = add("Add", [add("Mul", [raw, "scale"], own("scaled")), "mask"], own("masked"));
    const seen = add("MatMul", [add("Softmax", [masked], own("weights"), { axis: -1 }), values], own("seen"));
    const joined = add("Reshape", [seen, shape("joined", 1, 1, width)], own("joined"));
    const mixed = add("MatMul", [joined, weight(own("w_o"), width, width)], own("mixed"));
    const middle = add("Add", [x, mixed], own("middle"));
    const g = normal(middle, own("inner_normal"));
    const gate = add("MatMul", [g, weight(own("w_gate"), width, inner)], own("gate"));
    const up = add("MatMul", [g, weight(own("w_up"), width, inner)], own("up"));
    const swish = add("Mul", [gate, add("Sigmoid", [gate], own("sigmoid"))], own("swish"));
    const product = add("Mul", [swish, up], own("product"));
    const down = add("MatMul", [product, weight(own("w_down"), inner, width)], own("down"));
    x = add("Add", [middle, down], own("state"));
  }
  add("MatMul", [normal(x, "last"), weight("w_head", width, words)], "scores");
  return modelBytes({ inputs, outputs, nodes, constants, version: 18, domains: { "com.microsoft": 1 } });
}

export type Run = (inputs: Record<string, Tensor>) => Promise<Record<string, Tensor>>;

/** The outputs that are the caches of the next run. */
export const cachesOf = ({ layers }: DecoderSize): string[] =>
  Array.from({ length: layers }, (_, layer) => [`next_k_${layer}`, `next_v_${layer}`]).flat();

/** The tokens that follow a prompt, always the likeliest. */
export async function generate(
  run: Run,
  size: DecoderSize,
  prompt: readonly number[],
  count: number,
): Promise<number[]> {
  const { layers, width, heads, groups, places } = size;
  const each = width / heads;
  const cache: Record<string, Tensor> = {};
  for (let layer = 0; layer < layers; layer++)
    for (const name of ["k", "v"])
      cache[`past_${name}_${layer}`] = tensor(new Float32Array(groups * places * each), [
        1,
        groups,
        places,
        each,
      ]);
  const tokens = [...prompt];
  for (let place = 0; tokens.length < prompt.length + count; place++) {
    const results = await run({
      ...cache,
      token: tensor(BigInt64Array.of(BigInt(tokens[place]!)), [1, 1]),
      place: tensor(BigInt64Array.of(BigInt(place)), [1, 1]),
      here: tensor(
        Uint8Array.from({ length: places }, (_, at) => Number(at === place)),
        [1, 1, places, 1],
        "bool",
      ),
      mask: tensor(
        Float32Array.from({ length: places }, (_, at) => (at <= place ? 0 : -1e9)),
        [1, 1, 1, places],
      ),
    });
    for (const name of Object.keys(cache)) {
      // Those that stay on a device would fill it.
      cache[name]!.dispose();
      cache[name] = results[name.replace("past", "next")]!;
    }
    if (place + 1 < tokens.length) continue;
    const scores = (await results["scores"]!.data()) as Float32Array;
    tokens.push(scores.reduce((best, score, at) => (score > scores[best]! ? at : best), 0));
  }
  return tokens.slice(prompt.length);
}
