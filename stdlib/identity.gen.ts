// Generated from stdlib/*.kern by scripts/generate.mjs; don't edit.

/** SHA-256 of the library's sources. */
export const libraryIdentity = "3cb783532f686745b26a42aac57a06aaafc126e2b89fe2af5482a200bae53195";
