// Run after every `npm install` that changes a version: adds the optional platform packages that
// the registry in use does not carry, without which `npm ci` rejects the lock file.
import { readFileSync, writeFileSync } from "node:fs";

const PLATFORM =
  /(linux|darwin|win32|windows|android|freebsd|openharmony)-(x64|arm64|arm|ia32|ppc64|riscv64|s390x|64)(?:-(gnu|musl|msvc|eabi|gnueabihf|musleabihf))?$/;

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
const { packages } = lock;
let added = 0;
for (const [path, pkg] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(pkg.optionalDependencies ?? {})) {
    if (packages[`node_modules/${name}`] ?? packages[`${path}/node_modules/${name}`]) continue;
    const match = PLATFORM.exec(name);
    if (match === null) continue;
    const [, os, cpu, abi = ""] = match;
    const libc = abi.startsWith("gnu") ? ["glibc"] : abi.startsWith("musl") ? ["musl"] : undefined;
    packages[`${path.slice(0, path.lastIndexOf("node_modules/"))}node_modules/${name}`] = {
      version,
      cpu: [cpu === "64" ? "x64" : cpu],
      dev: true,
      license: pkg.license,
      optional: true,
      os: [os === "windows" ? "win32" : os],
      ...(libc && { libc }),
      ...(pkg.engines && { engines: pkg.engines }),
    };
    added++;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(packages).toSorted(([a], [b]) => (a < b ? -1 : 1)),
);
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} added`);
