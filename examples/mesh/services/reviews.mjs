// A gRPC service like any other: it speaks plain HTTP/2 to localhost and knows nothing of the mesh.
import grpc from '@grpc/grpc-js'
import { Reviews } from './reviews-api.mjs'

const REVIEWS = { tea: ['Wakes me up.', 'Too hot.'], cup: ['Holds tea.'], spoon: [] }

const server = new grpc.Server()
server.addService(Reviews.service, {
  List({ request }, answer) {
    const reviews = Object.hasOwn(REVIEWS, request.item) ? REVIEWS[request.item] : undefined
    if (reviews === undefined) answer({ code: grpc.status.NOT_FOUND, details: `no item ${request.item}` })
    else answer(null, { reviews })
  },
})
server.bindAsync(`127.0.0.1:${process.env.PORT}`, grpc.ServerCredentials.createInsecure(), error => {
  if (error) throw error
})
process.on('SIGTERM', () => server.tryShutdown(() => process.exit(0)))
