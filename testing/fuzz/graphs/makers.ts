// All operators that need no graphs of their own, by how often they are drawn.

import { layout } from "./layout.ts";
import { pointwise, type Maker } from "./pointwise.ts";
import { products } from "./products.ts";
import { reductions } from "./reductions.ts";

export const makers: readonly Maker[] = [...pointwise, ...layout, ...reductions, ...products, ...products];
