// Everything about diagnostics that other folders use: values, catalogue, renderers, internal errors.

export * from "./diagnostic.ts";
export {
  catalogue,
  isCatalogueCode,
  type Catalogue,
  type CatalogueCode,
  type Params,
} from "./catalogue/index.ts";
export { InternalError, internalError } from "./internal-error.ts";
export { nearest } from "./nearest.ts";
export { renderPretty, type PrettyOptions } from "./render/pretty.ts";
export { renderJson, renderShort } from "./render/short.ts";
export { renderSarif } from "./render/sarif.ts";
