import { writeFileSync } from 'node:fs'
import { AdminAccessLog, type AdminPlan, AdminServer, AdminStats } from '../admin/index.ts'
import { log } from '../observability/index.ts'
import { AdminView } from './admin-view.ts'
import type { Server } from './server.ts'

const logger = log('admin')

/** The admin interface of a running server. */
export class Admin {
  private readonly server: AdminServer

  private constructor(server: AdminServer) {
    this.server = server
  }

  /** Rejects with the system's error when the address cannot be bound. */
  static async start(plan: AdminPlan, server: Server): Promise<Admin> {
    const { options, stats } = server
    const traffic = [
      new AdminStats(stats),
      ...(plan.accessLogs.length > 0 ? [new AdminAccessLog(plan.accessLogs, server.thread())] : []),
    ]
    const admin = new AdminServer(plan, new AdminView(server), traffic)
    const address = await admin.listen()
    logger.info(`admin address: ${address}`)
    if (options.adminAddressPath !== null) writeFileSync(options.adminAddressPath, address)
    return new Admin(admin)
  }

  close(): Promise<void> {
    return this.server.close()
  }
}
