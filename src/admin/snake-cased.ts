import { snakeCase } from '../config/index.ts'

/** Field names as everywhere in the admin interface. What a '@type' marks keeps it. */
export function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [snakeCase(key), snakeCased(inner)]))
}
