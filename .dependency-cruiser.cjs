/** Imports go one way: folder under src -> folders it may import, besides itself. */
const MAY_IMPORT = {
  model: [],
  concurrency: ['model'],
  store: ['model'],
  auth: ['model', 'concurrency', 'http'],
  http: ['model', 'concurrency'],
  graph: ['model', 'concurrency', 'http'],
  libraries: ['model', 'concurrency', 'http'],
  hydration: ['model', 'concurrency', 'store'],
  dirty: ['model', 'concurrency'],
  sync: ['model', 'concurrency', 'store'],
  uploads: ['model', 'concurrency', 'store', 'dirty'],
  thumbnails: ['model', 'concurrency', 'store'],
  fs: ['model', 'concurrency', 'store', 'dirty', 'hydration', 'thumbnails'],
  transport: ['model', 'fs'],
  control: ['model'],
  desktop: ['model', 'control'],
  cli: ['model', 'control', 'desktop'],
  emulator: [],
}
/** Packages that only one place may know. */
const WALLED = {
  '@azure/msal-node': '^src/auth/msal-client\\.ts$',
  'better-sqlite3': '^src/store/',
  commander: '^src/(cli|emulator)/',
  sharp: '^src/(thumbnails/decoder/|emulator/world/)',
  'socket.io': '^src/emulator/',
  'socket.io-client': '^src/http/',
  undici: '^src/http/',
}

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    ...Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
      name: `layer-${folder}`,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: { path: '^src/', pathNot: `^src/(${[folder, ...allowed].join('|')})/` },
    })),
    ...Object.entries(WALLED).map(([name, place]) => ({
      name: `walled-${name}`,
      severity: 'error',
      from: { pathNot: place },
      to: { path: `node_modules/${name}/` },
    })),
  ],
  options: { tsPreCompilationDeps: true, tsConfig: { fileName: 'tsconfig.json' }, doNotFollow: { path: 'node_modules' } },
}
