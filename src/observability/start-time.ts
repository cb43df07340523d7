const pad = (value: number, width: number): string => String(value).padStart(width, '0')
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const LONG_DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** strftime over UTC with Envoy's additions: %s epoch seconds, %3f and the like fractions of a second. `ms` since the epoch. */
export function formatTime(ms: number, format: string): string {
  if (format === '') return new Date(ms).toISOString()
  const date = new Date(Math.floor(ms))
  const nanos = Math.floor((ms - Math.floor(ms / 1000) * 1000) * 1e6)
  return format.replace(/%([1-9]?)([a-zA-Z%])/g, (whole, width: string, letter: string) => {
    if (width !== '' && letter !== 'f') return whole
    return part(date, nanos, letter, width) ?? whole
  })
}

function part(date: Date, nanos: number, letter: string, width: string): string | undefined {
  switch (letter) {
    case 'Y':
      return String(date.getUTCFullYear())
    case 'y':
      return pad(date.getUTCFullYear() % 100, 2)
    case 'm':
      return pad(date.getUTCMonth() + 1, 2)
    case 'd':
      return pad(date.getUTCDate(), 2)
    case 'e':
      return String(date.getUTCDate()).padStart(2, ' ')
    case 'H':
      return pad(date.getUTCHours(), 2)
    case 'M':
      return pad(date.getUTCMinutes(), 2)
    case 'S':
      return pad(date.getUTCSeconds(), 2)
    case 'T':
      return `${pad(date.getUTCHours(), 2)}:${pad(date.getUTCMinutes(), 2)}:${pad(date.getUTCSeconds(), 2)}`
    case 'F':
      return date.toISOString().slice(0, 10)
    case 'a':
      return DAYS[date.getUTCDay()]
    case 'A':
      return LONG_DAYS[date.getUTCDay()]
    case 'b':
      return MONTHS[date.getUTCMonth()]
    case 'z':
      return '+0000'
    case 'Z':
      return 'UTC'
    case 's':
      return String(Math.floor(date.getTime() / 1000))
    case 'f':
      return pad(nanos, 9).slice(0, width === '' ? 9 : Number(width))
    case '%':
      return '%'
    default:
      return undefined
  }
}
