// Generated from stdlib/*.kern by scripts/generate.mjs; don't edit.

/** SHA-256 of the library's sources. */
export const libraryIdentity = "d524dddc0a1398b2118668e8ea3d868c64f0116210f8890d129e5e4a5e7a8cef";
