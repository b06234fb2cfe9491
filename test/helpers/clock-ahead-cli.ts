// What the command starts, the daemon above all, loads clock-ahead-daemon.js first.
process.env['NODE_OPTIONS'] = `--import=${new URL('./clock-ahead-daemon.js', import.meta.url).href}`
await import('../../src/cli/main.js')
