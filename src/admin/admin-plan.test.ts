import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CompileContext, ConfigPath, Diagnostics, ExtensionRegistry } from '../config/index.ts'
import { compileAdmin } from './admin-plan.ts'

test('access_log_path stands for a file access logger, besides those of access_log', () => {
  const extensions = new ExtensionRegistry()
  const written: unknown[] = []
  extensions.register({
    name: 'envoy.access_loggers.file',
    category: 'envoy.access_loggers',
    typeNames: ['envoy.extensions.access_loggers.file.v3.FileAccessLog'],
    compile: config => {
      written.push((config as { path: string }).path)
      return { open: () => ({ log: () => {} }) }
    },
  })
  const context = { extensions, diagnostics: new Diagnostics() } as unknown as CompileContext
  const file = (path: string) => ({
    typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog', path },
  })
  const address = { socketAddress: { address: '127.0.0.1', portValue: 9901 } }
  const admin = { address, accessLog: [file('/new')], accessLogPath: '/dev/null' }
  assert.equal(compileAdmin(admin, context, ConfigPath.root.field('admin'))?.accessLogs.length, 2)
  assert.deepEqual(written, ['/new', '/dev/null'])
  assert.equal(compileAdmin({ address, accessLogPath: '' }, context, ConfigPath.root)?.accessLogs.length, 0)
  assert.deepEqual(context.diagnostics.list, [])
})
