import './bootstrap.ts'
import './core.ts'
import './type.ts'
