/** Answers that may be large, sent as they are read: memory of one chunk, at the reader's pace. */
import { utf8 } from "../lib/bytes.ts";

/** A body out of text pieces. Reading stops when the client does. An error cuts the answer short. */
export function textStream(pieces: AsyncIterator<string>): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(utf8(value));
      },
      async cancel() {
        await pieces.return?.();
      },
    },
    { highWaterMark: 0 }, // read ahead of nobody
  );
}

/** `{"<member>":[…items…]<tail>}`, the items comma-separated as they come. */
export async function* jsonList(
  member: string,
  items: AsyncIterable<readonly object[]>,
  tail: () => object,
): AsyncGenerator<string> {
  let separator = "";
  yield `{${JSON.stringify(member)}:[`;
  for await (const page of items) {
    if (page.length === 0) continue;
    yield separator + page.map((item) => JSON.stringify(item)).join(",");
    separator = ",";
  }
  const rest = JSON.stringify(tail()).slice(1);
  yield rest === "}" ? "]}" : `],${rest}`;
}

export function streamResponse(
  pieces: AsyncIterator<string>,
  headers: Readonly<Record<string, string>>,
): Response {
  return new Response(textStream(pieces), { headers });
}
