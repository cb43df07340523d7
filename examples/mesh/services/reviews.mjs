import { serve } from './service.mjs'

const REVIEWS = { tea: ['Wakes me up.', 'Too hot.'], cup: ['Holds tea.'], spoon: [] }

serve(url => {
  const item = /^\/reviews\/(\w+)$/.exec(url.pathname)?.[1]
  return REVIEWS[item] === undefined ? undefined : { item, reviews: REVIEWS[item] }
})
