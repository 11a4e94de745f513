/** What every black-box test file begins with: one server of its own, and a client that checks. */
import { afterAll, beforeAll } from "vitest";
import { Api } from "./api.ts";
import { startServer, type ServerOptions, type TestServer } from "./server.ts";

export interface Served {
  /** A getter: there is none before the file's tests run. */
  readonly server: TestServer;
  readonly api: Api;
}

/** Call at the top of a test file. The server is stopped, with its state, after the file's tests. */
export function serveThisFile(options: ServerOptions = {}): Served {
  let running: { server: TestServer; api: Api } | undefined;
  const get = () => {
    if (running === undefined) throw new Error("the server is not running");
    return running;
  };
  beforeAll(async () => {
    const server = await startServer(options);
    running = { server, api: await Api.open(server.url) };
  });
  afterAll(async () => {
    await running?.server.stop();
  });
  return {
    get server() {
      return get().server;
    },
    get api() {
      return get().api;
    },
  };
}
