// Generated from stdlib/*.kern by scripts/generate.mjs; don't edit.

/** SHA-256 of the library's sources. */
export const libraryIdentity = "88db7d572744cf190e665be438ffc5b063789e88680e5656995f811abbb12a60";
