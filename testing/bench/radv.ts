// What the library's main kernels become on an AMD GPU, by Mesa's compiler, without the GPU: registers, waves, instructions,
// how wide memory is read. Figures of code, not of time, and the same on every machine with the same Mesa.
//
//     eval "$(bash scripts/system.sh)"; node scripts/bench.mjs testing/bench/radv.ts

import { machineCodeOf, tableOf } from "../radv/report.ts";
import { kernShaders } from "../radv/shaders.ts";
import { tfjsMatmul } from "../radv/tfjs.ts";

const shaders = [...(await kernShaders()), await tfjsMatmul(512)];
const codes = machineCodeOf(shaders);
console.log(tableOf(shaders, codes));
