import type { TokenCacheFile } from '../../../src/auth/token-cache-file.js'

/** What MSAL does around one access: load, change, save. */
export async function access(
  cache: TokenCacheFile,
  change?: (content: Record<string, unknown>) => void,
): Promise<string> {
  let content = ''
  const context = {
    cacheHasChanged: change !== undefined,
    tokenCache: { serialize: () => content, deserialize: (loaded: string) => void (content = loaded) },
  }
  await cache.beforeCacheAccess(context)
  if (change) {
    const parsed = JSON.parse(content) as Record<string, unknown>
    change(parsed)
    content = JSON.stringify(parsed)
  }
  await cache.afterCacheAccess(context)
  return content
}
