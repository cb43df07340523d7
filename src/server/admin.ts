import { writeFileSync } from 'node:fs'
import { AdminAccessLog, type AdminPlan, AdminServer, AdminStats } from '../admin/index.ts'
import { finishLogFiles, reopenLogFiles, setLogFlushInterval, type ThreadContext } from '../net/index.ts'
import { log } from '../observability/index.ts'
import { AdminView } from './admin-view.ts'
import { mainThread } from './main-thread.ts'
import type { Server } from './server.ts'

const logger = log('admin')

/** The admin interface of a running server. */
export class Admin {
  private readonly server: AdminServer
  private readonly thread: ThreadContext

  private constructor(server: AdminServer, thread: ThreadContext) {
    this.server = server
    this.thread = thread
  }

  /** Rejects with the system's error when the address cannot be bound. */
  static async start(plan: AdminPlan, server: Server): Promise<Admin> {
    const { options, stats, configuration, runtime } = server
    const thread = mainThread(stats, configuration!.node, runtime.values())
    setLogFlushInterval(thread, options.fileFlushIntervalMs)
    const traffic = [
      new AdminStats(stats),
      ...(plan.accessLogs.length > 0 ? [new AdminAccessLog(plan.accessLogs, thread)] : []),
    ]
    const admin = new AdminServer(plan, new AdminView(server), traffic)
    const address = await admin.listen()
    logger.info(`admin address: ${address}`)
    if (options.adminAddressPath !== null) writeFileSync(options.adminAddressPath, address)
    return new Admin(admin, thread)
  }

  reopenLogs(): void {
    reopenLogFiles(this.thread)
  }

  async close(): Promise<void> {
    await this.server.close()
    await finishLogFiles(this.thread)
  }
}
