// What the threads of the process run; built, it is one file, which load-program.ts loads.
export const loadCli = () => import('./cli/index.ts')
export const loadWorker = () => import('./server/worker-runtime.ts')
