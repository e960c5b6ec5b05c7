// The package's version, put in by the bundler's JSON support.

import manifest from "../../package.json" with { type: "json" };

export const version: string = manifest.version;
