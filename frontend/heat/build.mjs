// Bundles src/ and the d3 modules it uses into liqcore/charts/assets/heat.js: `npm ci && npm run build`.
// Only whoever changes src/ needs node; the app serves the committed bundle.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const target = process.argv[2] ?? here("../../liqcore/charts/assets/heat.js");
await build({
  entryPoints: [here("src/index.js")],
  outfile: target,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  alias: { "d3-transition": here("src/unused.js"), "d3-interpolate": here("src/unused.js") },
  banner: { js: "/* Heatlab's heatmap (MIT) with d3 by Mike Bostock (ISC) inside: see NOTICE.txt beside this file. */" },
});
