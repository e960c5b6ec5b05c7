// Generated from stdlib/*.kern by scripts/generate.mjs; don't edit.

/** SHA-256 of the library's sources. */
export const libraryIdentity = "c8dca31d0c806e7cfffc5d945c0a966c4d0609c94600d27c6d576e60b71b3688";
