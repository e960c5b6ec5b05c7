// The specification's pages as tests; see testing/spec.ts.

import { expect, test } from "vitest";
import { catalogue } from "../lang/diagnostics/catalogue/index.ts";
import { specPages } from "../testing/spec/pages.ts";
import { testPage } from "../testing/spec.ts";

const pages = specPages();
pages.forEach(testPage);

test("every code of the catalogue is produced by some block", () => {
  const shown = new Set(
    pages.flatMap(({ sections }) =>
      sections.flatMap(({ blocks }) =>
        blocks.flatMap(({ text }) =>
          [...text.matchAll(/\b(?:error|warning)\[(K\d{4})/g)].map((found) => found[1]),
        ),
      ),
    ),
  );
  expect(Object.keys(catalogue).filter((code) => !shown.has(code))).toEqual([]);
});
