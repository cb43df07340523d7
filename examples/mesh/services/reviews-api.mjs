// The gRPC API of the reviews service, for itself and for who calls it.
import grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

const file = new URL('reviews.proto', import.meta.url).pathname
export const { Reviews } = grpc.loadPackageDefinition(loadSync(file, { defaults: true })).demo

let client = null

/** Asks for the reviews of an item, through the sidecar's egress listener: in plain text, on localhost. */
export function listReviews(item, request) {
  client ??= new Reviews(`127.0.0.1:${process.env.EGRESS_PORT}`, grpc.credentials.createInsecure(), {
    'grpc.default_authority': 'reviews',
  })
  const metadata = new grpc.Metadata()
  const id = request.headers['x-request-id']
  if (id !== undefined) metadata.set('x-request-id', id)
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + 2000
    client.List({ item }, metadata, { deadline }, (error, reply) => (error ? reject(error) : resolve(reply.reviews)))
  })
}

export function closeClient() {
  client?.close()
}
