/**
 * Bundles the command into one directory of ES modules.
 *
 * Splitting keeps each subcommand's weight apart: `kproxy status` loads neither the API client nor the
 * addon. Bundling is also what keeps the unused bulk of dependencies out of the agent.
 */
import { renameSync, rmSync } from 'node:fs'
import { build, type Plugin } from 'esbuild'

const outdir = process.argv[2]
if (outdir === undefined) throw new Error('usage: node bundle.ts OUTDIR')

/**
 * The API client's configuration imports its generated API classes, 50 MB of memory, for a method that
 * kproxy never calls. The package does not say that its modules have no side effects, so we do.
 */
const withoutGeneratedApis: Plugin = {
  name: 'without-generated-apis',
  setup({ onResolve, resolve }) {
    const inside = Symbol('already resolving')
    onResolve({ filter: /^\.\.?\// }, async ({ path, pluginData, ...rest }) => {
      if (pluginData === inside || !rest.importer.includes('/@kubernetes/client-node/')) return null
      const { importer, resolveDir, kind } = rest
      const resolved = await resolve(path, { importer, resolveDir, kind, pluginData: inside })
      return { ...resolved, sideEffects: !resolved.path.includes('/client-node/dist/gen/') }
    })
  },
}

/**
 * The API client's configuration makes undici dispatchers for those classes, too. The agent's own streams
 * go over node:https, and without undici it starts 30 ms sooner and 5 MB smaller.
 */
const withoutUndici: Plugin = {
  name: 'without-undici',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, ({ importer }) =>
      importer.includes('/@kubernetes/client-node/')
        ? { path: 'undici', namespace: 'never-used' }
        : null,
    )
    onLoad({ filter: /^undici$/, namespace: 'never-used' }, () => ({
      contents: 'export class Agent {}\nexport class ProxyAgent {}\nexport const fetch = undefined',
    }))
  },
}

/**
 * `import` of a module of Node.js reads everything that it exports. Of node:http that loads undici, for the
 * WebSocket among it: 45 ms and 5 MB of a start. `require` does not.
 */
const httpByRequire: Plugin = {
  name: 'http-by-require',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(node:)?https?$/ }, ({ path, kind }) => {
      if (kind === 'require-call') return null
      return { path: path.replace('node:', ''), namespace: 'by-require' }
    })
    onLoad({ filter: /./, namespace: 'by-require' }, ({ path }) => ({
      contents: `module.exports = require('node:${path}')`,
    }))
  },
}

// Built beside and renamed at the end: a build that fails leaves the last good command in place.
const fresh = `${outdir}.new`
rmSync(fresh, { recursive: true, force: true })
await build({
  entryPoints: ['control/cli/main.ts'],
  outdir: fresh,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  minifySyntax: true,
  // Sources stay in memory, with two bytes a character where a comment has a dash or a section sign:
  // without comments the agent is 2 MB smaller. Names stay, for stack traces.
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
  plugins: [withoutGeneratedApis, withoutUndici, httpByRequire],
  // CommonJS dependencies inside an ES module bundle still call require().
  banner: {
    js: "import { createRequire as __kproxyRequire } from 'node:module'; const require = __kproxyRequire(import.meta.url);",
  },
})
rmSync(outdir, { recursive: true, force: true })
renameSync(fresh, outdir)
