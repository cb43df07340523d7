import './bootstrap.ts'
import './core.ts'
import './discovery.ts'
import './type.ts'
