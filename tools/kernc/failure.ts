// The end of a command that has said already what went wrong.

export class Failure extends Error {}
