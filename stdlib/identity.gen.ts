// Generated from stdlib/*.kern by scripts/generate.mjs; don't edit.

/** SHA-256 of the library's sources. */
export const libraryIdentity = "4eef1add56ae0f88f44505709b3151543ce1927b183901a3e1c5636c49dfa7ed";
