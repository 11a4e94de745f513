/** A provider and a ledger that answer at once, in a process of their own; tells its port. */
import { createServer } from "node:http";
import { CHAT_TEXT } from "../support/model-streams.ts";

const whole = JSON.stringify(CHAT_TEXT.whole);
const events = CHAT_TEXT.events.join("");

const server = createServer((request, response) => {
  let text = "";
  request.on("data", (chunk) => (text += String(chunk)));
  request.on("end", () => {
    const streams = text.includes('"stream":true');
    const type = streams ? "text/event-stream" : "application/json";
    response.writeHead(200, { "Content-Type": type });
    response.end(request.url?.startsWith("/v1/chat") ? (streams ? events : whole) : "{}");
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(typeof address === "object" ? address?.port : undefined);
});
