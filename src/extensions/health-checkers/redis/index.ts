import type { RedisJson } from '#api/envoy/extensions/health_checkers/redis/v3/redis_pb.ts'
import { toWireText } from '../../../base/index.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { respCommand } from '../../../net/resp/index.ts'
import type { CheckerPlan } from '../../../upstream/index.ts'
import { RedisCheck } from './redis-check.ts'

const TYPE = 'envoy.extensions.health_checkers.redis.v3.Redis'

declareSupport(TYPE, {
  supported: ['key'],
  refused: { aws_iam: 'tokens of AWS are not made here; checks need a Redis that lets PING pass' },
})

const command = (...words: string[]): Buffer => Buffer.from(respCommand(words.map(toWireText)), 'latin1')

/** envoy.health_checkers.redis: PING, or EXISTS with a key that marks a host as out of service. */
export const redisHealthCheckerFactory: ExtensionFactory<CheckerPlan> = {
  name: 'envoy.health_checkers.redis',
  category: 'envoy.health_checkers',
  typeNames: [TYPE],
  compile: config => {
    const { key = '' } = config as RedisJson
    const [request, answer] = key === '' ? [command('PING'), '+PONG'] : [command('EXISTS', key), ':0']
    return {
      type: 'REDIS',
      host: '',
      open: (target, results) => new RedisCheck(request, answer, target, results),
    }
  },
}
