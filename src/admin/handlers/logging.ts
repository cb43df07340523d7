import { type AdminResponse, type Endpoint, text } from '../endpoint.ts'
import type { QueryParams } from '../query.ts'
import type { LoggerLevels } from '../sources.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'] as const

const USAGE = `
usage: /logging?<name>=<level> (change single level)
usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)
usage: /logging?level=<level> (change all levels)
usage: /logging?group=<group_name>:<level> (change group of loggers)
levels: ${LOG_LEVELS.join(' ')} 
`

/** What is wrong with a change, or undefined once it is made; all of it is checked before any of it is made. */
function change(params: QueryParams, loggers: LoggerLevels): string | undefined {
  if (params.size > 1) return 'invalid number of parameters'
  const [entry] = params
  if (entry === undefined || entry[1] === '') return undefined
  const [name, value] = entry
  if (name === 'level') {
    if (!isLevel(value)) return 'unknown logger level'
    loggers.set(null, value)
    return undefined
  }
  const pairs = name === 'paths' ? value.split(',') : name === 'group' ? [value] : [`${name}:${value}`]
  const known = new Set(Array.from(loggers.list(), logger => logger.name))
  const changes: (readonly [string, string])[] = []
  for (const pair of pairs) {
    const colon = pair.lastIndexOf(':')
    const [logger, level] = [pair.slice(0, Math.max(colon, 0)), pair.slice(colon + 1)]
    if (!isLevel(level)) return 'unknown logger level'
    if (!known.has(logger)) return 'unknown logger name'
    changes.push([logger, level])
  }
  for (const [logger, level] of changes) loggers.set(logger, level)
  return undefined
}

function isLevel(text: string): boolean {
  return (LOG_LEVELS as readonly string[]).includes(text)
}

function active(loggers: LoggerLevels): string {
  let out = 'active loggers:\n'
  for (const { name, level } of loggers.list()) out += `  ${name}: ${level}\n`
  return `${out}\n`
}

export const logging: Endpoint = {
  path: '/logging',
  help: 'query/change logging levels',
  params: [
    {
      name: 'paths',
      help: 'Change multiple logging levels by setting to <logger_name1>:<desired_level1>,<logger_name2>:<desired_level2>',
    },
    { name: 'group', help: 'Change given logger group to desired level, set to <logger_group_name>:<desired_level>' },
    {
      name: 'level',
      help: "desired logging level, this will change all loggers's level",
      choices: ['', ...LOG_LEVELS],
    },
  ],
  mutates: true,
  handle: ({ params }, { loggers }): AdminResponse => {
    const wrong = change(params, loggers)
    if (wrong === undefined) return text(active(loggers))
    return text(`error: ${wrong}\n${USAGE}${active(loggers)}`, 400)
  },
}
