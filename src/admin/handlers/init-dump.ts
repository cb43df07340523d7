import { type Endpoint, json } from '../endpoint.ts'

export const initDump: Endpoint = {
  path: '/init_dump',
  help: 'dump current Envoy init manager information (experimental)',
  params: [
    {
      name: 'mask',
      help: 'The desired component to dump unready targets. The mask is parsed as a Protobuf::FieldMask. For example, get the unready targets of all listeners with /init_dump?mask=listener`',
    },
  ],
  handle: ({ params }, sources) => {
    const mask = params.get('mask')
    const waiting = sources.initDump().filter(({ name, targets }) => {
      return targets.length > 0 && (mask !== 'listener' || name.startsWith('init manager Listener'))
    })
    if (waiting.length === 0) return json({})
    return json({ unready_targets_dumps: waiting.map(({ name, targets }) => ({ name, target_names: targets })) })
  },
}
