// Memory for the intermediate columns of a computation. A typed array of more than 64 bytes is memory outside the heap, which V8's helper threads must
// free one by one: four of them a customer kept both cores from whoever answers requests while a base was scored.

/** Answers a column of the length, of undefined contents. */
export type Memory = (length: number) => Float64Array;

/** A column of its own each time, zeros. */
export const freshMemory: Memory = (length) => new Float64Array(length);

/** The same column again and again: whoever asks is done with the one before. */
export function createScratch(): Memory {
  let memory = new Float64Array(64);
  return (length) => {
    if (length > memory.length) memory = new Float64Array(2 * length);
    return memory.subarray(0, length);
  };
}
