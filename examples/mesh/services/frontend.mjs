import { listReviews } from './reviews-api.mjs'
import { call, serve } from './service.mjs'

serve(async (url, request) => {
  if (url.pathname === '/') return call('catalog', '/items', request)
  const item = /^\/item\/(\w+)$/.exec(url.pathname)?.[1]
  if (item === undefined) return undefined
  const [facts, reviews] = await Promise.all([call('catalog', `/items/${item}`, request), listReviews(item, request)])
  return { ...facts, reviews }
})
