// All rewrites. Of those that begin with the same operator, the first that fits is taken: larger patterns come first.

import { activationRewrites } from "./activations.ts";
import { attentionRewrites } from "./attention.ts";
import { normalizationRewrites } from "./normalizations.ts";
import type { Rewrite } from "./rewrite.ts";

export const rewrites: readonly Rewrite[] = [
  ...attentionRewrites,
  ...normalizationRewrites,
  ...activationRewrites,
];
