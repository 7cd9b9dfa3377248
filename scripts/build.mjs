/**
 * Build: dist/keyward.cjs and, beside it, one bundle for each module that the program imports lazily. A start
 * then parses the dispatcher and the one command that was typed, nothing else. `src/base` is a bundle of its
 * own that all others share: a KeywardError or a Secret is the same class wherever it travels.
 *
 * Plain JavaScript for Node 20 too, because it runs before the package's own Node is known to be there.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const source = path.join(root, "src");
const baseBundle = "base.cjs";

/** `src/cli/commands/key.ts` becomes `commands/key.cjs`, `src/agent/agent.ts` becomes `agent/agent.cjs`. */
function bundleOf(file) {
  if (!file.startsWith(source)) return `lib/${path.basename(file, ".js")}.cjs`;
  return path
    .relative(source, file)
    .replace(/^cli\//, "")
    .replace(/\.ts$/, ".cjs");
}

function requirePath(from, to) {
  const relative = path.posix.relative(path.posix.dirname(from), to);
  return relative.startsWith(".") ? relative : `./${relative}`;
}

/** Leaves our lazy imports and `src/base` out of a bundle, and notes which lazy imports there are. */
function apart(bundle, found) {
  const seen = Symbol("seen");
  return {
    name: "apart",
    setup(builder) {
      builder.onResolve({ filter: /./ }, async (asked) => {
        if (asked.kind === "entry-point" || asked.pluginData === seen || asked.path.startsWith("node:"))
          return;
        const { path: file, external } = await builder.resolve(asked.path, {
          kind: asked.kind,
          importer: asked.importer,
          resolveDir: asked.resolveDir,
          pluginData: seen,
        });
        if (external || file === "") return;
        // What a package loads lazily stays with it: it may count on its classes being the same.
        if (asked.kind === "dynamic-import" && asked.importer.startsWith(source)) {
          found.set(bundleOf(file), file);
          return { path: requirePath(bundle, bundleOf(file)), external: true };
        }
        if (file.startsWith(path.join(source, "base") + path.sep) && bundle !== baseBundle)
          return { path: requirePath(bundle, baseBundle), external: true };
      });
    },
  };
}

async function bundleOne(bundle, input, out, version, found) {
  await build({
    ...input,
    outfile: path.join(out, bundle),
    absWorkingDir: root,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node22",
    minify: true,
    keepNames: false,
    legalComments: "none",
    // ssh2's native helper: it is not built here, and ssh2 does without it
    external: ["cpu-features"],
    charset: "utf8",
    supported: { "dynamic-import": false },
    define: { KEYWARD_VERSION: JSON.stringify(version), "import.meta.url": "undefined" },
    plugins: [apart(bundle, found)],
    logLevel: "warning",
    logOverride: { "empty-import-meta": "silent" },
  });
  const made = path.join(out, bundle);
  await writeFile(made, forgetErrors(await readFile(made, "utf8"), bundle));
}

/**
 * esbuild writes `using` for Node 22 with variables that outlive a round of a loop: an error that was caught in one round
 * is thrown again at the end of each later one. Here they are emptied as they are read.
 */
function forgetErrors(code, bundle) {
  let repaired = 0;
  const done = code.replaceAll(
    /(catch\(([\w$]+)\)\{var ([\w$]+)=\2,([\w$]+)=!0\}finally\{(?:var [\w$]+=)?[\w$]+\([\w$]+,\3,\4)\)/g,
    (_, call, __, error, hasError) => {
      repaired++;
      return `${call},${hasError}=${error}=void 0)`;
    },
  );
  if (repaired !== code.split("=!0}finally{").length - 1)
    throw new Error(`${bundle}: esbuild writes \`using\` in another way: see forgetErrors`);
  return done;
}

async function baseEntry() {
  const files = (await readdir(path.join(source, "base"))).filter(
    (f) => f.endsWith(".ts") && !f.endsWith(".test.ts"),
  );
  return {
    stdin: {
      contents: files.map((file) => `export * from "./${file}";`).join("\n"),
      resolveDir: path.join(source, "base"),
    },
  };
}

async function main() {
  const { version } = JSON.parse(await readFile(path.join(root, "package.json"), "utf8"));
  const dist = path.join(root, "dist");
  const out = path.join(dist, `.new-${process.pid}`);
  try {
    await mkdir(out, { recursive: true });
    await writeFile(path.join(out, "package.json"), '{ "type": "commonjs" }\n');
    await bundleOne(baseBundle, await baseEntry(), out, version, new Map());
    const found = new Map([["keyward.cjs", path.join(source, "cli/main.ts")]]);
    for (const [bundle, file] of found) await bundleOne(bundle, { entryPoints: [file] }, out, version, found);
    await replace(out, dist);
    process.stdout.write(`built dist: ${found.size + 1} bundles\n`);
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

/**
 * Each file in one step over the one before, so that a program started meanwhile finds all it needs; then
 * what is no longer made goes. The single executable, when there is one, stays.
 */
async function replace(out, dist) {
  const made = await filesIn(out);
  for (const name of made) {
    await mkdir(path.dirname(path.join(dist, name)), { recursive: true });
    await rename(path.join(out, name), path.join(dist, name));
  }
  for (const name of await filesIn(dist))
    if (!made.includes(name) && !/^(?:exe|\.new-\d+)\//.test(name)) await rm(path.join(dist, name));
}

async function filesIn(directory) {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) =>
    path.relative(directory, path.join(entry.parentPath ?? entry.path, entry.name)),
  );
}

await main();
