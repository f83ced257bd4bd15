/** Batched APIs take so many entries and so many bytes in a call: this makes the fullest calls, in order. */

/** Groups entries into calls. An entry that is too large by itself is alone in its call: the API says what it thinks of it. */
export function fullCalls<T>(
  entries: readonly T[],
  sizeOf: (entry: T) => number,
  most: { readonly entries: number; readonly bytes: number },
): T[][] {
  const calls: T[][] = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = sizeOf(entry);
    const call = calls.at(-1);
    if (call && call.length < most.entries && bytes + size <= most.bytes) {
      call.push(entry);
      bytes += size;
    } else {
      calls.push([entry]);
      bytes = size;
    }
  }
  return calls;
}
