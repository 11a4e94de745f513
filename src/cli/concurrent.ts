/** Work on a stream of items, a few at a time: nothing is read ahead of a free worker. */

/** Stops taking items at the first failure, waits for what is under way, then rejects with it. */
export async function forEachConcurrently<T>(
  items: AsyncIterable<T>,
  workers: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.asyncIterator]();
  async function worker(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await iterator.next();
        if (done === true) return;
        await work(value);
      }
    } catch (error) {
      await iterator.return?.(); // from here on the other workers get nothing either
      throw error;
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: workers }, worker));
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure !== undefined) throw failure.reason;
}
