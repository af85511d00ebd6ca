/** A sentence for the reader: why a file or a spectrum is not answered. Anything else that is thrown is our fault. */
export class Refusal extends Error {}
