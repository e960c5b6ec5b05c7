// A kernel that is a product of matrices or a convolution, as one program: the way of lowering that the front door asks first.

import type { IrKernel } from "../../../../ir/ir.ts";
import { delaysOf, type Profile } from "../../machine/profile.ts";
import { Unfit } from "../dag.ts";
import { refusedFor, type Lowered, type Lowering } from "../index.ts";
import { Steering, WrongAnnotation } from "../steering.ts";
import { askedOf, installedBy, productReasons } from "./asked.ts";
import { bestPixels, Composer, outputLayout } from "./compose.ts";
import { productOf } from "./recognize.ts";
import type { Resident } from "./resident.ts";
import { batchOf, placeOf, type Product, type Strided } from "./spec.ts";

/** The program of a product's kernel, or why there is none. */
export const lowerProduct: Lowering = (kernel, known, profile) => {
  try {
    const steering = new Steering(kernel);
    const product = steeredProduct(kernel, known, steering, profile);
    if (!product) return { why: "a kernel that is no sum of products", span: kernel.span };
    return new Single(product, new Composer(profile), steering).lowered();
  } catch (error) {
    if (error instanceof Unfit) return { ...refusedFor(error), final: true };
    throw error;
  }
};

/** The product with what annotations ask of it. */
function steeredProduct(
  kernel: IrKernel,
  known: ReadonlyMap<string, number>,
  steering: Steering,
  profile: Profile,
): Product | undefined {
  const product = productOf(kernel, known);
  if (!product || steering.directives.length === 0) return product;
  const installed = installedBy(product, steering);
  let placed: Product | undefined = product;
  if (installed && installed.buffer !== product.weights.buffer)
    try {
      placed = productOf(kernel, known, installed.buffer);
    } catch (error) {
      if (!(error instanceof Unfit)) throw error;
      throw new WrongAnnotation(
        installed.directive,
        `with \`${installed.buffer}\` in the planes the kernel has ${error.message}`,
        `\`${product.weights.buffer}\` is what can be installed`,
      );
    }
  return placed && { ...placed, asked: askedOf(placed, steering, delaysOf(profile)) };
}

const own = (buffer: string): string => buffer;

class Single {
  private readonly product: Product;
  private readonly composer: Composer;
  private readonly steering: Steering;
  private readonly read: ReturnType<Composer["output"]>[] = [];

  constructor(product: Product, composer: Composer, steering: Steering) {
    this.steering = steering;
    this.product = product;
    this.composer = composer;
  }

  lowered(): Lowered {
    const { product, composer } = this;
    const { x, y, channels, columns, items } = product;
    const empty = [
      items,
      batchOf(product),
      y.outputs,
      x.outputs,
      y.size,
      x.size,
      y.taps,
      x.taps,
      channels,
      columns,
    ];
    if (empty.includes(0))
      throw new Unfit("a product without elements: there is nothing to stream", product.span);
    const pixels = bestPixels(product, composer.chip.profile);
    for (let item = 0; item < items; item++) {
      const input = composer.words(product, own, pixels.input, item, "W");
      const operand = this.operand(item);
      const result = composer.product(product, own, input, {
        item,
        copied: false,
        pixels: pixels.output,
        ...(operand && { operand }),
      });
      this.read.push(composer.output(result));
    }
    const program = composer.program();
    const [report] = composer.reports;
    return {
      program,
      interval: 1,
      rows: report?.fed ?? 0,
      steered: this.steering.outcomes(productReasons),
      inputs: (values) => composer.inputs(values),
      results: (words) => this.results(words),
    };
  }

  /** The tensor beside the sums, as the host fills it. */
  private operand(item: number): Resident | undefined {
    const { product, composer } = this;
    const { y, batch } = product;
    for (const { kind, type, at } of product.operands.values()) {
      if (kind !== "word") continue;
      const pixels = bestPixels(product, composer.chip.profile).output;
      const layout = outputLayout(product, pixels);
      return composer.input(layout, type, "W", (values) => {
        const given = values(at.buffer);
        return (row, x_, column) => given[placeOf(at, batch, y.outputs, item, row, x_, { column })]!;
      });
    }
    return undefined;
  }

  private results(words: Parameters<Lowered["results"]>[0]): ReadonlyMap<string, Float64Array> {
    const { product } = this;
    const at: Strided = product.result.at;
    const { x, y, columns, items, batch } = product;
    const dense = new Float64Array(items * batchOf(product) * y.outputs * x.outputs * columns);
    for (const [item, read] of this.read.entries())
      read(words, (row, pixel, column, value) => {
        dense[placeOf(at, batch, y.outputs, item, row, pixel, { column })] = value;
      });
    return new Map([[at.buffer, dense]]);
  }
}
