import { listReviews } from './reviews-api.mjs'
import { serve } from './service.mjs'

const PRICES = { tea: 4, cup: 9, spoon: 2 }

serve(async (url, request) => {
  if (url.pathname === '/items') return { items: Object.keys(PRICES) }
  const item = /^\/items\/(\w+)$/.exec(url.pathname)?.[1]
  if (PRICES[item] === undefined) return undefined
  const reviews = await listReviews(item, request)
  return { item, price: PRICES[item], reviewCount: reviews.length }
})
