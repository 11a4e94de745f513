/** Reference §8.9: what a request may name as a provider's address. */
import { test } from "vitest";
import { refusedBaseUrl } from "../../../src/replay/base-url.ts";

const ALLOWED = ["https://gateway.example.com/v1", "https://Other.Example.com:8443/"];

test.for([
  "https://gateway.example.com/v1",
  "https://gateway.example.com/v1/",
  "https://GATEWAY.example.com/v1",
  "https://other.example.com:8443",
])("%s is what the operator listed", (url, { expect }) => {
  expect(refusedBaseUrl(url, ALLOWED)).toBeUndefined();
});

test.for([
  "https://gateway.example.com",
  "https://gateway.example.com/v1/../admin",
  "https://gateway.example.com/v10",
  "https://gateway.example.com:444/v1",
  "https://gateway.example.com.evil.example/v1",
  "https://other.example.com/",
])("%s is not what the operator listed", (url, { expect }) => {
  expect(refusedBaseUrl(url, ALLOWED)).toMatch(/operator/);
});

test.for([
  ["plain http", "http://gateway.example.com/v1"],
  ["another scheme", "ftp://gateway.example.com/v1"],
  ["userinfo", "https://user@gateway.example.com/v1"],
  ["userinfo with a password", "https://user:pass@gateway.example.com/v1"],
  ["a query", "https://gateway.example.com/v1?key=1"],
  ["a fragment", "https://gateway.example.com/v1#x"],
  ["an escape", "https://gateway%2eexample.com/v1"],
  ["full-width letters", "https://ｇateway.example.com/v1"],
  ["other letters", "https://gatewäy.example.com/v1"],
  ["a backslash", "https:\\\\gateway.example.com\\v1"],
  ["a tab", "https://gate\tway.example.com/v1"],
  ["a trailing dot", "https://gateway.example.com./v1"],
  ["an empty label", "https://gateway..example.com/v1"],
  ["eleven labels", `https://${"a.".repeat(10)}com/v1`],
  ["one label", "https://gateway/v1"],
  ["localhost", "https://localhost/v1"],
  ["below localhost", "https://x.localhost/v1"],
  ["loopback", "https://127.0.0.1/v1"],
  ["loopback as one number", "https://2130706433/v1"],
  ["loopback in hex", "https://0x7f.1/v1"],
  ["loopback in octal", "https://0177.0.0.1/v1"],
  ["a private network", "https://10.0.0.8/v1"],
  ["cloud metadata", "https://169.254.169.254/latest"],
  ["a public address", "https://93.184.216.34/v1"],
  ["IPv6 loopback", "https://[::1]/v1"],
  ["IPv6 metadata", "https://[fd00:ec2::254]/v1"],
  ["IPv4 in IPv6", "https://[::ffff:127.0.0.1]/v1"],
  ["an internal name", "https://api.internal/v1"],
  ["a name of the local network", "https://printer.local/v1"],
  ["nonsense", "nonsense"],
])("%s is refused although the list has it", ([, url = ""], { expect }) => {
  expect(refusedBaseUrl(url, [url, ...ALLOWED])).toMatch(/^must/);
});
