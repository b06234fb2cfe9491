import { TokenCacheFile } from '../../../src/auth/token-cache-file.js'
import { access } from './cache-access.js'

// A process of its own that changes a token cache ten times: started by token-cache-file.test.ts.
const [, , file = '', name = ''] = process.argv
const cache = new TokenCacheFile({ file, warn: () => {} })
for (let i = 0; i < 10; i++) await access(cache, content => (content[`${name}${i}`] = {}))
