// The short form of what peers do. A step is a word, what it needs, and lines of fields below; bytes are written \xNN.
//
//   req 1 end POST /x     a request with the usual pseudo-headers
//   head 1 end            HEADERS with just the fields below
//   data 1 end some text  `end`: END_STREAM; `$`: the stream that the origin was asked on
//   reset 1 8, goaway 1 0, settings 3=1, window 1 100, ping, frame 0 0 1 616263
//   text GET / HTTP/1.1   bytes, for HTTP/1.1
//   wait head             until this peer has seen that (see peers.ts); `wait origin head`: until the origin has
//   close, rst            FIN, RST
import { block, type Fields, frame, uint32 } from '../../../src/http/codec/http2/testing/frames.ts'

export const written = (text: string): string =>
  text
    .replace(/\{(.+?)\*(\d+)\}/g, (_, unit: string, times: string) => unit.repeat(Number(times)))
    .replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

function parseFields(lines: readonly string[]): Fields {
  return lines
    .filter(line => line !== '')
    .map(line => {
      const colon = line.indexOf(':', 1)
      return [written(line.slice(0, colon)), written(line.slice(colon + 2))]
    })
}

function headFrame(id: number, words: readonly string[], fields: Fields): Buffer {
  return frame(1, 4 | (words.includes('end') ? 1 : 0), id, block(fields))
}

/** Frames of a step; null: it is none. `stream`: what `$` stands for. */
export function stepFrames(step: string, stream: number): Buffer | null {
  const [first = '', ...lines] = step.split('\n')
  const [word, ...words] = first.split(' ')
  const id = words[0] === '$' ? stream : Number(words[0])
  switch (word) {
    case 'req': {
      const [method = 'GET', path = '/'] = words.slice(1).filter(one => one !== 'end')
      const pseudo: Fields = [
        [':method', method],
        [':scheme', 'http'],
        [':authority', 'svc.test'],
        [':path', written(path)],
      ]
      return headFrame(id, words, [...pseudo, ...parseFields(lines)])
    }
    case 'head':
      return headFrame(id, words, parseFields(lines))
    case 'data': {
      const end = words[1] === 'end'
      const text = written(words.slice(end ? 2 : 1).join(' '))
      return frame(0, end ? 1 : 0, id, text)
    }
    case 'reset':
      return frame(3, 0, id, uint32(Number(words[1])))
    case 'goaway':
      return frame(7, 0, 0, uint32(id, Number(words[1])))
    case 'settings':
      return frame(4, 0, 0, settingsOf(words))
    case 'window':
      return frame(8, 0, id, uint32(Number(words[1])))
    case 'ping':
      return frame(6, 0, 0, Buffer.alloc(8))
    case 'frame':
      return frame(
        Number(words[0]),
        Number(words[1]),
        words[2] === '$' ? stream : Number(words[2]),
        Buffer.from(words[3] ?? '', 'hex'),
      )
    default:
      return null
  }
}

export const settingsOf = (words: readonly string[]): Buffer =>
  Buffer.concat(
    words.map(word => {
      const [id, value] = word.split('=').map(Number)
      return Buffer.concat([uint32(id!).subarray(2), uint32(value!)])
    }),
  )
