// Before every test file: random tests draw the same cases on each run, so that a change is judged by what it changes.
// `KERN_SEED=7 npm test` draws others, and a failure found so goes into the tests by its own name.

import * as fc from "fast-check";

fc.configureGlobal({ seed: Number(process.env["KERN_SEED"] ?? 1) });
