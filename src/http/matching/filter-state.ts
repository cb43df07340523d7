import { type StreamInfo, textInFilterState } from '../../observability/index.ts'

/** An entry of the filter state as text; null: it is not there. */
export function filterStateText({ filterState }: StreamInfo, key: string): string | null {
  return textInFilterState(filterState, key)
}
